// Verifies an identity provider's token: first its head, by our rules; then the signature, by libjwt under the one key
// and algorithm that we chose; only then the claims.
#include <jansson.h>
#include <jwt.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/encoding.h"
#include "http/access_token.h"
#include "http/json_scan.h"
#include "http/jwks_priv.h"

#define CLAIMS_DEPTH 16

static enum rc refuse(struct err *err, const char *why)
{
	return err_set(err, RC_DENIED, "external token: %s", why);
}

// A token's part: canonical base64url of a JSON object without duplicate names. NULL otherwise.
static json_t *parse_part(const char *text, size_t length)
{
	char bytes[JWKS_TOKEN_MAX_BYTES];
	size_t size = 0;
	if (length == 0 || !decode_base64url(text, length, bytes, sizeof bytes, &size) ||
	    json_scan(bytes, size, CLAIMS_DEPTH, JWKS_TOKEN_MAX_BYTES) != JSON_SCAN_GOOD)
		return NULL;
	json_t *json = json_loadb(bytes, size, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_object(json))
		return json;
	json_decref(json);
	return NULL;
}

static const struct jwks_key *find_key(const struct jwks *jwks, const char *id)
{
	for (size_t i = 0; i < jwks->count; i++)
		if (strcmp(jwks->keys[i].id, id) == 0)
			return &jwks->keys[i];
	return NULL;
}

static enum rc check_head(const struct jwks *jwks, const json_t *head, const struct jwks_key **ret_key, struct err *err)
{
	// Keys that a token brings along or points to, and extensions that we would have to understand.
	static const char *const REFUSED[] = { "jku", "jwk", "x5u", "x5c", "crit" };
	for (size_t i = 0; i < sizeof REFUSED / sizeof REFUSED[0]; i++)
		if (json_object_get(head, REFUSED[i]) != NULL)
			return refuse(err, "it names a key of its own, or extensions");
	const char *algorithm = json_string_value(json_object_get(head, "alg"));
	const char *id = json_string_value(json_object_get(head, "kid"));
	const char *type = json_string_value(json_object_get(head, "typ"));
	if (algorithm == NULL || (strcmp(algorithm, "RS256") != 0 && strcmp(algorithm, "ES256") != 0))
		return refuse(err, "its algorithm is not RS256 or ES256");
	if (json_object_get(head, "typ") != NULL &&
	    (type == NULL || (strcasecmp(type, "JWT") != 0 && strcasecmp(type, "at+jwt") != 0)))
		return refuse(err, "it is not a JWT by its typ");
	if (id == NULL || strlen(id) != json_string_length(json_object_get(head, "kid")))
		return refuse(err, "it names no key");
	const struct jwks_key *key = find_key(jwks, id);
	if (key == NULL)
		return err_set(err, RC_NOT_FOUND, "external token: its key is not in the set");
	if (strcmp(key->algorithm, algorithm) != 0)
		return refuse(err, "its algorithm is not its key's");
	*ret_key = key;
	return RC_OK;
}

static bool check_signature(const struct jwks_key *key, const char *token)
{
	jwt_t *jwt = NULL;
	bool good = jwt_decode(&jwt, token, (const unsigned char *)key->pem, (int)key->pem_length) == 0 &&
	            jwt != NULL && jwt_get_alg(jwt) == jwt_str_alg(key->algorithm);
	jwt_free(jwt);
	return good;
}

// A text member without NUL, of at most size - 1 bytes; "" otherwise. False then.
static bool read_text(const json_t *claims, const char *name, char *ret_text, size_t size)
{
	const json_t *value = json_object_get(claims, name);
	size_t length = json_string_length(value);
	*ret_text = '\0';
	if (!json_is_string(value) || length == 0 || length >= size || strlen(json_string_value(value)) != length)
		return false;
	memcpy(ret_text, json_string_value(value), length + 1);
	return true;
}

static bool is_text(const json_t *value, const char *wanted)
{
	return json_is_string(value) && json_string_length(value) == strlen(wanted) &&
	       strcmp(json_string_value(value), wanted) == 0;
}

// aud is one text or a list of them (RFC 7519 §4.1.3).
static bool is_for(const json_t *claims, const char *audience)
{
	const json_t *value = json_object_get(claims, "aud");
	for (size_t i = 0; i < json_array_size(value); i++)
		if (is_text(json_array_get(value, i), audience))
			return true;
	return is_text(value, audience);
}

// True when the time is absent (unless it must be there) or an integer not beyond now and the leeway.
static bool has_begun(const json_t *claims, const char *name, int64_t now)
{
	const json_t *value = json_object_get(claims, name);
	return value == NULL ||
	       (json_is_integer(value) && json_integer_value(value) <= now + ACCESS_TOKEN_LEEWAY_SECONDS);
}

static enum rc check_claims(const json_t *json, const char *issuer, const char *audience, int64_t now,
                            struct jwks_claims *ret_claims, struct err *err)
{
	struct jwks_claims claims;
	const json_t *expires = json_object_get(json, "exp");
	if (!is_text(json_object_get(json, "iss"), issuer) || !is_for(json, audience))
		return refuse(err, "issued by or for somebody else");
	if (!json_is_integer(expires) || json_integer_value(expires) <= now)
		return refuse(err, "expired, or without exp");
	if (!has_begun(json, "iat", now) || !has_begun(json, "nbf", now))
		return refuse(err, "not valid yet");
	if (!read_text(json, "sub", claims.subject, sizeof claims.subject))
		return refuse(err, "it has no subject, or a long one");
	claims.expires_at = json_integer_value(expires);
	(void)read_text(json, "name", claims.name, sizeof claims.name);
	(void)read_text(json, "email", claims.email, sizeof claims.email);
	if (!json_is_true(json_object_get(json, "email_verified")))
		claims.email[0] = '\0';
	*ret_claims = claims;
	return RC_OK;
}

enum rc jwks_verify(const struct jwks *jwks, const char *token, const char *issuer, const char *audience, int64_t now,
                    struct jwks_claims *ret_claims, struct err *err)
{
	unsigned char signature[JWKS_TOKEN_MAX_BYTES];
	size_t signature_length = 0;
	if (strnlen(token, JWKS_TOKEN_MAX_BYTES + 1) > JWKS_TOKEN_MAX_BYTES)
		return refuse(err, "too long");
	const char *first = strchr(token, '.');
	const char *second = first == NULL ? NULL : strchr(first + 1, '.');
	// libjwt is lenient about base64; one token has one text here.
	if (second == NULL ||
	    !decode_base64url(second + 1, strlen(second + 1), signature, sizeof signature, &signature_length))
		return refuse(err, "not three parts of canonical base64url");
	const struct jwks_key *key = NULL;
	json_t *head = parse_part(token, (size_t)(first - token));
	enum rc rc = head == NULL ? refuse(err, "the header is malformed") : check_head(jwks, head, &key, err);
	json_decref(head);
	if (rc != RC_OK)
		return rc;
	if (!check_signature(key, token))
		return refuse(err, "the signature is wrong");
	json_t *claims = parse_part(first + 1, (size_t)(second - first - 1));
	rc = claims == NULL ? refuse(err, "the claims are malformed")
	                    : check_claims(claims, issuer, audience, now, ret_claims, err);
	json_decref(claims);
	return rc;
}
