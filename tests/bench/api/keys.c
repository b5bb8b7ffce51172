// What the API's benchmark needs of the API's own code:
//   keys token JWT_KEY_FILE OWNER             an access token of the owner's
//   keys pages CURSOR_KEY_FILE OWNER < rows   for each line "microseconds id" the path of the 20 items behind that row
//   keys sql NAME                             the SQL of a statement of the API's
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/file.h"
#include "http/access_token.h"
#include "media/cursor.h"
// Services are not libraries: their statements are compiled in.
#include "metadata-api/item_list_store.c"
#include "metadata-api/item_read.c"

#define TOKEN_SECONDS 900

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
