// Putting the pieces together.
#include "metadata-api/reply_pieces.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/fingerprint.h"
#include "base/limits.h"
#include "http/request.h"
#include "http/respond.h"
#include "metadata-api/reply.h"
#include "metadata-api/variant_cache.h"

// At most: an item with all its media, or the longest page. Each text has a piece of its own and one before it.
static_assert(2 * LIMIT_PAGE_ITEMS + 1 <= HTTP_PIECES_MAX, "a page fits");

void reply_pieces_init(struct reply_pieces *pieces, size_t room)
{
	*pieces = (struct reply_pieces){ .room = room };
	buffer_init(&pieces->out, LIMIT_RESPONSE_BYTES);
	json_write_init(&pieces->json, &pieces->out);
	pieces->cuts = calloc(room + 1, sizeof *pieces->cuts);
	if (pieces->cuts == NULL)
		pieces->out.failed = true;
}

void reply_pieces_add(struct reply_pieces *pieces, const struct variant_text *text)
{
	json_write_raw(&pieces->json, NULL, "", 0); // the comma
	if (pieces->cuts == NULL)
		return;
	assert(pieces->count < pieces->room);
	variant_text_hold(text);
	pieces->cuts[pieces->count++] = (struct reply_cut){ .at = pieces->out.length, .text = text };
}

static void pieces_done(struct reply_pieces *pieces)
{
	for (size_t i = 0; i < pieces->count; i++)
		variant_text_release(pieces->cuts[i].text);
	free(pieces->cuts);
	buffer_done(&pieces->out);
}

static void free_sent(void *owner)
{
	pieces_done(owner);
	free(owner);
}

// One text of them all.
static void join(const struct reply_pieces *pieces, struct buffer *out)
{
	size_t at = 0;
	buffer_init(out, SIZE_MAX / 2);
	out->failed = !buffer_ok(&pieces->out);
	for (size_t i = 0; i < pieces->count; i++) {
		const struct reply_cut *cut = &pieces->cuts[i];
		buffer_append(out, buffer_text(&pieces->out) + at, cut->at - at);
		buffer_append(out, cut->text->text, cut->text->length);
		at = cut->at;
	}
	buffer_append(out, buffer_text(&pieces->out) + at, pieces->out.length - at);
}

void reply_pieces_answer_as(struct http_request *request, unsigned status, struct reply_pieces *pieces)
{
	struct buffer out;
	join(pieces, &out);
	pieces_done(pieces);
	http_respond_json(request, status, &out);
}

// Of the bytes that were written, and of each text and its place among them: the same for the same answer.
static void fingerprint_pieces(const struct reply_pieces *pieces, uint8_t ret_digest[FINGERPRINT_SIZE])
{
	struct buffer parts;
	uint8_t written[FINGERPRINT_SIZE];
	buffer_init(&parts, LIMIT_RESPONSE_BYTES);
	fingerprint_of(buffer_text(&pieces->out), pieces->out.length, written);
	buffer_append(&parts, written, sizeof written);
	for (size_t i = 0; i < pieces->count; i++) {
		uint64_t at = pieces->cuts[i].at;
		buffer_append(&parts, &at, sizeof at);
		buffer_append(&parts, pieces->cuts[i].text->fingerprint, FINGERPRINT_SIZE);
	}
	fingerprint_of(buffer_text(&parts), parts.length, ret_digest);
	buffer_done(&parts);
}

static void send_pieces(struct http_request *request, const struct reply_pieces *pieces)
{
	struct http_piece list[HTTP_PIECES_MAX];
	struct reply_pieces *sent = malloc(sizeof *sent);
	size_t count = 0, at = 0;
	if (sent == NULL) {
		struct reply_pieces left = *pieces;
		pieces_done(&left);
		http_respond_rc(request, &(struct err){ .rc = RC_NO_MEMORY });
		return;
	}
	*sent = *pieces;
	for (size_t i = 0; i < sent->count; i++) {
		const struct reply_cut *cut = &sent->cuts[i];
		list[count++] = (struct http_piece){ buffer_text(&sent->out) + at, cut->at - at };
		list[count++] = (struct http_piece){ cut->text->text, cut->text->length };
		at = cut->at;
	}
	list[count++] = (struct http_piece){ buffer_text(&sent->out) + at, sent->out.length - at };
	http_respond_pieces(request, 200, "application/json", list, count, free_sent, sent);
}

void reply_pieces_answer(struct http_request *request, int64_t version, struct reply_pieces *pieces)
{
	uint8_t digest[FINGERPRINT_SIZE];
	bool is_read =
	        strcmp(http_request_method(request), "GET") == 0 || strcmp(http_request_method(request), "HEAD") == 0;
	if (!buffer_ok(&pieces->out)) {
		reply_pieces_answer_as(request, 200, pieces);
		return;
	}
	fingerprint_pieces(pieces, digest);
	if (reply_is_known(request, version, digest)) {
		pieces_done(pieces);
		return;
	}
	if (is_read && 2 * pieces->count + 1 <= HTTP_PIECES_MAX)
		send_pieces(request, pieces);
	else
		reply_pieces_answer_as(request, 200, pieces);
}
