// Making, deriving and recognising refresh tokens.
#include "metadata-api/refresh_token.h"

#include <string.h>

#define LABEL "safelight-refresh-v1"

void refresh_token_new(const struct uuid *session_id, struct refresh_token *ret_token)
{
	ret_token->session_id = *session_id;
	random_fill(ret_token->secret, sizeof ret_token->secret);
}

void refresh_token_next(const struct hmac_key *key, const struct refresh_token *token, struct refresh_token *ret_next)
{
	unsigned char message[sizeof LABEL - 1 + REFRESH_SECRET_BYTES];
	memcpy(message, LABEL, sizeof LABEL - 1);
	memcpy(message + sizeof LABEL - 1, token->secret, sizeof token->secret);
	ret_next->session_id = token->session_id;
	hmac_of(key, message, sizeof message, ret_next->secret);
	crypto_wipe(message, sizeof message);
}

void refresh_token_hash(const struct refresh_token *token, unsigned char ret_hash[SHA256_SIZE])
{
	sha256_of(token->secret, sizeof token->secret, ret_hash);
}

void refresh_token_format(const struct refresh_token *token, char ret_text[REFRESH_TOKEN_SIZE])
{
	unsigned char bytes[16 + REFRESH_SECRET_BYTES];
	memcpy(bytes, token->session_id.bytes, 16);
	memcpy(bytes + 16, token->secret, REFRESH_SECRET_BYTES);
	encode_base64url(bytes, sizeof bytes, ret_text);
	crypto_wipe(bytes, sizeof bytes);
}

bool refresh_token_parse(const char *text, struct refresh_token *ret_token)
{
	unsigned char bytes[16 + REFRESH_SECRET_BYTES];
	size_t length = 0;
	if (!decode_base64url(text, strlen(text), bytes, sizeof bytes, &length) || length != sizeof bytes)
		return false;
	memcpy(ret_token->session_id.bytes, bytes, 16);
	memcpy(ret_token->secret, bytes + 16, REFRESH_SECRET_BYTES);
	crypto_wipe(bytes, sizeof bytes);
	return true;
}

bool refresh_token_is_ancestor(const struct hmac_key *key, const struct refresh_token *token,
                               const unsigned char present[SHA256_SIZE])
{
	struct refresh_token at = *token;
	bool reached = false;
	for (int i = 0; i < REFRESH_LOOK_BACK && !reached; i++) {
		unsigned char hash[SHA256_SIZE];
		struct refresh_token next;
		refresh_token_next(key, &at, &next);
		at = next;
		refresh_token_hash(&at, hash);
		reached = crypto_equal(hash, present, sizeof hash);
	}
	crypto_wipe(&at, sizeof at);
	return reached;
}
