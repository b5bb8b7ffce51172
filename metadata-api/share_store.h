// SQL of share links.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/error.h"
#include "base/uuid.h"
#include "db/result.h"
#include "db/statement.h"

struct api;

// Living shares that an item may have.
#define SHARES_PER_ITEM 100

struct share_row {
	struct uuid id;
	bool has_password;
	bool allow_original;
	int64_t max_views; // 0: any number
	int64_t views;
	int64_t created_at;
	int64_t expires_at; // DB_NO_TIME: never
	int64_t revoked_at; // DB_NO_TIME: not
};

// What a new share is to be.
struct share_new {
	struct uuid id;
	struct uuid item_id;
	struct uuid owner_id;
	uint8_t token_hash[SHA256_SIZE];
	const char *password_hash; // NULL: none
	bool allow_original;
	int64_t max_views;  // 0: any number
	int64_t expires_at; // DB_NO_TIME: never
};

// origin: audit_origin_values of the owner's request, for the audit log. RC_NOT_FOUND: the owner has no such item.
// RC_LIMIT: it has SHARES_PER_ITEM living shares.
enum rc share_insert(struct api *api, const struct share_new *share, const struct db_value *origin,
                     struct deadline deadline, struct share_row *ret_share, struct err *err) MUST_CHECK;

// Revoke one share of an item, or all of them (share_id NULL); once revoked stays revoked. RC_NOT_FOUND: the owner has
// no such item, or the item no such share.
enum rc share_revoke(struct api *api, const struct db_value *origin, const struct uuid *item_id,
                     const struct uuid *share_id, struct deadline deadline, struct err *err) MUST_CHECK;

// The password hash of the share with this token, malloc'ed; NULL when there is no such share or it has no password.
enum rc share_find_password(struct api *api, const uint8_t token_hash[SHA256_SIZE], struct deadline deadline,
                            char **ret_password_hash, struct err *err) MUST_CHECK;

// A page of an item's shares, newest first: $1 owner, $2 item, $3 and $4 behind which created_at and id, $5 limit. No
// row: no such item. One row with NULLs: no shares.
extern const struct db_statement share_list_statement;
// False for that row of NULLs.
bool share_read(const struct db_result *result, size_t row, struct share_row *ret_share);

// Look at a share for several readers at once, and count the views that are granted: $1 token hash, $2 how many ask,
// $3 how many of them know the password. No row: no such share. Locks the share's row, so that views are exact however
// many processes count.
extern const struct db_statement share_open_statement;

enum share_state { SHARE_OPEN, SHARE_REVOKED, SHARE_EXPIRED, SHARE_GONE };

struct share_opened {
	enum share_state state;
	int64_t granted; // so many readers may see it now
	bool has_password;
	bool allow_original;
	struct uuid item_id;
	struct uuid owner_id;
	int64_t expires_at; // DB_NO_TIME: never
	const char *stamp;  // changes with the item and its media
};
void share_read_opened(const struct db_result *result, struct share_opened *ret_opened);
