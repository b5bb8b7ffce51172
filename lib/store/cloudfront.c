// Building CloudFront's invalidation requests and reading their answers.
#include "store/cloudfront.h"

#include <stdio.h>
#include <string.h>

#include "base/crypto.h"
#include "base/encoding.h"
#include "store/xml.h"

#define BODY_BYTES_MAX (1024 * 1024)
#define DISTRIBUTION_ID_MAX 32
#define REFERENCE_MAX 128
#define KEY_MAX 255
#define DELIVERY_PREFIX "/m/"

#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"

static bool consists_of(const char *text, const char *letters, size_t most)
{
	size_t length = strlen(text);
	return length >= 1 && length <= most && strspn(text, letters) == length;
}

// Paths of published variants need neither percent-encoding nor escaping, and '*' would be a wildcard.
static bool key_is_valid(const char *key)
{
	const char *dot = strrchr(key, '.');
	return consists_of(key, LOWER DIGITS "-_./", KEY_MAX) && key[0] != '/' && dot != NULL && dot != key &&
	       strchr(dot, '/') == NULL;
}

static enum rc check_invalidation(const struct cloudfront_invalidation *invalidation, struct err *err)
{
	if (!consists_of(invalidation->distribution_id, UPPER DIGITS, DISTRIBUTION_ID_MAX))
		return err_set(err, RC_INVALID, "CloudFront distribution id: expected 1 to %d of A-Z 0-9",
		               DISTRIBUTION_ID_MAX);
	if (!consists_of(invalidation->reference, UPPER LOWER DIGITS "-_.:", REFERENCE_MAX))
		return err_set(err, RC_INVALID,
		               "CloudFront caller reference: expected 1 to %d of A-Z a-z 0-9 - _ . :", REFERENCE_MAX);
	if (invalidation->key_count < 1)
		return err_set(err, RC_INVALID, "an invalidation without keys");
	if (invalidation->key_count > CLOUDFRONT_KEYS_MAX)
		return err_set(err, RC_LIMIT, "more than %d keys in one invalidation", CLOUDFRONT_KEYS_MAX);
	for (size_t i = 0; i < invalidation->key_count; i++)
		if (!key_is_valid(invalidation->keys[i]))
			return err_set(err, RC_INVALID, "key %zu of the invalidation is no published variant's", i + 1);
	return RC_OK;
}

static void append_path(struct buffer *body, const char *prefix, const char *key, size_t length)
{
	buffer_append_format(body, "<Path>%s%.*s</Path>", prefix, (int)length, key);
}

static void write_body(const struct cloudfront_invalidation *invalidation, struct buffer *body)
{
	buffer_append_format(body,
	                     "<InvalidationBatch xmlns=\"http://cloudfront.amazonaws.com/doc/2020-05-31/\">"
	                     "<CallerReference>%s</CallerReference><Paths><Quantity>%zu</Quantity><Items>",
	                     invalidation->reference, 3 * invalidation->key_count);
	for (size_t i = 0; i < invalidation->key_count; i++) {
		const char *key = invalidation->keys[i];
		append_path(body, "/", key, strlen(key));
		append_path(body, DELIVERY_PREFIX, key, strlen(key));
		// Negotiated URLs have no extension.
		append_path(body, DELIVERY_PREFIX, key, (size_t)(strrchr(key, '.') - key));
	}
	buffer_append_text(body, "</Items></Paths></InvalidationBatch>");
}

static enum rc fill_request(const struct cloudfront_invalidation *invalidation, const struct sigv4_key *key,
                            const char *time, struct cloudfront_request *request, struct err *err)
{
	write_body(invalidation, &request->body);
	if (!buffer_ok(&request->body))
		return err_set(err, RC_NO_MEMORY, "no memory for an invalidation");
	uint8_t digest[SHA256_SIZE];
	sha256_of(request->body.data, request->body.length, digest);
	encode_hex(digest, sizeof(digest), request->payload);
	(void)snprintf(request->target, sizeof(request->target), "/2020-05-31/distribution/%s/invalidation",
	               invalidation->distribution_id);
	(void)snprintf(request->date, sizeof(request->date), "%s", time);
	const struct sigv4_request signed_request = {
		.method = "POST",
		.host = CLOUDFRONT_HOST,
		.path = request->target,
		.payload = request->payload,
	};
	return sigv4_sign(key, &signed_request, time, request->authorization, err);
}

enum rc cloudfront_invalidation_build(const struct cloudfront_invalidation *invalidation, const struct sigv4_key *key,
                                      const char *time, struct cloudfront_request *ret_request, struct err *err)
{
	enum rc rc = check_invalidation(invalidation, err);
	if (rc == RC_OK && strlen(time) != SIGV4_TIME_SIZE - 1)
		rc = err_set(err, RC_INVALID, "not a time like 20130524T000000Z: %s", time);
	if (rc != RC_OK)
		return rc;
	struct cloudfront_request request = { .target = "" };
	buffer_init(&request.body, BODY_BYTES_MAX);
	rc = fill_request(invalidation, key, time, &request, err);
	if (rc == RC_OK)
		*ret_request = request;
	else
		cloudfront_request_done(&request);
	return rc;
}

void cloudfront_request_done(struct cloudfront_request *request)
{
	buffer_done(&request->body);
}

static enum rc rc_of_status(unsigned status, const char *code)
{
	if (status == 429 || strcmp(code, "TooManyInvalidationsInProgress") == 0 || strcmp(code, "Throttling") == 0)
		return RC_BUSY;
	if (status >= 500)
		return RC_UNAVAILABLE;
	if (status == 401 || status == 403)
		return RC_DENIED;
	return status == 404 ? RC_NOT_FOUND : RC_INVALID;
}

// An error's code and message go into the text; an answer without them is judged by its status.
static enum rc read_error(unsigned status, const char *body, size_t length, struct err *err)
{
	char code[64] = "", message[256] = "";
	struct xml_document *document = NULL;
	if (length > 0 && xml_parse(body, length, "ErrorResponse", &document, NULL) == RC_OK) {
		const struct xml_node *error = xml_child(xml_root(document), "Error");
		(void)xml_child_copy(error, "Code", code, sizeof(code));
		(void)xml_child_copy(error, "Message", message, sizeof(message));
	}
	xml_free(&document);
	return err_set(err, rc_of_status(status, code), "CloudFront answers %u %s %s", status, code, message);
}

enum rc cloudfront_invalidation_read(unsigned status, const char *body, size_t length, char ret_id[CLOUDFRONT_ID_SIZE],
                                     struct err *err)
{
	if (status != 201 && status != 200)
		return read_error(status, body, length, err);
	struct xml_document *document = NULL;
	enum rc rc = xml_parse(body, length, "Invalidation", &document, err);
	if (rc != RC_OK)
		return rc;
	if (!xml_child_copy(xml_root(document), "Id", ret_id, CLOUDFRONT_ID_SIZE))
		rc = err_set(err, RC_CORRUPT, "CloudFront's answer has no invalidation id");
	xml_free(&document);
	return rc;
}
