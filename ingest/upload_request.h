// Reading a request to begin uploads: the fields, the limits on them, the Idempotency-Key.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/crypto.h"
#include "catalog/upload.h"
#include "http/idempotency.h"
#include "media/filename.h"
#include "media/object_key.h"

#define CONTENT_MD5_BYTES 16
#define UPLOAD_BATCH_MAX 100

struct class_settings;
struct http_request;
struct ingest;

// What new points to, beside texts in the request's arena.
struct upload_request {
	struct upload_new new;
	struct uuid item_id;
	char filename[FILENAME_SIZE];
	char object_key[OBJECT_KEY_SIZE];
	uint8_t sha256[SHA256_SIZE];
	uint8_t content_md5[CONTENT_MD5_BYTES];
	char idempotency_key[IDEMPOTENCY_KEY_SIZE];
	uint8_t fingerprint[SHA256_SIZE];
};

// Fill *ret_request, which must stay where it is (new points into it), with fresh ids and an object key nobody can
// guess. False when a problem was answered (400, 413, 415, 422): then nothing was done.
bool upload_request_read(struct ingest *ingest, struct http_request *request, struct upload_request *ret_request);

// The same for {"uploads": [1 to UPLOAD_BATCH_MAX of them]}: an array in the request's arena. The Idempotency-Key
// stands for all of them. 0 when a problem was answered.
size_t upload_request_read_batch(struct ingest *ingest, struct http_request *request,
                                 struct upload_request **ret_requests);

// Give an upload whose file name, type and size are known its ids, its key, its times and its quotas; part_size decides
// whether it goes in parts. owner_id is set by the caller.
void upload_request_identify(const struct ingest *ingest, const struct class_settings *account_class,
                             struct upload_request *upload);
