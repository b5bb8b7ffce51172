// Uploads and media as ingest's answers show them.
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "base/uuid.h"
#include "catalog/upload.h"
#include "media/state.h"

struct http_request;
struct ingest;
struct json_write;
struct store_signed_request;

// What an answer about an upload needs.
struct upload_view {
	struct uuid upload_id;
	struct uuid media_id;
	enum media_state state;
	enum upload_method method;
	// The rest stands for open uploads (MEDIA_AWAITING_UPLOAD): they get a fresh URL.
	const char *object_key;
	const char *content_type;
	int64_t size;
	int64_t part_size;          // 0: in one piece
	const uint8_t *content_md5; // 16 bytes or NULL
	int64_t expires_at;         // of the first URL; the upload lives expiry_grace_seconds longer
};

struct upload_view upload_view_of(const struct upload_row *upload);
struct upload_view upload_view_of_new(const struct upload_new *upload);

// Append the members of an upload: upload_id, media_id, state, and while it is open, in one piece: method, url,
// headers, expires_at (where to PUT the bytes, with exactly these headers, and until when), in parts: expires_at (of
// the upload) and multipart {part_size, parts, urls: []}, whose URLs are had by POST /v1/uploads/{id}/parts, and by
// tus: expires_at (of the upload) and tus {path}: its bytes come through us alone.
enum rc upload_view_write(struct ingest *ingest, struct json_write *json, const struct upload_view *view,
                          struct err *err) MUST_CHECK;

// Answer with an upload, as upload_view_write writes it.
void upload_view_answer(struct ingest *ingest, struct http_request *request, unsigned status,
                        const struct upload_view *view);

// Answer with the caller's media as {"media": {…}}, or 404.
void upload_view_answer_media(struct ingest *ingest, struct http_request *request, unsigned status,
                              const struct uuid *media_id);

// {media: …} of the caller's media, as members of the object that is being written.
enum rc upload_view_write_media(struct ingest *ingest, struct http_request *request, struct json_write *json,
                                const struct uuid *media_id, struct err *err) MUST_CHECK;

// The members upload_id, media_id, state.
void upload_view_write_ids(struct json_write *json, const struct uuid *upload_id, const struct uuid *media_id,
                           enum media_state state);

// The members method, url, headers, expires_at of a signed request.
void upload_view_write_request(struct json_write *json, const struct store_signed_request *signed_request);

// When an upload ends at the latest (seconds since the epoch) whose first URL ends at expires_at (microseconds), and
// how long a URL of it may live that is signed now: at least a second.
int64_t upload_view_end_seconds(const struct ingest *ingest, int64_t expires_at);
int64_t upload_view_url_seconds(const struct ingest *ingest, int64_t expires_at);

// Answer a failure of the catalog or the store: 404, 503 with Retry-After for whatever may pass, else 500.
void upload_view_fail(struct http_request *request, const struct err *err);
