// Listings of an owner's media: one statement for each index that serves a filter.
#include <string.h>

#include "base/buffer.h"
#include "catalog/media.h"
#include "catalog/media_columns.h"
#include "catalog/run.h"
#include "db/array.h"
#include "db/batch.h"

// What all share: $1 owner, $2 and $3 behind which row, $4 limit, $5 a set of states, $6 kind. A page without a
// beginning starts at infinity, so that one plan serves all pages.
#define SELECT_MEDIA \
	"SELECT " MEDIA_COLUMNS("NULL::jsonb") "FROM media m WHERE m.owner_id = $1 AND m.deleted_at IS NULL "
#define NEWEST_FIRST                                              \
	"AND (m.created_at, m.id) < ($2::timestamptz, $3::uuid) " \
	"ORDER BY m.created_at DESC, m.id DESC LIMIT $4::bigint"
#define STATES "AND ($5::text[] IS NULL OR m.state = ANY ($5::text[])) "
#define KIND "AND ($6::text IS NULL OR m.kind = $6) "

static const struct db_batch list_batch = {
	.types = { DB_BATCH_UUID, DB_BATCH_TIME, DB_BATCH_UUID, DB_BATCH_BIGINT, DB_BATCH_TEXT, DB_BATCH_TEXT,
	           DB_BATCH_TEXT },
	.order = "r.created_at DESC, r.id DESC",
};
static const struct db_batch of_ids_batch = { .types = { DB_BATCH_UUID, DB_BATCH_TEXT }, .order = "r.id" };
static const struct db_batch list_of_item_batch = {
	.types = { DB_BATCH_UUID, DB_BATCH_BIGINT, DB_BATCH_UUID, DB_BATCH_BIGINT, DB_BATCH_TEXT, DB_BATCH_TEXT,
	           DB_BATCH_UUID },
	.order = "r.position, r.id",
};

static const struct db_statement list_statement = {
	.name = "media_list",
	.sql = SELECT_MEDIA STATES KIND NEWEST_FIRST,
	.parameter_count = 6,
	.read_only = true,
	.batch = &list_batch,
};

// One state other than ready ($7).
static const struct db_statement list_of_state_statement = {
	.name = "media_list_of_state",
	.sql = SELECT_MEDIA "AND m.state <> 'ready' AND m.state = $7 " STATES KIND NEWEST_FIRST,
	.parameter_count = 7,
	.read_only = true,
	.batch = &list_batch,
};

// A kind other than photo.
static const struct db_statement list_of_kind_statement = {
	.name = "media_list_of_kind",
	.sql = SELECT_MEDIA "AND m.kind <> 'photo' AND m.kind = $6 " STATES NEWEST_FIRST,
	.parameter_count = 6,
	.read_only = true,
	.batch = &list_batch,
};

// Of one item ($7), in its order.
static const struct db_statement list_of_item_statement = {
	.name = "media_list_of_item",
	.sql = SELECT_MEDIA "AND m.item_id = $7 AND (m.position, m.id) > ($2::bigint, $3::uuid) " STATES KIND
	                    "ORDER BY m.position, m.id LIMIT $4::bigint",
	.parameter_count = 7,
	.read_only = true,
	.batch = &list_of_item_batch,
};

const struct db_statement catalog_media_of_ids_statement = {
	.name = "media_of_ids",
	.sql = SELECT_MEDIA "AND m.id = ANY ($2::uuid[]) ORDER BY m.id",
	.parameter_count = 2,
	.read_only = true,
	.batch = &of_ids_batch,
};

const struct db_statement *const CATALOG_MEDIA_PAGE_STATEMENTS[] = {
	&list_statement,
	&list_of_state_statement,
	&list_of_kind_statement,
	&list_of_item_statement,
};
const size_t CATALOG_MEDIA_PAGE_STATEMENT_COUNT =
        sizeof CATALOG_MEDIA_PAGE_STATEMENTS / sizeof CATALOG_MEDIA_PAGE_STATEMENTS[0];

static struct db_value write_states(unsigned states, struct buffer *out)
{
	const char *names[MEDIA_STATE_COUNT];
	size_t count = 0;

	if (states == 0)
		return db_null();
	for (unsigned state = 0; state < MEDIA_STATE_COUNT; state++) {
		if ((states >> state & 1u) != 0)
			names[count++] = media_state_name((enum media_state)state);
	}
	db_array_of_texts(out, names, count);
	return db_text(buffer_text(out));
}

// The only state of the set, when it is one of those with an index. NULL otherwise.
static const char *find_rare_state(unsigned states)
{
	if (states == 0 || (states & (states - 1)) != 0 || states == 1u << MEDIA_READY)
		return NULL;
	return media_state_name((enum media_state)__builtin_ctz(states));
}

const struct db_statement *catalog_media_page(const struct media_page *page, struct buffer *states,
                                              struct db_value ret_values[CATALOG_MEDIA_PAGE_VALUES])
{
	static const struct uuid first = { { 0 } };
	static const struct uuid last = { { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
		                            255 } };
	const char *rare_state = find_rare_state(page->states);

	ret_values[0] = db_uuid(&page->owner_id);
	ret_values[3] = db_int64(page->limit);
	ret_values[4] = write_states(page->states, states);
	ret_values[5] = db_text(page->kind);
	if (page->has_item) {
		ret_values[1] = db_int64(page->has_after ? page->after_position : INT32_MIN);
		ret_values[2] = db_uuid(page->has_after ? &page->after_id : &first);
		ret_values[6] = db_uuid(&page->item_id);
		return &list_of_item_statement;
	}
	ret_values[1] = db_time_us(page->has_after ? page->after_created_at : INT64_MAX);
	ret_values[2] = db_uuid(page->has_after ? &page->after_id : &last);
	ret_values[6] = db_text(rare_state);
	if (rare_state != NULL)
		return &list_of_state_statement;
	if (page->kind != NULL && strcmp(page->kind, "photo") != 0)
		return &list_of_kind_statement;
	return &list_statement;
}

enum rc catalog_media_list(const struct catalog *catalog, const struct catalog_call *call,
                           const struct media_page *page, struct db_result **ret_result, struct err *err)
{
	struct db_value values[CATALOG_MEDIA_PAGE_VALUES];
	const struct db_statement *statement;
	struct buffer states;
	enum rc rc;

	buffer_init(&states, 1024);
	statement = catalog_media_page(page, &states, values);
	rc = catalog_run(catalog, call, statement, values, statement->parameter_count, ret_result, err);
	buffer_done(&states);
	return rc;
}
