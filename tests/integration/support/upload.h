// Uploads of tests, step by step or whole: begun at ingest, PUT to the store as the answer says, completed.
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/integration/support/account.h"
#include "tests/integration/support/http.h"

struct test_file {
	const char *filename;
	const char *content_type;
	const void *data;
	size_t length;
};

struct test_upload {
	unsigned status; // of the answer to begin
	char upload_id[37];
	char media_id[37];
	char *url;       // where to PUT
	json_t *headers; // what to send with it
};
// Accepts a zeroed one.
void test_upload_done(struct test_upload *upload);

// POST /v1/uploads for the file; fails the test unless it is answered 201. Main thread.
void test_upload_request(const struct test_account *account, const struct test_file *file,
                         struct test_upload *ret_upload);

// PUT the bytes with the signed headers; the store's status (0: no answer). Any thread.
unsigned test_upload_put(const struct test_upload *upload, const void *data, size_t length);

// POST /v1/uploads/{id}/complete. Any thread. End with test_reply_done.
void test_upload_confirm(const struct test_account *account, const char *upload_id, struct test_reply *ret_reply);

// All three steps; fails the test unless each works. Main thread.
void test_upload_whole(const struct test_account *account, const struct test_file *file, char ret_media_id[37]);

// Ask metadata-api until the media is in that state; fails the test after timeout_ms, or when it has ended in another
// state. The last answer to GET /v1/media/{id}; the caller drops it with json_decref. Main thread.
json_t *test_media_await(const struct test_account *account, const char *media_id, const char *state,
                         int64_t timeout_ms);

// End the queued job of a media that no worker has begun as one that has failed for good, with its dead letter: as if
// the store had failed five times. The caller keeps workers away.
void test_job_fail_by_hand(const char *media_id);
