// Access tokens: what is issued is accepted; of everything else nothing is.
#include "cmocka_all.h"

#include <jwt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/crypto.h"
#include "base/encoding.h"
#include "http/access_token.h"

#define KEY_A "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define KEY_B "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100"
#define NOW 1800000000

static struct access_token_keys *make_keys(const char *text)
{
	struct access_token_keys *keys = NULL;
	struct err err = { .rc = RC_OK };
	assert_int_equal(crypto_init(&err), RC_OK);
	if (access_token_keys_new(text, "safelight", "safelight", &keys, &err) != RC_OK)
		fail_msg("%s", err.text);
	return keys;
}

static int start(void **state)
{
	*state = make_keys("a:" KEY_A);
	return 0;
}

static int stop(void **state)
{
	access_token_keys_free(*state);
	return 0;
}

static struct access_token_claims make_claims(void)
{
	struct access_token_claims claims = { .issued_at = NOW, .expires_at = NOW + 900 };
	assert_true(uuid_parse("01a20c61-3596-7752-a017-fb5176d3700c", &claims.principal.user_id));
	assert_true(uuid_parse("01a20c61-3596-7752-a017-000000000001", &claims.principal.session_id));
	return claims;
}

static char *issue(const struct access_token_keys *keys)
{
	struct access_token_claims claims = make_claims();
	char *token = NULL;
	assert_int_equal(access_token_issue(keys, &claims, &token, NULL), RC_OK);
	return token;
}

static enum rc verify(const struct access_token_keys *keys, const char *token)
{
	struct access_token_claims claims;
	return access_token_verify(keys, token, NOW, &claims, NULL);
}

// ---- tokens made by hand
// ----------------------------------------------------------------------------------------------

// Header and claims as given, signed with KEY_A like a real token.
static const char *forge(const char *header, const char *claims)
{
	static char token[16384];
	char part[8192];
	uint8_t secret[SHA256_SIZE];
	uint8_t mac[SHA256_SIZE];
	struct hmac_key key;
	assert_true(decode_hex(KEY_A, strlen(KEY_A), secret, sizeof secret));
	hmac_key_init(&key, secret, sizeof secret);
	encode_base64url(header, strlen(header), part);
	size_t length = (size_t)snprintf(token, sizeof token, "%s.", part);
	encode_base64url(claims, strlen(claims), part);
	length += (size_t)snprintf(token + length, sizeof token - length, "%s", part);
	hmac_of(&key, token, length, mac);
	encode_base64url(mac, sizeof mac, part);
	(void)snprintf(token + length, sizeof token - length, ".%s", part);
	return token;
}

#define HEADER "{\"alg\":\"HS256\",\"kid\":\"a\",\"typ\":\"JWT\"}"
#define IDS "\"sub\":\"01a20c61-3596-7752-a017-fb5176d3700c\",\"sid\":\"01a20c61-3596-7752-a017-000000000001\""
#define WHO "\"iss\":\"safelight\",\"aud\":\"safelight\",\"typ\":\"access\"," IDS
#define CLAIMS "{" WHO ",\"iat\":1800000000,\"exp\":1800000900}"

// ---- good ones
// --------------------------------------------------------------------------------------------------------

static void test_issued_is_accepted(void **state)
{
	struct access_token_claims claims = make_claims();
	struct access_token_claims read;
	char *token = NULL;
	for (int admin = 0; admin < 2; admin++) {
		claims.principal.is_admin = admin == 1;
		assert_int_equal(access_token_issue(*state, &claims, &token, NULL), RC_OK);
		assert_int_equal(access_token_verify(*state, token, NOW, &read, NULL), RC_OK);
		assert_true(uuid_equal(&read.principal.user_id, &claims.principal.user_id));
		assert_true(uuid_equal(&read.principal.session_id, &claims.principal.session_id));
		assert_int_equal(read.principal.is_admin, admin == 1);
		assert_int_equal(read.issued_at, NOW);
		assert_int_equal(read.expires_at, NOW + 900);
		free(token);
	}
}

static void test_forging_by_hand_works(void **state)
{
	// So that the refusals below are refusals of what they say.
	assert_int_equal(verify(*state, forge(HEADER, CLAIMS)), RC_OK);
	assert_int_equal(verify(*state, forge("{\"kid\":\"a\", \"alg\":\"HS256\"} ", CLAIMS)), RC_OK);
	assert_int_equal(
	        verify(*state, forge(HEADER, "{" WHO ",\"iat\":1800000060,\"nbf\":1800000060,\"exp\":1800000900,"
	                                     "\"extra\":1}")),
	        RC_OK);
}

static void test_libjwt_agrees(void **state)
{
	uint8_t secret[SHA256_SIZE];
	char *token = issue(*state);
	jwt_t *jwt = NULL;
	assert_true(decode_hex(KEY_A, strlen(KEY_A), secret, sizeof secret));
	assert_int_equal(jwt_decode(&jwt, token, secret, sizeof secret), 0);
	assert_int_equal(jwt_get_alg(jwt), JWT_ALG_HS256);
	assert_string_equal(jwt_get_header(jwt, "kid"), "a");
	assert_string_equal(jwt_get_grant(jwt, "sub"), "01a20c61-3596-7752-a017-fb5176d3700c");
	assert_int_equal(jwt_get_grant_int(jwt, "exp"), NOW + 900);
	jwt_free(jwt);
	free(token);
}

static void test_expires(void **state)
{
	struct access_token_claims read;
	char *token = issue(*state);
	assert_int_equal(access_token_verify(*state, token, NOW + 899, &read, NULL), RC_OK);
	assert_int_equal(access_token_verify(*state, token, NOW + 900, &read, NULL), RC_DENIED);
	assert_int_equal(access_token_verify(*state, token, NOW - 60, &read, NULL), RC_OK);
	assert_int_equal(access_token_verify(*state, token, NOW - 61, &read, NULL), RC_DENIED);
	free(token);
}

static void test_rotation(void **state)
{
	struct access_token_keys *both = make_keys("b:" KEY_B ",a:" KEY_A);
	struct access_token_keys *only_b = make_keys("b:" KEY_B);
	char *old = issue(*state);
	char *new = issue(both);
	assert_int_equal(verify(both, old), RC_OK);
	assert_int_equal(verify(both, new), RC_OK);
	assert_int_equal(verify(only_b, new), RC_OK); // the first one signed it
	assert_int_equal(verify(only_b, old), RC_DENIED);
	assert_int_equal(verify(*state, new), RC_DENIED);
	free(old);
	free(new);
	access_token_keys_free(both);
	access_token_keys_free(only_b);
}

// ---- bad ones
// ---------------------------------------------------------------------------------------------------------

static void test_hostile_headers(void **state)
{
	static const char *const headers[] = {
		"{\"alg\":\"none\",\"kid\":\"a\"}",
		"{\"alg\":\"None\",\"kid\":\"a\"}",
		"{\"alg\":\"nOnE\",\"kid\":\"a\"}",
		"{\"alg\":\"hs256\",\"kid\":\"a\"}",
		"{\"alg\":\"HS384\",\"kid\":\"a\"}",
		"{\"alg\":\"HS512\",\"kid\":\"a\"}",
		"{\"alg\":\"RS256\",\"kid\":\"a\"}",
		"{\"alg\":\"ES256\",\"kid\":\"a\"}",
		"{\"alg\":\"\",\"kid\":\"a\"}",
		"{\"alg\":null,\"kid\":\"a\"}",
		"{\"alg\":[\"HS256\"],\"kid\":\"a\"}",
		"{\"kid\":\"a\"}",
		"{\"alg\":\"HS256\"}",
		"{\"alg\":\"HS256\",\"kid\":\"b\"}",
		"{\"alg\":\"HS256\",\"kid\":\"A\"}",
		"{\"alg\":\"HS256\",\"kid\":\"\"}",
		"{\"alg\":\"HS256\",\"kid\":7}",
		"{\"alg\":\"HS256\",\"kid\":\"../../dev/null\"}",
		"{\"alg\":\"HS256\",\"kid\":\"a' OR '1'='1\"}",
		"{\"alg\":\"HS256\",\"kid\":\"a\\u0000\"}",
		"{\"alg\":\"HS256\",\"kid\":\"a\",\"jku\":\"https://evil.example/keys\"}",
		"{\"alg\":\"HS256\",\"kid\":\"a\",\"x5u\":\"https://evil.example/cert\"}",
		"{\"alg\":\"HS256\",\"kid\":\"a\",\"jwk\":{\"kty\":\"oct\",\"k\":\"AAAA\"}}",
		"{\"alg\":\"HS256\",\"kid\":\"a\",\"x5c\":\"x\"}",
		"{\"alg\":\"HS256\",\"kid\":\"a\",\"crit\":\"exp\"}",
		"{\"alg\":\"HS256\",\"kid\":\"a\",\"typ\":\"at+jwt\"}",
		"{\"alg\":\"HS256\",\"kid\":\"a\",\"typ\":null}",
		"{\"alg\":\"HS256\",\"kid\":\"a\",\"kid\":\"a\"}",
		"{\"alg\":\"HS256\",\"alg\":\"none\",\"kid\":\"a\"}",
		"{\"alg\":\"HS256\",\"kid\":\"a\"}x",
		"[\"HS256\"]",
		"\"HS256\"",
		"null",
		"{",
	};
	for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
		if (verify(*state, forge(headers[i], CLAIMS)) != RC_DENIED)
			fail_msg("%s", headers[i]);
}

static void test_hostile_claims(void **state)
{
	static const char *const claims[] = {
		"{" WHO ",\"iat\":1800000000,\"exp\":1800000000}", // expired now
		"{" WHO ",\"iat\":1700000000,\"exp\":1700000900}", // long ago
		"{" WHO ",\"iat\":1800000000}",                    // for ever
		"{" WHO ",\"iat\":1800000000,\"exp\":null}",
		"{" WHO ",\"iat\":1800000000,\"exp\":\"1800000900\"}",
		"{" WHO ",\"iat\":1800000000,\"exp\":1800000900.5}",
		"{" WHO ",\"iat\":1800000000,\"exp\":-1}",
		"{" WHO ",\"iat\":1800000000,\"exp\":1e30}",
		"{" WHO ",\"exp\":1800000900}",
		"{" WHO ",\"iat\":1800000061,\"exp\":1800000900}", // from the future
		"{" WHO ",\"iat\":\"now\",\"exp\":1800000900}",
		"{" WHO ",\"iat\":1800000000,\"nbf\":1800000061,\"exp\":1800000900}",
		"{" WHO ",\"iat\":1800000000,\"nbf\":\"x\",\"exp\":1800000900}",
		"{\"iss\":\"other\",\"aud\":\"safelight\",\"typ\":\"access\"," IDS
		",\"iat\":1800000000,\"exp\":1800000900}",
		"{\"iss\":\"safelight\",\"aud\":\"other\",\"typ\":\"access\"," IDS
		",\"iat\":1800000000,\"exp\":1800000900}",
		"{\"iss\":\"safelight\",\"aud\":[\"safelight\"],\"typ\":\"access\"," IDS
		",\"iat\":1800000000,\"exp\":1800000900}",
		"{\"iss\":\"safelight\",\"aud\":\"safelight\",\"typ\":\"refresh\"," IDS
		",\"iat\":1800000000,\"exp\":1800000900}",
		"{\"iss\":\"safelight\",\"aud\":\"safelight\"," IDS ",\"iat\":1800000000,\"exp\":1800000900}",
		"{\"aud\":\"safelight\",\"typ\":\"access\"," IDS ",\"iat\":1800000000,\"exp\":1800000900}",
		"{\"iss\":\"safelight\",\"aud\":\"safelight\",\"typ\":\"access\",\"sub\":\"root\","
		"\"sid\":\"01a20c61-3596-7752-a017-000000000001\",\"iat\":1800000000,\"exp\":1800000900}",
		"{\"iss\":\"safelight\",\"aud\":\"safelight\",\"typ\":\"access\","
		"\"sub\":\"01a20c61-3596-7752-a017-000000000001\",\"iat\":1800000000,\"exp\":1800000900}",
		"{" WHO ",\"admin\":\"true\",\"iat\":1800000000,\"exp\":1800000900}",
		"{" WHO ",\"admin\":1,\"iat\":1800000000,\"exp\":1800000900}",
		"{" WHO ",\"iat\":1800000000,\"exp\":1700000000,\"exp\":1800000900}", // duplicates
		"{" WHO "," IDS ",\"iat\":1800000000,\"exp\":1800000900}",
		"{" WHO ",\"iat\":1800000000,\"exp\":1800000900}x",
		"[]",
		"null",
		"x",
	};
	for (size_t i = 0; i < sizeof claims / sizeof claims[0]; i++)
		if (verify(*state, forge(HEADER, claims[i])) != RC_DENIED)
			fail_msg("%s", claims[i]);
}

static void test_one_text_a_token(void **state)
{
	char *token = issue(*state);
	size_t length = strlen(token);
	char changed[2048];
	static const char *const tails[] = { "=", "==", ".", "..", ".x", " ", "\n", "A", "\t", "%3D" };
	for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
		(void)snprintf(changed, sizeof changed, "%s%s", token, tails[i]);
		if (verify(*state, changed) != RC_DENIED)
			fail_msg("tail \"%s\"", tails[i]);
		(void)snprintf(changed, sizeof changed, "%s%s", tails[i], token);
		if (verify(*state, changed) != RC_DENIED)
			fail_msg("lead \"%s\"", tails[i]);
	}
	// Every single character counts: each replaced by each other one of the alphabet, the last one's spare bits
	// too.
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/";
	for (size_t at = 0; at < length; at++) {
		memcpy(changed, token, length + 1);
		for (const char *other = alphabet; *other != '\0'; other++) {
			changed[at] = *other;
			if (*other != token[at] && verify(*state, changed) != RC_DENIED)
				fail_msg("%c at %zu", *other, at);
		}
	}
	for (size_t shorter = 0; shorter < length; shorter++) {
		(void)snprintf(changed, sizeof changed, "%.*s", (int)shorter, token);
		assert_int_equal(verify(*state, changed), RC_DENIED);
	}
	free(token);
}

static void test_shapes(void **state)
{
	static const char *const texts[] = { "", ".", "..", "...", "a", "a.b", "a.b.c", "a.b.c.d", "eyJ9..", "-.-.-" };
	struct buffer longest;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		assert_int_equal(verify(*state, texts[i]), RC_DENIED);
	// No signature at all, and one of another key.
	char *token = issue(*state);
	*(strrchr(token, '.') + 1) = '\0';
	assert_int_equal(verify(*state, token), RC_DENIED);
	free(token);
	struct access_token_keys *other = make_keys("a:" KEY_B);
	token = issue(other);
	assert_int_equal(verify(*state, token), RC_DENIED);
	free(token);
	access_token_keys_free(other);
	buffer_init(&longest, 100000);
	for (int i = 0; i < 10000; i++)
		buffer_append_text(&longest, "x.");
	assert_int_equal(verify(*state, buffer_text(&longest)), RC_DENIED);
	buffer_done(&longest);
}

static void test_long_kid(void **state)
{
	char header[4096];
	(void)snprintf(header, sizeof header, "{\"alg\":\"HS256\",\"kid\":\"%02500d\"}", 0);
	assert_int_equal(verify(*state, forge(header, CLAIMS)), RC_DENIED);
}

static void test_nested_claims(void **state)
{
	char claims[4096] = "{" WHO ",\"iat\":1800000000,\"exp\":1800000900,\"x\":";
	memset(claims + strlen(claims), '[', 1500);
	assert_int_equal(verify(*state, forge(HEADER, claims)), RC_DENIED);
}

static void test_the_text_says_why_but_not_the_key(void **state)
{
	struct access_token_claims read;
	struct err err = { .rc = RC_OK };
	char *token = issue(*state);
	assert_int_equal(access_token_verify(*state, token, NOW + 1000, &read, &err), RC_DENIED);
	assert_non_null(strstr(err.text, "expired"));
	assert_null(strstr(err.text, token));
	free(token);
}

// ---- keys
// -------------------------------------------------------------------------------------------------------------

static void test_key_lists(void **state)
{
	(void)state;
	static const char *const good[] = { KEY_A, "a:" KEY_A, "k-1_Z:" KEY_A ",a:" KEY_B, KEY_A ",old:" KEY_B };
	static const char *const bad[] = { "",
		                           "a",
		                           "a:",
		                           ":" KEY_A,
		                           "a:" KEY_A "00",
		                           "a:0001",
		                           "a:" KEY_A ",",
		                           "a:" KEY_A ",a:" KEY_B,
		                           KEY_A "," KEY_B,
		                           "a b:" KEY_A,
		                           "a/b:" KEY_A,
		                           "123456789012345678901234567890123:" KEY_A,
		                           "a:zz0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f" };
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		access_token_keys_free(make_keys(good[i]));
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct access_token_keys *keys = NULL;
		struct err err = { .rc = RC_OK };
		assert_int_equal(access_token_keys_new(bad[i], "i", "a", &keys, &err), RC_INVALID);
		assert_null(keys);
		assert_null(strstr(err.text, "0001"));
	}
	access_token_keys_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_issued_is_accepted),
		cmocka_unit_test(test_forging_by_hand_works),
		cmocka_unit_test(test_libjwt_agrees),
		cmocka_unit_test(test_expires),
		cmocka_unit_test(test_rotation),
		cmocka_unit_test(test_hostile_headers),
		cmocka_unit_test(test_hostile_claims),
		cmocka_unit_test(test_one_text_a_token),
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_long_kid),
		cmocka_unit_test(test_nested_claims),
		cmocka_unit_test(test_the_text_says_why_but_not_the_key),
		cmocka_unit_test(test_key_lists),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
