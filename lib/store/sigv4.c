// Signature Version 4: keys, signatures, presigned URLs. The canonical form is in sigv4_canonical.c.
#include "store/sigv4.h"

#include <string.h>

#include "base/encoding.h"
#include "store/sigv4_canonical.h"

#define ALGORITHM "AWS4-HMAC-SHA256"
#define SCOPE_END "aws4_request"

static bool copy_text(char *ret_text, size_t size, const char *text)
{
	size_t length = strlen(text);
	if (length >= size)
		return false;
	memcpy(ret_text, text, length + 1);
	return true;
}

// The texts of a credential go into headers and between slashes: printable, no blanks.
static bool is_plain(const char *text, const char *refused)
{
	if (text[0] == '\0')
		return false;
	for (; *text != '\0'; text++)
		if (*text <= ' ' || *text > '~' || strchr(refused, *text) != NULL)
			return false;
	return true;
}

enum rc sigv4_signer_init(struct sigv4_signer *signer, const char *access_key, const char *secret_key,
                          const char *token, const char *region, const char *service, struct err *err)
{
	struct sigv4_signer fresh = { 0 };
	if (!is_plain(access_key, "/,") || !copy_text(fresh.access_key, sizeof fresh.access_key, access_key))
		return err_set(err, RC_INVALID, "the access key is empty, too long or holds odd characters");
	if (!is_plain(secret_key, "") || !copy_text(fresh.secret_key, sizeof fresh.secret_key, secret_key))
		return err_set(err, RC_INVALID, "the secret key is empty, too long or holds odd characters");
	if (token != NULL && (!is_plain(token, "") || !copy_text(fresh.token, sizeof fresh.token, token)))
		return err_set(err, RC_INVALID, "the security token is empty, too long or holds odd characters");
	if (!is_plain(region, "/,") || !copy_text(fresh.region, sizeof fresh.region, region))
		return err_set(err, RC_INVALID, "the region \"%.80s\" is empty, too long or holds odd characters",
		               region);
	if (!is_plain(service, "/,") || !copy_text(fresh.service, sizeof fresh.service, service))
		return err_set(err, RC_INVALID, "the service \"%.80s\" is empty, too long or holds odd characters",
		               service);
	*signer = fresh;
	crypto_wipe(&fresh, sizeof fresh);
	return RC_OK;
}

void sigv4_signer_done(struct sigv4_signer *signer)
{
	crypto_wipe(signer, sizeof *signer);
}

static void derive(const uint8_t *secret, size_t length, const char *text, uint8_t ret_mac[SHA256_SIZE])
{
	struct hmac_key key;
	hmac_key_init(&key, secret, length);
	hmac_of(&key, text, strlen(text), ret_mac);
	crypto_wipe(&key, sizeof key);
}

static void write_scope(struct sigv4_signer *signer)
{
	struct sigv4_key *key = &signer->key;
	struct span scope;
	span_init(&scope, key->scope, sizeof key->scope);
	span_append_text(&scope, signer->date);
	span_append_char(&scope, '/');
	span_append_text(&scope, signer->region);
	span_append_char(&scope, '/');
	span_append_text(&scope, signer->service);
	span_append_text(&scope, "/" SCOPE_END);

	struct span credential;
	span_init(&credential, key->credential, sizeof key->credential);
	span_append_text(&credential, signer->access_key);
	span_append_char(&credential, '/');
	span_append_text(&credential, key->scope);
}

const struct sigv4_key *sigv4_signer_key(struct sigv4_signer *signer, const char *time)
{
	if (strncmp(signer->date, time, SIGV4_DATE_SIZE - 1) == 0)
		return &signer->key;
	memset(signer->date, 0, sizeof signer->date);
	memcpy(signer->date, time, strnlen(time, SIGV4_DATE_SIZE - 1));
	write_scope(signer);
	memcpy(signer->key.token, signer->token, sizeof signer->token);

	char seed[SIGV4_SECRET_KEY_SIZE + 4];
	struct span seed_span;
	span_init(&seed_span, seed, sizeof seed);
	span_append_text(&seed_span, "AWS4");
	span_append_text(&seed_span, signer->secret_key);
	uint8_t mac[SHA256_SIZE];
	derive((const uint8_t *)seed, seed_span.length, signer->date, mac);
	derive(mac, sizeof mac, signer->region, mac);
	derive(mac, sizeof mac, signer->service, mac);
	derive(mac, sizeof mac, SCOPE_END, mac);
	hmac_key_init(&signer->key.hmac, mac, sizeof mac);
	crypto_wipe(mac, sizeof mac);
	crypto_wipe(seed, sizeof seed);
	return &signer->key;
}

static void hmac_hex(const struct sigv4_key *key, const char *text, size_t length,
                     char ret_signature[SIGV4_SIGNATURE_SIZE])
{
	uint8_t mac[SHA256_SIZE];
	hmac_of(&key->hmac, text, length, mac);
	encode_hex(mac, sizeof mac, ret_signature);
}

// The string to sign, and its MAC.
static void sign_canonical(const struct sigv4_key *key, const char *time, const struct span *canonical,
                           char ret_signature[SIGV4_SIGNATURE_SIZE])
{
	uint8_t digest[SHA256_SIZE];
	char digest_text[SHA256_TEXT_SIZE];
	sha256_of(canonical->data, canonical->length, digest);
	encode_hex(digest, sizeof digest, digest_text);

	char text[sizeof ALGORITHM + SIGV4_TIME_SIZE + SIGV4_SCOPE_SIZE + SHA256_TEXT_SIZE + 4];
	struct span to_sign;
	span_init(&to_sign, text, sizeof text);
	span_append_text(&to_sign, ALGORITHM "\n");
	span_append_text(&to_sign, time);
	span_append_char(&to_sign, '\n');
	span_append_text(&to_sign, key->scope);
	span_append_char(&to_sign, '\n');
	span_append_text(&to_sign, digest_text);
	hmac_hex(key, to_sign.data, to_sign.length, ret_signature);
}

static enum rc check_time(const struct sigv4_key *key, const char *time, struct err *err)
{
	if (strlen(time) != SIGV4_TIME_SIZE - 1 || time[8] != 'T' || time[15] != 'Z')
		return err_set(err, RC_INVALID, "\"%.40s\" is no time like 20130524T000000Z", time);
	if (strncmp(time, key->scope, SIGV4_DATE_SIZE - 1) != 0)
		return err_set(err, RC_INVALID, "the signing key is of another day than %s", time);
	return RC_OK;
}

static enum rc list_headers(const struct sigv4_key *key, const struct sigv4_request *request, const char *time,
                            struct canonical_headers *ret_headers, struct err *err)
{
	ret_headers->count = 0;
	enum rc rc = canonical_headers_add_all(ret_headers, request, err);
	if (rc != RC_OK)
		return rc;
	canonical_headers_add(ret_headers, "host", request->host);
	if (time == NULL) // presigned: the time and the token stand in the query
		return canonical_headers_sort(ret_headers, err);
	canonical_headers_add(ret_headers, "x-amz-date", time);
	canonical_headers_add(ret_headers, "x-amz-content-sha256", request->payload);
	if (key->token[0] != '\0')
		canonical_headers_add(ret_headers, "x-amz-security-token", key->token);
	return canonical_headers_sort(ret_headers, err);
}

static enum rc write_signed_request(const struct sigv4_key *key, const struct sigv4_request *request, const char *time,
                                    struct canonical_headers *headers, struct span *out, struct err *err)
{
	enum rc rc = check_time(key, time, err);
	if (rc == RC_OK)
		rc = list_headers(key, request, time, headers, err);
	if (rc == RC_OK)
		rc = canonical_write(request, request->query, request->query_count, headers, request->payload, out,
		                     err);
	return rc;
}

enum rc sigv4_canonical_request(const struct sigv4_key *key, const struct sigv4_request *request, const char *time,
                                struct span *out, struct err *err)
{
	struct canonical_headers headers;
	return write_signed_request(key, request, time, &headers, out, err);
}

enum rc sigv4_sign(const struct sigv4_key *key, const struct sigv4_request *request, const char *time,
                   char ret_authorization[SIGV4_AUTHORIZATION_SIZE], struct err *err)
{
	char work[SIGV4_WORK_SIZE];
	struct span canonical;
	span_init(&canonical, work, sizeof work);
	struct canonical_headers headers;
	enum rc rc = write_signed_request(key, request, time, &headers, &canonical, err);
	if (rc != RC_OK)
		return rc;
	char signature[SIGV4_SIGNATURE_SIZE];
	sign_canonical(key, time, &canonical, signature);

	char text[SIGV4_AUTHORIZATION_SIZE];
	struct span out;
	span_init(&out, text, sizeof text);
	span_append_text(&out, ALGORITHM " Credential=");
	span_append_text(&out, key->credential);
	span_append_text(&out, ", SignedHeaders=");
	canonical_headers_write_names(&headers, &out);
	span_append_text(&out, ", Signature=");
	span_append_text(&out, signature);
	if (!span_ok(&out))
		return err_set(err, RC_LIMIT, "too many headers to sign");
	memcpy(ret_authorization, text, out.length + 1);
	return RC_OK;
}

struct presign_query {
	struct store_pair pairs[SIGV4_PAIRS + 6];
	size_t count;
	char seconds[24];
	char signed_headers[SIGV4_AUTHORIZATION_SIZE];
};

static void add_parameter(struct presign_query *query, const char *name, const char *value)
{
	query->pairs[query->count++] = (struct store_pair){ .name = name, .value = value };
}

static enum rc fill_presign_query(const struct sigv4_key *key, const struct sigv4_request *request, const char *time,
                                  int64_t seconds, const struct canonical_headers *headers, struct presign_query *query,
                                  struct err *err)
{
	query->count = 0;
	if (request->query_count > SIGV4_PAIRS)
		return err_set(err, RC_INVALID, "more than %d query parameters", SIGV4_PAIRS);
	for (size_t i = 0; i < request->query_count; i++) {
		const struct store_pair *pair = &request->query[i];
		if (strncmp(pair->name, "X-Amz-", 6) == 0)
			return err_set(err, RC_INVALID, "the query parameter %.40s is added by signing", pair->name);
		add_parameter(query, pair->name, pair->value);
	}
	struct span number;
	span_init(&number, query->seconds, sizeof query->seconds);
	span_append_number(&number, (unsigned long long)seconds);
	struct span names;
	span_init(&names, query->signed_headers, sizeof query->signed_headers);
	canonical_headers_write_names(headers, &names);
	if (!span_ok(&names))
		return err_set(err, RC_LIMIT, "too many headers to sign");
	add_parameter(query, "X-Amz-Algorithm", ALGORITHM);
	add_parameter(query, "X-Amz-Credential", key->credential);
	add_parameter(query, "X-Amz-Date", time);
	add_parameter(query, "X-Amz-Expires", query->seconds);
	add_parameter(query, "X-Amz-SignedHeaders", query->signed_headers);
	if (key->token[0] != '\0')
		add_parameter(query, "X-Amz-Security-Token", key->token);
	return RC_OK;
}

enum rc sigv4_presign(const struct sigv4_key *key, const struct sigv4_request *request, const char *time,
                      int64_t seconds, struct span *ret_url, struct err *err)
{
	if (seconds < 1 || seconds > SIGV4_PRESIGN_SECONDS_MAX)
		return err_set(err, RC_INVALID, "a presigned URL lasts 1 to %d seconds, not %lld",
		               SIGV4_PRESIGN_SECONDS_MAX, (long long)seconds);
	struct canonical_headers headers;
	struct presign_query query;
	enum rc rc = check_time(key, time, err);
	if (rc == RC_OK)
		rc = list_headers(key, request, NULL, &headers, err);
	if (rc == RC_OK)
		rc = fill_presign_query(key, request, time, seconds, &headers, &query, err);
	if (rc != RC_OK)
		return rc;

	char work[SIGV4_WORK_SIZE];
	struct span canonical;
	span_init(&canonical, work, sizeof work);
	rc = canonical_write(request, query.pairs, query.count, &headers, SIGV4_UNSIGNED_PAYLOAD, &canonical, err);
	if (rc != RC_OK)
		return rc;
	char signature[SIGV4_SIGNATURE_SIZE];
	sign_canonical(key, time, &canonical, signature);

	span_append_text(ret_url, request->scheme);
	span_append_text(ret_url, "://");
	span_append_text(ret_url, request->host);
	rc = sigv4_encode_target(request->path, query.pairs, query.count, ret_url, err);
	if (rc != RC_OK)
		return rc;
	span_append_text(ret_url, "&X-Amz-Signature=");
	span_append_text(ret_url, signature);
	if (!span_ok(ret_url))
		return err_set(err, RC_LIMIT, "the presigned URL is too long");
	return RC_OK;
}

void sigv4_sign_policy(const struct sigv4_key *key, const char *policy, char ret_signature[SIGV4_SIGNATURE_SIZE])
{
	hmac_hex(key, policy, strlen(policy), ret_signature);
}
