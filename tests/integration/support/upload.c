// Uploading as a client does.
#include "tests/integration/support/upload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "tests/integration/support/stack.h"
#include "tests/unit/cmocka_all.h"

#define HEADERS_MAX 16

void test_upload_done(struct test_upload *upload)
{
	free(upload->url);
	json_decref(upload->headers);
	*upload = (struct test_upload){ 0 };
}

void test_upload_request(const struct test_account *account, const struct test_file *file,
                         struct test_upload *ret_upload)
{
	struct test_reply reply;
	json_t *body = json_pack("{s:s, s:s, s:I}", "filename", file->filename, "content_type", file->content_type,
	                         "size", (json_int_t)file->length);
	char *text = json_dumps(body, 0);
	test_http_json("POST", "/v1/uploads", account->access_token, text, &reply);
	free(text);
	json_decref(body);
	test_assert_status(&reply, 201);
	struct test_upload upload = { .status = reply.status };
	(void)snprintf(upload.upload_id, sizeof upload.upload_id, "%s", test_json_text(reply.json, "upload_id"));
	(void)snprintf(upload.media_id, sizeof upload.media_id, "%s", test_json_text(reply.json, "media_id"));
	upload.url = strdup(test_json_text(reply.json, "url"));
	upload.headers = json_incref(test_json_at(reply.json, "headers"));
	test_reply_done(&reply);
	*ret_upload = upload;
}

unsigned test_upload_put(const struct test_upload *upload, const void *data, size_t length)
{
	const char *headers[HEADERS_MAX + 1] = { 0 };
	size_t count = 0;
	const char *name;
	json_t *value;
	json_object_foreach(upload->headers, name, value)
	{
		char *line = NULL;
		// libcurl counts the bytes itself, as a browser does.
		if (count == HEADERS_MAX || strcasecmp(name, "content-length") == 0 ||
		    asprintf(&line, "%s: %s", name, json_string_value(value)) < 0)
			continue;
		headers[count++] = line;
	}
	struct test_reply reply;
	test_http(
	        &(struct test_call){
	                .method = "PUT", .url = upload->url, .body = data, .length = length, .headers = headers },
	        &reply);
	unsigned status = reply.status;
	test_reply_done(&reply);
	for (size_t i = 0; i < count; i++)
		free((char *)headers[i]);
	return status;
}

void test_upload_confirm(const struct test_account *account, const char *upload_id, struct test_reply *ret_reply)
{
	char path[96];
	(void)snprintf(path, sizeof path, "/v1/uploads/%s/complete", upload_id);
	test_http_json("POST", path, account->access_token, "{}", ret_reply);
}

void test_upload_whole(const struct test_account *account, const struct test_file *file, char ret_media_id[37])
{
	struct test_upload upload;
	struct test_reply reply;
	test_upload_request(account, file, &upload);
	assert_int_equal(test_upload_put(&upload, file->data, file->length), 200);
	test_upload_confirm(account, upload.upload_id, &reply);
	test_assert_status(&reply, 202);
	(void)snprintf(ret_media_id, 37, "%s", upload.media_id);
	test_reply_done(&reply);
	test_upload_done(&upload);
}

static bool has_ended(const char *state)
{
	static const char *const ENDS[] = { "ready", "failed", "rejected", "expired", "deleted" };
	for (size_t i = 0; i < sizeof ENDS / sizeof ENDS[0]; i++)
		if (strcmp(state, ENDS[i]) == 0)
			return true;
	return false;
}

json_t *test_media_await(const struct test_account *account, const char *media_id, const char *state,
                         int64_t timeout_ms)
{
	struct deadline deadline = deadline_after_ms(timeout_ms);
	char path[96];
	(void)snprintf(path, sizeof path, "/v1/media/%s", media_id);
	for (;;) {
		struct test_reply reply;
		test_http_json("GET", path, account->access_token, NULL, &reply);
		// While a test has a component down, 5xx and no answer at all are passing trouble.
		if (reply.status == 200) {
			const char *now = test_json_text(reply.json, "state");
			if (strcmp(now, state) == 0) {
				json_t *media = json_incref(reply.json);
				test_reply_done(&reply);
				return media;
			}
			if (has_ended(now))
				fail_msg("media %s is %s, not %s: %.2000s", media_id, now, state, reply.body);
		} else if (reply.status != 0 && reply.status < 500) {
			test_assert_status(&reply, 200);
		}
		if (deadline_passed(deadline))
			fail_msg("media %s is not %s within %lld ms; last answer %u: %.2000s", media_id, state,
			         (long long)timeout_ms, reply.status, reply.body == NULL ? "" : reply.body);
		test_reply_done(&reply);
		clock_sleep_ms(50);
	}
}

void test_job_fail_by_hand(const char *media_id)
{
	free(test_sql_text(
	        "WITH j AS (UPDATE jobs SET state = 'failed', finished_at = now(), last_error_code = "
	        "'store_failed' WHERE media_id = $1::uuid AND state = 'queued' RETURNING *), "
	        "m AS (UPDATE media SET state = 'failed', reason_code = 'store_failed' "
	        "WHERE id = $1::uuid AND state = 'uploaded' RETURNING id) "
	        "INSERT INTO dead_letters (job_id, media_id, owner_id, generation, pool, attempts, code, detail) "
	        "SELECT j.id, j.media_id, j.owner_id, j.generation, j.pool, 5, 'store_failed', 'for a test' "
	        "FROM j, m",
	        media_id, NULL));
}
