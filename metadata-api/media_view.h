// Media with their variants' signed URLs, as JSON: a statement of the pipeline gives the media while the request is
// suspended; a second one the variants of those whose text is not kept already (variant_cache.h).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "db/result.h"

struct api;
struct db_statement;
struct db_value;
struct http_request;
struct json_write;
struct uuid;

// Who sees a media, and for how long what they see can be fetched.
struct media_audience {
	bool is_shared;        // holders of a share link: no file name, hashes, capture time or EXIF
	bool sees_exif;        // the owner, reading one media: statements of more have no EXIF in their rows
	bool with_original;    // holders of a share link that allows it
	int64_t url_seconds;   // least life of a delivery URL; at most twice as long
	int64_t latest_expiry; // seconds since the epoch beyond which no URL lives; 0: none
};

struct media_text;

// What a reading gives: rows of media, and the published variants of those that have no text yet.
struct media_view {
	struct http_request *request; // NULL when there is no single one; then done is not used
	const struct api *api;
	struct media_audience audience;
	struct db_result *media;
	struct db_result *variants; // NULL when none were wanted
	struct media_text *texts;   // of each row; NULL: none are kept
	void (*done)(struct media_view *view);
	void *context; // of the caller, in the request's arena
};

// Suspend the request, run the statement (one of catalog/media.h's that catalog_media_read can decode), load the
// variants of its rows, call done(view) on a pipeline thread; done answers the request and owns nothing: the results
// are freed when it returns. Failures are answered here. Call as the last act of a handler.
void media_view_load(struct http_request *request, const struct db_statement *statement, const struct db_value *values,
                     void (*done)(struct media_view *view), void *context);

// The same for a request that is suspended already, on a thread that may not block; takes no ownership of values.
void media_view_continue(struct http_request *request, const struct db_statement *statement,
                         const struct db_value *values, void (*done)(struct media_view *view), void *context);

// Write row `row` of view->media as one JSON object with variants and srcset.
void media_view_write(const struct media_view *view, struct json_write *json, const char *name, size_t row);

// Answer with the caller's media `id`, or 404. Suspends the request; call as the last act of a handler.
void media_view_answer(struct http_request *request, const struct uuid *id);

// Until when the URLs of a media live for them: the same for all who ask within some time.
int64_t media_view_expiry(const struct media_audience *audience, const struct uuid *media_id);
