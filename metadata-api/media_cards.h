// Pages whose rows name media by id and version: what their owner sees of each is a text that is kept
// (variant_cache.h); media that have none yet are read and written, once, while the request stays suspended.
#pragma once

#include <stddef.h>

#include "db/result.h"
#include "metadata-api/variant_cache.h"

struct api;
struct http_request;

struct media_card {
	struct variant_key key;
	const struct variant_text *text; // NULL: the row has no media, or it went meanwhile
};

struct media_cards {
	struct http_request *request;
	const struct api *api;
	struct db_result *rows;
	struct media_card *items; // of each row; NULL when there are no rows
	struct db_result *media;  // those without a text, while they are read
	void (*done)(struct media_cards *cards);
	void *context; // of the caller, in the request's arena
};

// What these rows carry of a media, from column `media_at`: its id (NULL: none) and its version.
#define MEDIA_CARDS_COLUMN_COUNT 2

// Take the rows of a suspended request and call done(cards), which answers it and owns nothing: rows and texts go when
// it returns. Failures are answered here. Any thread; never blocks.
void media_cards_take(struct http_request *request, struct db_result *taken, size_t media_at,
                      void (*done)(struct media_cards *cards), void *context);
