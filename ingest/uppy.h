// What the calls of Uppy's S3 plugin share: beginning an upload, finding it by its object's key, errors as Uppy's own
// Companion writes them. (Contract: @uppy/companion's /s3 endpoints; @uppy/aws-s3 up to 5 by `endpoint` and `headers`,
// from 6 on by `signRequest`.)
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "catalog/upload.h"
#include "ingest/upload_request.h"

struct http_request;
struct ingest;

// What is known of a file that is to be uploaded. size is ours: Companion's contract does not have it, so pages put it
// into the file's metadata; NULL: it did not.
struct uppy_file {
	const char *filename;
	const char *content_type;
	const char *size;
};

// Begin an upload of the caller's. False when an error was answered. Blocks.
bool uppy_begin(struct http_request *request, const struct uppy_file *file, enum upload_method method,
                struct upload_request *ret_upload);

// The caller's upload that makes the object of the query parameter "key" (or of key, when that is not NULL). False when
// an error was answered. On true the caller frees *ret_result; on false it is left alone. Blocks.
bool uppy_find(struct http_request *request, const char *key, struct upload_row *ret_upload,
               struct db_result **ret_result);

// {"error": "s3: …"}.
void uppy_refuse(struct http_request *request, unsigned status, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

// "1" to "10000"; 0 for anything else.
unsigned uppy_part_number(const char *text);

// Life of a URL in seconds that is signed now for this upload.
int64_t uppy_seconds(struct ingest *ingest, const struct upload_row *upload);
