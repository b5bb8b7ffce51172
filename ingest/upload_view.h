// Uploads and media as ingest's answers show them.
#pragma once

#include <stdint.h>

#include "base/uuid.h"
#include "media/state.h"

struct err;
struct http_request;
struct ingest;
struct upload_row;

// What an answer about an upload needs.
struct upload_view {
	struct uuid upload_id;
	struct uuid media_id;
	enum media_state state;
	// The rest stands for open uploads (MEDIA_AWAITING_UPLOAD): they get a fresh URL.
	const char *object_key;
	const char *content_type;
	int64_t size;
	const uint8_t *content_md5; // 16 bytes or NULL
	int64_t expires_at;         // of the first URL; the upload lives expiry_grace_seconds longer
};

struct upload_view upload_view_of(const struct upload_row *upload);

// Answer with the upload: {upload_id, media_id, state}, and while it is open {method, url, headers, expires_at}: where
// to PUT the bytes, with exactly these headers, and until when.
void upload_view_answer(struct ingest *ingest, struct http_request *request, unsigned status,
                        const struct upload_view *view);

// Answer with the caller's media as {"media": {…}}, or 404.
void upload_view_answer_media(struct ingest *ingest, struct http_request *request, unsigned status,
                              const struct uuid *media_id);

// Answer a failure of the catalog or the store: 404, 503 with Retry-After for whatever may pass, else 500.
void upload_view_fail(struct http_request *request, const struct err *err);
