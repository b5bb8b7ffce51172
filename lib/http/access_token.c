// Issues access tokens by libjwt and verifies them ourselves.
//
// libjwt's jwt_decode() would cost as much again as all of this (6 us of 11), reads the claims before it has checked
// the signature, and takes duplicate names. Here: the shape, one canonical base64url text a part, the one algorithm and
// a key chosen from our list alone; then the MAC, in constant time under a prepared key; only then the claims.
#include "http/access_token.h"

#include <jansson.h>
#include <jwt.h>
#include <string.h>

#include "base/crypto.h"
#include "base/encoding.h"
#include "http/access_keys.h"
#include "http/json_scan.h"

// ---- issuing ------------------------------------------------------------------------------------------------------

enum rc access_token_issue(const struct access_token_keys *keys, const struct access_token_claims *claims,
                           char **ret_token, struct err *err)
{
	const struct access_key *key = &keys->items[0];
	char user[UUID_TEXT_SIZE];
	char session[UUID_TEXT_SIZE];
	uuid_format(&claims->principal.user_id, user);
	uuid_format(&claims->principal.session_id, session);
	jwt_t *jwt = NULL;
	if (jwt_new(&jwt) != 0)
		return err_set(err, RC_NO_MEMORY, "no memory for an access token");
	bool good = jwt_add_header(jwt, "kid", key->id) == 0 && jwt_add_grant(jwt, "iss", keys->issuer) == 0 &&
	            jwt_add_grant(jwt, "aud", keys->audience) == 0 && jwt_add_grant(jwt, "typ", "access") == 0 &&
	            jwt_add_grant(jwt, "sub", user) == 0 && jwt_add_grant(jwt, "sid", session) == 0 &&
	            jwt_add_grant_bool(jwt, "admin", claims->principal.is_admin) == 0 &&
	            jwt_add_grant_int(jwt, "iat", claims->issued_at) == 0 &&
	            jwt_add_grant_int(jwt, "exp", claims->expires_at) == 0 &&
	            jwt_set_alg(jwt, JWT_ALG_HS256, key->secret, sizeof key->secret) == 0;
	char *token = good ? jwt_encode_str(jwt) : NULL;
	jwt_free(jwt);
	if (token == NULL)
		return err_set(err, RC_INTERNAL, "cannot make an access token");
	*ret_token = token;
	return RC_OK;
}

// ---- verifying ----------------------------------------------------------------------------------------------------

static enum rc refuse(struct err *err, const char *why)
{
	return err_set(err, RC_DENIED, "access token: %s", why);
}

// A token's part as text: base64url in its one canonical form.
struct token_part {
	char bytes[ACCESS_TOKEN_MAX_BYTES];
	size_t length;
};

static bool decode_part(const char *text, size_t length, struct token_part *ret_part)
{
	return length > 0 && decode_base64url(text, length, ret_part->bytes, sizeof ret_part->bytes, &ret_part->length);
}

// An object of texts, numbers and booleans: ours hold no other objects and no arrays.
static json_t *parse_part(const struct token_part *part)
{
	if (json_scan(part->bytes, part->length, 1, ACCESS_TOKEN_MAX_BYTES) != JSON_SCAN_GOOD)
		return NULL;
	json_t *json = json_loadb(part->bytes, part->length, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_object(json))
		return json;
	json_decref(json);
	return NULL;
}

static bool text_is(const json_t *object, const char *name, const char *wanted)
{
	const json_t *value = json_object_get(object, name);
	return json_is_string(value) && json_string_length(value) == strlen(wanted) &&
	       strcmp(json_string_value(value), wanted) == 0;
}

// The header may hold alg, kid and typ, nothing else: so no jku, x5u, jwk, crit.
static const struct access_key *check_header(const struct access_token_keys *keys, const json_t *header)
{
	const char *id = json_string_value(json_object_get(header, "kid"));
	const json_t *type = json_object_get(header, "typ");
	size_t expected = type == NULL ? 2 : 3;
	if (id == NULL || !text_is(header, "alg", "HS256") || (type != NULL && !text_is(header, "typ", "JWT")) ||
	    json_object_size(header) != expected)
		return NULL;
	return access_key_find(keys, id, json_string_length(json_object_get(header, "kid")));
}

static enum rc check_head(const struct access_token_keys *keys, const char *text, size_t length,
                          const struct access_key **ret_key, struct err *err)
{
	struct token_part part;
	if (!decode_part(text, length, &part))
		return refuse(err, "the header is not canonical base64url");
	json_t *header = parse_part(&part);
	const struct access_key *key = header == NULL ? NULL : check_header(keys, header);
	json_decref(header);
	if (key == NULL)
		return refuse(err, "the header is not one of ours");
	*ret_key = key;
	return RC_OK;
}

static bool read_time(const json_t *claims, const char *name, int64_t *ret_seconds)
{
	const json_t *value = json_object_get(claims, name);
	if (!json_is_integer(value))
		return false;
	*ret_seconds = json_integer_value(value);
	return true;
}

static bool read_id(const json_t *claims, const char *name, struct uuid *ret_id)
{
	const char *text = json_string_value(json_object_get(claims, name));
	return text != NULL && uuid_parse(text, ret_id);
}

static enum rc check_claims(const struct access_token_keys *keys, const json_t *json, int64_t now,
                            struct access_token_claims *ret_claims, struct err *err)
{
	struct access_token_claims claims = { .issued_at = 0 };
	int64_t not_before = 0;
	if (!text_is(json, "iss", keys->issuer) || !text_is(json, "aud", keys->audience))
		return refuse(err, "issued by or for somebody else");
	if (!text_is(json, "typ", "access"))
		return refuse(err, "not an access token");
	if (!read_time(json, "exp", &claims.expires_at) || claims.expires_at <= now)
		return refuse(err, "expired, or without exp");
	if (!read_time(json, "iat", &claims.issued_at) || claims.issued_at > now + ACCESS_TOKEN_LEEWAY_SECONDS)
		return refuse(err, "issued in the future, or without iat");
	if (json_object_get(json, "nbf") != NULL &&
	    (!read_time(json, "nbf", &not_before) || not_before > now + ACCESS_TOKEN_LEEWAY_SECONDS))
		return refuse(err, "not valid yet");
	if (!read_id(json, "sub", &claims.principal.user_id) || !read_id(json, "sid", &claims.principal.session_id))
		return refuse(err, "sub or sid is not an id");
	const json_t *admin = json_object_get(json, "admin");
	if (admin != NULL && !json_is_boolean(admin))
		return refuse(err, "admin is not a boolean");
	claims.principal.is_admin = json_is_true(admin);
	claims.principal.expires_at = claims.expires_at;
	*ret_claims = claims;
	return RC_OK;
}

// length bytes of the token are signed: header, dot, claims.
static bool check_signature(const struct access_key *key, const char *token, size_t length, const char *signature)
{
	uint8_t given[SHA256_SIZE];
	uint8_t right[SHA256_SIZE];
	size_t given_length = 0;
	if (!decode_base64url(signature, strlen(signature), given, sizeof given, &given_length) ||
	    given_length != sizeof given)
		return false;
	hmac_of(&key->mac, token, length, right);
	return crypto_equal(given, right, sizeof right);
}

enum rc access_token_verify(const struct access_token_keys *keys, const char *token, int64_t now,
                            struct access_token_claims *ret_claims, struct err *err)
{
	if (strnlen(token, ACCESS_TOKEN_MAX_BYTES + 1) > ACCESS_TOKEN_MAX_BYTES)
		return refuse(err, "too long");
	const char *first = strchr(token, '.');
	const char *second = first == NULL ? NULL : strchr(first + 1, '.');
	if (second == NULL || strchr(second + 1, '.') != NULL)
		return refuse(err, "not three parts");
	const struct access_key *key = NULL;
	enum rc rc = check_head(keys, token, (size_t)(first - token), &key, err);
	if (rc != RC_OK)
		return rc;
	if (!check_signature(key, token, (size_t)(second - token), second + 1))
		return refuse(err, "the signature is wrong");
	struct token_part part;
	json_t *json = decode_part(first + 1, (size_t)(second - first - 1), &part) ? parse_part(&part) : NULL;
	rc = json == NULL ? refuse(err, "the claims are malformed") : check_claims(keys, json, now, ret_claims, err);
	json_decref(json);
	return rc;
}
