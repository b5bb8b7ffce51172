// The SigV4 driver's presigned URLs and POST forms.
#include <inttypes.h>
#include <string.h>

#include "base/encoding.h"
#include "base/json_write.h"
#include "store/sigv4_store.h"

#define PRESIGN_MEMORY (64 * 1024)
#define POLICY_MAX (16 * 1024)

static enum rc no_memory(struct err *err)
{
	return err_set(err, RC_NO_MEMORY, "no memory for a presigned request");
}

static bool copy_pair(struct arena *memory, const struct store_pair *pair, struct store_pair *ret_pair)
{
	ret_pair->name = arena_copy_text(memory, pair->name);
	ret_pair->value = arena_copy_text(memory, pair->value);
	return ret_pair->name != NULL && ret_pair->value != NULL;
}

static enum rc write_url(struct sigv4_store *store, const struct store_presign *presign, int64_t now_us,
                         struct arena *memory, const char **ret_url, struct err *err)
{
	const char *key_name = presign->key != NULL && presign->key[0] != '\0' ? presign->key : NULL;
	char time[SIGV4_TIME_SIZE];
	clock_format_basic(now_us, time);
	struct sigv4_request request = { .method = presign->method,
		                         .scheme = store->public_endpoint.scheme,
		                         .host = store->public_endpoint.host,
		                         .path = sigv4_store_path(memory, presign->bucket, key_name),
		                         .query = presign->query,
		                         .query_count = presign->query_count,
		                         .headers = presign->headers,
		                         .header_count = presign->header_count };
	if (request.path == NULL)
		return no_memory(err);
	char text[SIGV4_TARGET_SIZE];
	struct span url;
	span_init(&url, text, sizeof text);
	struct sigv4_key key = sigv4_store_key(store, false, time);
	enum rc rc = sigv4_presign(&key, &request, time, presign->seconds, &url, err);
	crypto_wipe(&key, sizeof key);
	if (rc != RC_OK)
		return rc;
	*ret_url = arena_copy(memory, url.data, url.length);
	return *ret_url != NULL ? RC_OK : no_memory(err);
}

enum rc sigv4_presign_request(void *self, const struct store_presign *presign, int64_t now_us,
                              struct store_signed_request *ret_request, struct err *err)
{
	struct store_signed_request request = { .memory = arena_new(PRESIGN_MEMORY) };
	if (request.memory == NULL)
		return no_memory(err);
	enum rc rc = write_url(self, presign, now_us, request.memory, &request.url, err);
	if (rc == RC_OK) {
		request.headers = arena_alloc(request.memory, presign->header_count * sizeof request.headers[0]);
		rc = request.headers != NULL ? RC_OK : no_memory(err);
	}
	for (size_t i = 0; rc == RC_OK && i < presign->header_count; i++) {
		if (!copy_pair(request.memory, &presign->headers[i], &request.headers[i]))
			rc = no_memory(err);
		request.header_count = i + 1;
	}
	if (rc != RC_OK) {
		store_signed_request_done(&request);
		return rc;
	}
	// The store counts from the signed time, which has whole seconds.
	request.expires_us = now_us / 1000000 * 1000000 + presign->seconds * 1000000;
	*ret_request = request;
	return RC_OK;
}

// ---- POST forms: "Creating a POST Policy", Amazon S3 API reference
// -----------------------------------------------------

static void add_field(struct store_form *form, const char *name, const char *value)
{
	form->fields[form->field_count++] = (struct store_pair){ name, value };
}

static void write_condition(struct json_write *json, const char *name, const char *value)
{
	json_write_object_begin(json, NULL);
	json_write_text(json, name, value);
	json_write_object_end(json);
}

// Every field of the form, each with exactly its value, and the range of lengths.
static void write_policy(const struct store_form_options *options, const struct store_form *form, struct buffer *out)
{
	struct json_write json;
	json_write_init(&json, out);
	json_write_object_begin(&json, NULL);
	json_write_time(&json, "expiration", form->expires_us);
	json_write_array_begin(&json, "conditions");
	write_condition(&json, "bucket", options->bucket);
	for (size_t i = 0; i < form->field_count; i++)
		write_condition(&json, form->fields[i].name, form->fields[i].value);
	if (options->content_type == NULL) {
		json_write_array_begin(&json, NULL);
		json_write_text(&json, NULL, "starts-with");
		json_write_text(&json, NULL, "$Content-Type");
		json_write_text(&json, NULL, "");
		json_write_array_end(&json);
	}
	json_write_array_begin(&json, NULL);
	json_write_text(&json, NULL, "content-length-range");
	json_write_int(&json, NULL, (int64_t)options->least_bytes);
	json_write_int(&json, NULL, (int64_t)options->most_bytes);
	json_write_array_end(&json);
	json_write_array_end(&json);
	json_write_object_end(&json);
}

// The base64 text of the policy, in the arena; NULL without memory or when it is too long.
static char *encode_policy(const struct store_form_options *options, const struct store_form *form)
{
	struct buffer policy;
	buffer_init(&policy, POLICY_MAX);
	write_policy(options, form, &policy);
	char *text = NULL;
	if (buffer_ok(&policy))
		text = arena_alloc(form->memory, BASE64_TEXT_SIZE(policy.length));
	if (text != NULL)
		encode_base64(policy.data, policy.length, text);
	buffer_done(&policy);
	return text;
}

static enum rc add_own_fields(struct store_form *form, const struct store_form_options *options,
                              const struct sigv4_key *key, const char *time, struct err *err)
{
	char *own_key = arena_copy_text(form->memory, options->key);
	char *own_type = arena_copy_text(form->memory, options->content_type != NULL ? options->content_type : "");
	char *credential = arena_copy_text(form->memory, key->credential);
	char *own_time = arena_copy_text(form->memory, time);
	if (own_key == NULL || own_type == NULL || credential == NULL || own_time == NULL)
		return no_memory(err);
	add_field(form, "key", own_key);
	if (options->content_type != NULL)
		add_field(form, "Content-Type", own_type);
	for (size_t i = 0; i < options->field_count; i++) {
		if (!copy_pair(form->memory, &options->fields[i], &form->fields[form->field_count]))
			return no_memory(err);
		form->field_count++;
	}
	add_field(form, "x-amz-algorithm", "AWS4-HMAC-SHA256");
	add_field(form, "x-amz-credential", credential);
	add_field(form, "x-amz-date", own_time);
	return RC_OK;
}

// key, Content-Type, the three of signing, policy and signature.
#define OWN_FIELDS 7

static enum rc fill_form(const struct sigv4_store *store, const struct store_form_options *options,
                         const struct sigv4_key *key, const char *time, struct store_form *form, struct err *err)
{
	form->url = arena_format(form->memory, "%s/%s/", store->public_endpoint.origin, options->bucket);
	form->fields = arena_alloc(form->memory, (options->field_count + OWN_FIELDS) * sizeof form->fields[0]);
	char *signature = arena_alloc(form->memory, SIGV4_SIGNATURE_SIZE);
	if (form->url == NULL || form->fields == NULL || signature == NULL)
		return no_memory(err);
	enum rc rc = add_own_fields(form, options, key, time, err);
	if (rc != RC_OK)
		return rc;
	char *policy = encode_policy(options, form);
	if (policy == NULL)
		return no_memory(err);
	sigv4_sign_policy(key, policy, signature);
	add_field(form, "policy", policy);
	add_field(form, "x-amz-signature", signature);
	return RC_OK;
}

enum rc sigv4_presign_form(void *self, const struct store_form_options *options, int64_t now_us,
                           struct store_form *ret_form, struct err *err)
{
	if (options->most_bytes > INT64_MAX)
		return err_set(err, RC_INVALID, "the form's most size is above 2^63");
	struct store_form form = { .memory = arena_new(PRESIGN_MEMORY) };
	if (form.memory == NULL)
		return no_memory(err);
	form.expires_us = now_us / 1000000 * 1000000 + options->seconds * 1000000;
	char time[SIGV4_TIME_SIZE];
	clock_format_basic(now_us, time);
	struct sigv4_key key = sigv4_store_key(self, false, time);
	enum rc rc = fill_form(self, options, &key, time, &form, err);
	crypto_wipe(&key, sizeof key);
	if (rc == RC_OK)
		*ret_form = form;
	else
		store_form_done(&form);
	return rc;
}
