// ETags, pages and cursors.
#include "metadata-api/reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/encoding.h"
#include "base/json_write.h"
#include "http/request.h"
#include "http/respond.h"
#include "metadata-api/api.h"

#define ETAG_HASH_BYTES 12
#define FILTERS_MAX 8

bool reply_is_known(struct http_request *request, int64_t version, const uint8_t fingerprint[FINGERPRINT_SIZE])
{
	char hash[BASE64_TEXT_SIZE(ETAG_HASH_BYTES)], etag[64];
	encode_base64url(fingerprint, ETAG_HASH_BYTES, hash);
	if (version > 0)
		(void)snprintf(etag, sizeof etag, "\"%lld.%s\"", (long long)version, hash);
	else
		(void)snprintf(etag, sizeof etag, "\"%s\"", hash);
	return http_request_if_none_match(request, etag);
}

void reply_json(struct http_request *request, int64_t version, struct buffer *taken)
{
	uint8_t digest[FINGERPRINT_SIZE];
	fingerprint_of(buffer_text(taken), taken->length, digest);
	if (reply_is_known(request, version, digest)) {
		buffer_done(taken);
		return;
	}
	http_respond_json(request, 200, taken);
}

bool reply_read_if_match(struct http_request *request, int64_t *ret_version)
{
	const char *header = http_request_header(request, "If-Match");
	*ret_version = 0;
	if (header == NULL || strcmp(header, "*") == 0)
		return true;
	if (strncmp(header, "W/", 2) == 0)
		header += 2;
	char *end = NULL;
	long long version = header[0] == '"' ? strtoll(header + 1, &end, 10) : 0;
	if (version <= 0 || end == NULL || (*end != '.' && *end != '"') || header[strlen(header) - 1] != '"') {
		http_respond_problem(request, 400, "invalid-if-match",
		                     "If-Match must be the ETag of an earlier answer, or the version in quotes.");
		return false;
	}
	*ret_version = version;
	return true;
}

bool reply_read_page(struct http_request *request, enum cursor_list list, const char *const *filters,
                     size_t filter_count, struct reply_page *ret_page)
{
	struct err err = { 0 };
	int64_t limit;
	if (http_request_query_int(request, "limit", LIMIT_PAGE_ITEMS_DEFAULT, 1, LIMIT_PAGE_ITEMS, &limit, &err) !=
	    RC_OK) {
		http_respond_rc(request, &err);
		return false;
	}
	char owner[UUID_TEXT_SIZE];
	const char *parts[FILTERS_MAX] = { owner };
	uuid_format(&http_request_principal(request)->user_id, owner);
	for (size_t i = 0; i < filter_count && i + 1 < FILTERS_MAX; i++)
		parts[i + 1] = filters[i];
	struct reply_page page = { .limit = (unsigned)limit, .filter = cursor_filter_hash(parts, filter_count + 1) };
	const char *cursor = http_request_query(request, "cursor");
	page.has_after = cursor != NULL;
	if (cursor != NULL &&
	    cursor_decode(&api_of(request)->cursor_key, cursor, list, page.filter, &page.after, &err) != RC_OK) {
		http_respond_problem(request, 400, "invalid-cursor",
		                     "This cursor does not belong to this listing. Begin again without a cursor.");
		return false;
	}
	*ret_page = page;
	return true;
}

void reply_write_next(struct http_request *request, struct json_write *json, const struct reply_page *page,
                      enum cursor_list list, bool has_next, int64_t sort_key, const struct uuid *id)
{
	if (!has_next) {
		json_write_null(json, "next_cursor");
		return;
	}
	struct cursor cursor = { .list = list, .sort_key = sort_key, .id = *id, .filter = page->filter };
	char text[CURSOR_TEXT_SIZE];
	cursor_encode(&api_of(request)->cursor_key, &cursor, text);
	json_write_text(json, "next_cursor", text);
}
