// What the API's benchmark needs of the API's own code:
//   keys token JWT_KEY_FILE OWNER             an access token of the owner's
//   keys pages CURSOR_KEY_FILE OWNER < rows   for each line "microseconds id" the path of the 20 items behind that row
//   keys sql NAME                             the SQL of a statement of the API's; full_list and full_item: the same
//                                             page and item with every column of what the answer shows, for whoever
//                                             keeps no texts
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/file.h"
#include "catalog/media_columns.h"
#include "http/access_token.h"
#include "media/cursor.h"
// Services are not libraries: their statements are compiled in.
#include "metadata-api/item_list_store.c"
#include "metadata-api/item_read.c"

#define TOKEN_SECONDS 900

// $1 to $5 as the listing's own statement; variants as one text a media.
#define FULL_COLUMNS                                                                                                     \
	ITEM_COLUMNS ", " MEDIA_COLUMNS(                                                                                 \
	        "NULL::jsonb") ", (SELECT string_agg(concat_ws(' ', v.name, v.format, v.state, "                         \
	                       "v.width, v.height, v.bytes), E'\n' ORDER BY v.width, v.name, v.format) FROM variants v " \
	                       "WHERE v.media_id = m.id AND v.generation = m.published_generation) "
static const struct db_statement FULL[] = {
	{ .name = "full_list",
	  .sql = "SELECT " FULL_COLUMNS
	         "FROM (SELECT i.* FROM items i WHERE i.owner_id = $1 AND i.deleted_at IS NULL AND ($5::text IS NULL "
	         "OR i.visibility = $5) AND (i.created_at, i.id) < ($2::timestamptz, $3::uuid) "
	         "ORDER BY i.created_at DESC, i.id DESC LIMIT $4::bigint) i " ITEM_COVER(
	                 "$1") "LEFT JOIN media m ON m.id = coalesce(cover.id, first.id) ORDER BY i.created_at DESC, i.id DESC" },
	{ .name = "full_item",
	  .sql = "SELECT " FULL_COLUMNS "FROM items i LEFT JOIN media m ON m.item_id = i.id AND m.owner_id = $1 "
	         "AND m.deleted_at IS NULL WHERE i.owner_id = $1 AND i.id = $2 AND i.deleted_at IS NULL "
	         "ORDER BY m.position, m.id" },
};

static enum rc print_token(const char *key_file, const struct uuid *owner, struct err *err)
{
	CLEANUP(free_pointer) char *text = NULL;
	CLEANUP(free_pointer) char *token = NULL;
	struct access_token_keys *keys = NULL;
	int64_t now = (int64_t)time(NULL);
	struct access_token_claims claims = { .principal = { .user_id = *owner, .session_id = uuid_new() },
		                              .issued_at = now,
		                              .expires_at = now + TOKEN_SECONDS };
	enum rc rc = file_read_secret(key_file, &text, err);
	if (rc == RC_OK)
		rc = access_token_keys_new(text, "safelight", "safelight", &keys, err);
	if (rc == RC_OK)
		rc = access_token_issue(keys, &claims, &token, err);
	if (rc == RC_OK)
		(void)puts(token);
	access_token_keys_free(keys);
	return rc;
}

static enum rc print_pages(const char *key_file, const struct uuid *owner, struct err *err)
{
	CLEANUP(free_pointer) char *text = NULL;
	struct hmac_key key;
	char owner_text[UUID_TEXT_SIZE], id_text[UUID_TEXT_SIZE], cursor_text[CURSOR_TEXT_SIZE];
	struct cursor cursor = { .list = CURSOR_ITEMS };
	enum rc rc = file_read_secret(key_file, &text, err);
	if (rc == RC_OK)
		rc = cursor_key_parse(text, &key, err);
	uuid_format(owner, owner_text);
	const char *const filters[] = { owner_text, NULL, NULL, "created_at", "desc" };
	cursor.filter = cursor_filter_hash(filters, sizeof filters / sizeof filters[0]);
	while (rc == RC_OK && scanf("%" SCNd64 " %36s", &cursor.sort_key, id_text) == 2) {
		if (!uuid_parse(id_text, &cursor.id))
			return err_set(err, RC_INVALID, "not an id: %s", id_text);
		cursor_encode(&key, &cursor, cursor_text);
		(void)printf("/v1/items?limit=20&cursor=%s\n", cursor_text);
	}
	return rc;
}

static bool print_sql(const char *name)
{
	const struct db_statement *found =
	        strcmp(name, item_with_media_statement.name) == 0 ? &item_with_media_statement : NULL;
	for (size_t i = 0; i < sizeof FULL / sizeof FULL[0]; i++)
		if (strcmp(FULL[i].name, name) == 0)
			found = &FULL[i];
	for (size_t i = 0; i < ITEM_PAGE_STATEMENT_COUNT; i++)
		if (strcmp(ITEM_PAGE_STATEMENTS[i].name, name) == 0)
			found = &ITEM_PAGE_STATEMENTS[i];
	return found != NULL && puts(found->sql) >= 0;
}

int main(int count, char **arguments)
{
	struct err err = { 0 };
	struct uuid owner;
	if (count == 3 && strcmp(arguments[1], "sql") == 0)
		return print_sql(arguments[2]) ? 0 : 1;
	if (count != 4 || !uuid_parse(arguments[3], &owner)) {
		(void)fputs("keys token JWT_KEY_FILE OWNER | pages CURSOR_KEY_FILE OWNER | sql NAME\n", stderr);
		return 64;
	}
	enum rc rc = crypto_init(&err);
	if (rc == RC_OK)
		rc = strcmp(arguments[1], "token") == 0 ? print_token(arguments[2], &owner, &err)
		                                        : print_pages(arguments[2], &owner, &err);
	if (rc == RC_OK)
		return 0;
	(void)fprintf(stderr, "keys: %s\n", err.text);
	return 1;
}
