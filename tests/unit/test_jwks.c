// An identity provider's tokens: what it signed is taken, whatever anybody else made of it is not.
#include "cmocka_all.h"

#include <jansson.h>
#include <jwt.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "http/jwks.h"

#define NOW 1800000000
#define ISSUER "https://id.example"
#define AUDIENCE "safelight-app"

struct provider {
	EVP_PKEY *rsa;
	EVP_PKEY *ec;
	char *rsa_pem; // private
	char *ec_pem;
	char *rsa_public_pem;
	struct jwks *jwks;
};

static char *write_pem(EVP_PKEY *key, bool is_private)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data = NULL;
	assert_int_equal(is_private ? PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL)
	                            : PEM_write_bio_PUBKEY(bio, key),
	                 1);
	long length = BIO_get_mem_data(bio, &data);
	char *text = strndup(data, (size_t)length);
	BIO_free(bio);
	return text;
}

static void read_number(const EVP_PKEY *key, const char *name, int width, char *ret_text)
{
	unsigned char bytes[600];
	BIGNUM *number = NULL;
	assert_int_equal(EVP_PKEY_get_bn_param(key, name, &number), 1);
	int length = width > 0 ? BN_bn2binpad(number, bytes, width) : BN_bn2bin(number, bytes);
	BN_free(number);
	encode_base64url(bytes, (size_t)length, ret_text);
}

static char *write_set(const struct provider *provider, const char *rsa_id, const char *rsa_more)
{
	char n[800], e[16], x[64], y[64], *text = malloc(4096);
	read_number(provider->rsa, OSSL_PKEY_PARAM_RSA_N, 0, n);
	read_number(provider->rsa, OSSL_PKEY_PARAM_RSA_E, 0, e);
	read_number(provider->ec, OSSL_PKEY_PARAM_EC_PUB_X, 32, x);
	read_number(provider->ec, OSSL_PKEY_PARAM_EC_PUB_Y, 32, y);
	(void)snprintf(text, 4096,
	               "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"%s\",\"n\":\"%s\",\"e\":\"%s\"%s},"
	               "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"e1\",\"x\":\"%s\",\"y\":\"%s\",\"use\":\"sig\","
	               "\"alg\":\"ES256\"},{\"kty\":\"oct\",\"kid\":\"o1\",\"k\":\"AAAA\"}]}",
	               rsa_id, n, e, rsa_more, x, y);
	return text;
}

static int start(void **state)
{
	static struct provider provider;
	struct err err = { 0 };
	provider.rsa = EVP_RSA_gen(2048);
	provider.ec = EVP_EC_gen("P-256");
	provider.rsa_pem = write_pem(provider.rsa, true);
	provider.ec_pem = write_pem(provider.ec, true);
	provider.rsa_public_pem = write_pem(provider.rsa, false);
	char *set = write_set(&provider, "r1", "");
	assert_int_equal(jwks_parse(set, strlen(set), &provider.jwks, &err), RC_OK);
	assert_int_equal(jwks_count(provider.jwks), 2); // not the symmetric one
	free(set);
	*state = &provider;
	return 0;
}

static int stop(void **state)
{
	struct provider *provider = *state;
	EVP_PKEY_free(provider->rsa);
	EVP_PKEY_free(provider->ec);
	free(provider->rsa_pem);
	free(provider->ec_pem);
	free(provider->rsa_public_pem);
	jwks_free(provider->jwks);
	return 0;
}

#define GOOD_CLAIMS                                                                                               \
	"{\"iss\":\"" ISSUER "\",\"aud\":\"" AUDIENCE "\",\"sub\":\"s-1\",\"exp\":1800000600,\"iat\":1800000000," \
	"\"email\":\"a@b.example\",\"email_verified\":true,\"name\":\"A\"}"

// header: a JSON object's members besides alg and typ, or NULL.
static char *sign(jwt_alg_t algorithm, const char *key, const char *id, const char *claims, const char *header)
{
	jwt_t *jwt = NULL;
	assert_int_equal(jwt_new(&jwt), 0);
	assert_int_equal(jwt_add_grants_json(jwt, claims), 0);
	if (id != NULL)
		assert_int_equal(jwt_add_header(jwt, "kid", id), 0);
	if (header != NULL)
		assert_int_equal(jwt_add_headers_json(jwt, header), 0);
	assert_int_equal(jwt_set_alg(jwt, algorithm, (const unsigned char *)key, (int)strlen(key)), 0);
	char *token = jwt_encode_str(jwt);
	jwt_free(jwt);
	assert_non_null(token);
	return token;
}

static enum rc verify(const struct provider *provider, const char *token, struct jwks_claims *ret_claims)
{
	struct err err = { 0 };
	return jwks_verify(provider->jwks, token, ISSUER, AUDIENCE, NOW, ret_claims, &err);
}

static void expect(const struct provider *provider, char *taken, enum rc wanted)
{
	struct jwks_claims claims;
	enum rc rc = verify(provider, taken, &claims);
	if (rc != wanted)
		fail_msg("%s, not %s: %s", rc_name(rc), rc_name(wanted), taken);
	free(taken);
}

static void what_the_provider_signed_is_taken(void **state)
{
	const struct provider *provider = *state;
	for (int i = 0; i < 20; i++) { // signatures differ
		bool is_rsa = i % 2 == 0;
		struct jwks_claims claims;
		char *token = is_rsa ? sign(JWT_ALG_RS256, provider->rsa_pem, "r1", GOOD_CLAIMS, NULL)
		                     : sign(JWT_ALG_ES256, provider->ec_pem, "e1", GOOD_CLAIMS, NULL);
		assert_int_equal(verify(provider, token, &claims), RC_OK);
		assert_string_equal(claims.subject, "s-1");
		assert_string_equal(claims.email, "a@b.example");
		assert_string_equal(claims.name, "A");
		assert_int_equal(claims.expires_at, 1800000600);
		free(token);
	}
}

static void other_claims_are_refused(void **state)
{
	const struct provider *provider = *state;
	static const struct {
		const char *claims;
		enum rc rc;
	} ROWS[] = {
		{ "{\"iss\":\"" ISSUER "\",\"aud\":[\"x\",\"" AUDIENCE "\"],\"sub\":\"s\",\"exp\":1800000600}", RC_OK },
		{ "{\"iss\":\"" ISSUER "\",\"aud\":[\"x\"],\"sub\":\"s\",\"exp\":1800000600}", RC_DENIED },
		{ "{\"iss\":\"" ISSUER "\",\"sub\":\"s\",\"exp\":1800000600}", RC_DENIED },
		{ "{\"iss\":\"https://evil.example\",\"aud\":\"" AUDIENCE "\",\"sub\":\"s\",\"exp\":1800000600}",
		  RC_DENIED },
		{ "{\"iss\":\"" ISSUER "\",\"aud\":\"" AUDIENCE "\",\"sub\":\"s\",\"exp\":1800000000}", RC_DENIED },
		{ "{\"iss\":\"" ISSUER "\",\"aud\":\"" AUDIENCE "\",\"sub\":\"s\"}", RC_DENIED },
		{ "{\"iss\":\"" ISSUER "\",\"aud\":\"" AUDIENCE "\",\"sub\":\"s\",\"exp\":\"1800000600\"}", RC_DENIED },
		{ "{\"iss\":\"" ISSUER "\",\"aud\":\"" AUDIENCE
		  "\",\"sub\":\"s\",\"exp\":1800000600,\"nbf\":1800000061}",
		  RC_DENIED },
		{ "{\"iss\":\"" ISSUER "\",\"aud\":\"" AUDIENCE
		  "\",\"sub\":\"s\",\"exp\":1800000600,\"nbf\":1800000060}",
		  RC_OK },
		{ "{\"iss\":\"" ISSUER "\",\"aud\":\"" AUDIENCE
		  "\",\"sub\":\"s\",\"exp\":1800000600,\"iat\":1800000061}",
		  RC_DENIED },
		{ "{\"iss\":\"" ISSUER "\",\"aud\":\"" AUDIENCE "\",\"sub\":\"\",\"exp\":1800000600}", RC_DENIED },
		{ "{\"iss\":\"" ISSUER "\",\"aud\":\"" AUDIENCE "\",\"exp\":1800000600}", RC_DENIED },
	};
	for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++)
		expect(provider, sign(JWT_ALG_RS256, provider->rsa_pem, "r1", ROWS[i].claims, NULL), ROWS[i].rc);
	struct jwks_claims claims;
	char *token = sign(JWT_ALG_RS256, provider->rsa_pem, "r1",
	                   "{\"iss\":\"" ISSUER "\",\"aud\":\"" AUDIENCE "\",\"sub\":\"s\",\"exp\":1800000600,"
	                   "\"email\":\"a@b.example\"}",
	                   NULL);
	assert_int_equal(verify(provider, token, &claims), RC_OK);
	assert_string_equal(claims.email, ""); // nobody has verified it
	free(token);
}

static void other_keys_and_algorithms_are_refused(void **state)
{
	const struct provider *provider = *state;
	EVP_PKEY *stranger = EVP_RSA_gen(2048);
	char *stranger_pem = write_pem(stranger, true);
	expect(provider, sign(JWT_ALG_RS256, stranger_pem, "r1", GOOD_CLAIMS, NULL), RC_DENIED);
	expect(provider, sign(JWT_ALG_RS256, stranger_pem, "e1", GOOD_CLAIMS, NULL), RC_DENIED);
	expect(provider, sign(JWT_ALG_RS256, provider->rsa_pem, "r2", GOOD_CLAIMS, NULL), RC_NOT_FOUND);
	expect(provider, sign(JWT_ALG_RS256, provider->rsa_pem, "../../etc/passwd", GOOD_CLAIMS, NULL), RC_NOT_FOUND);
	expect(provider, sign(JWT_ALG_RS256, provider->rsa_pem, NULL, GOOD_CLAIMS, NULL), RC_DENIED);
	expect(provider, sign(JWT_ALG_RS384, provider->rsa_pem, "r1", GOOD_CLAIMS, NULL), RC_DENIED);
	// The public key as an HMAC secret, and the symmetric key of the set.
	expect(provider, sign(JWT_ALG_HS256, provider->rsa_public_pem, "r1", GOOD_CLAIMS, NULL), RC_DENIED);
	expect(provider, sign(JWT_ALG_HS256, "\1\1\1", "o1", GOOD_CLAIMS, NULL), RC_DENIED);
	static const char *const HEADERS[] = { "{\"jku\":\"http://evil.example/k\"}",
		                               "{\"x5u\":\"http://evil.example/k\"}", "{\"jwk\":{\"kty\":\"RSA\"}}",
		                               "{\"x5c\":[\"AAAA\"]}", "{\"crit\":[\"exp\"]}" };
	for (size_t i = 0; i < sizeof HEADERS / sizeof HEADERS[0]; i++)
		expect(provider, sign(JWT_ALG_RS256, provider->rsa_pem, "r1", GOOD_CLAIMS, HEADERS[i]), RC_DENIED);
	EVP_PKEY_free(stranger);
	free(stranger_pem);
}

// Text of a token with other parts.
static char *join(const char *header, const char *claims, const char *signature)
{
	char *token = malloc(4096), a[512], b[1024];
	encode_base64url(header, strlen(header), a);
	encode_base64url(claims, strlen(claims), b);
	(void)snprintf(token, 4096, "%s.%s.%s", a, b, signature);
	return token;
}

static void bent_tokens_are_refused(void **state)
{
	const struct provider *provider = *state;
	static const char *const NONE[] = { "none", "None", "nOnE", "" };
	char header[64];
	for (size_t i = 0; i < sizeof NONE / sizeof NONE[0]; i++) {
		(void)snprintf(header, sizeof header, "{\"alg\":\"%s\",\"kid\":\"r1\"}", NONE[i]);
		expect(provider, join(header, GOOD_CLAIMS, ""), RC_DENIED);
		expect(provider, join(header, GOOD_CLAIMS, "AAAA"), RC_DENIED);
	}
	char *token = sign(JWT_ALG_ES256, provider->ec_pem, "e1", GOOD_CLAIMS, NULL);
	size_t length = strlen(token);
	// Any one character another, and anything more or less.
	for (size_t i = 0; i < length; i++) {
		char *bent = strdup(token);
		bent[i] = bent[i] == 'A' ? 'B' : 'A';
		if (verify(provider, bent, &(struct jwks_claims){ .expires_at = 0 }) == RC_OK)
			fail_msg("character %zu of %s is not looked at", i, token);
		free(bent);
	}
	char *more = malloc(length + 8);
	static const char *const TAILS[] = { "=", ".", ".AAAA", "A", " ", "\n" };
	for (size_t i = 0; i < sizeof TAILS / sizeof TAILS[0]; i++) {
		(void)snprintf(more, length + 8, "%s%s", token, TAILS[i]);
		expect(provider, strdup(more), RC_DENIED);
	}
	free(more);
	token[length - 1] = '\0';
	expect(provider, token, RC_DENIED);
	expect(provider, strdup(""), RC_DENIED);
	expect(provider, strdup(".."), RC_DENIED);
}

static void useless_sets_are_refused(void **state)
{
	const struct provider *provider = *state;
	struct err err = { 0 };
	struct jwks *jwks = NULL;
	static const char *const SETS[] = {
		"",
		"[]",
		"{}",
		"{\"keys\":{}}",
		"{\"keys\":[]}",
		"{\"keys\":[1,null,{}]}",
		"{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"a\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}",
		"{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"a\",\"x\":\"AA\","
		"\"y\":\"AA\"}]}"
	};
	for (size_t i = 0; i < sizeof SETS / sizeof SETS[0]; i++)
		assert_int_equal(jwks_parse(SETS[i], strlen(SETS[i]), &jwks, &err), RC_CORRUPT);
	// An RSA key that says it is for something else is left out.
	static const char *const OTHERS[] = { ",\"use\":\"enc\"", ",\"alg\":\"RS512\"", ",\"alg\":\"ES256\"" };
	for (size_t i = 0; i < sizeof OTHERS / sizeof OTHERS[0]; i++) {
		char *set = write_set(provider, "r1", OTHERS[i]);
		assert_int_equal(jwks_parse(set, strlen(set), &jwks, &err), RC_OK);
		assert_int_equal(jwks_count(jwks), 1);
		jwks_free(jwks);
		free(set);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_provider_signed_is_taken),
		cmocka_unit_test(other_claims_are_refused),
		cmocka_unit_test(other_keys_and_algorithms_are_refused),
		cmocka_unit_test(bent_tokens_are_refused),
		cmocka_unit_test(useless_sets_are_refused),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
