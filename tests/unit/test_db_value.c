// What of lib/db needs no Postgres: SQLSTATEs, arrays, values, migration files.
#include "tests/unit/cmocka_all.h"

#include <string.h>

#include "base/buffer.h"
#include "base/uuid.h"
#include "db/array.h"
#include "db/migrate_files.h"
#include "db/postgres_time.h"
#include "db/statement.h"

static void sqlstates_become_codes(void **state)
{
	static const struct {
		const char *sqlstate;
		enum rc rc;
	} rows[] = {
		{ "23505", RC_EXISTS },      { "23503", RC_CONFLICT },    { "23514", RC_CONFLICT },
		{ "23502", RC_INVALID },     { "22P02", RC_INVALID },     { "42501", RC_DENIED },
		{ "28P01", RC_DENIED },      { "57014", RC_TIMEOUT },     { "55P03", RC_BUSY },
		{ "53300", RC_BUSY },        { "40001", RC_UNAVAILABLE }, { "40P01", RC_UNAVAILABLE },
		{ "40003", RC_INTERNAL },    { "08006", RC_UNAVAILABLE }, { "57P01", RC_UNAVAILABLE },
		{ "57P03", RC_UNAVAILABLE }, { "25006", RC_UNAVAILABLE }, { "42601", RC_INTERNAL },
		{ "", RC_INTERNAL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(db_sqlstate_rc(rows[i].sqlstate), rows[i].rc);
}

static void arrays_are_quoted(void **state)
{
	const char *const texts[] = { "a", "b\"c", "d\\e", "{,}", NULL };
	const int64_t numbers[] = { INT64_MIN, 0, 7 };
	struct buffer out;

	(void)state;
	buffer_init(&out, 200);
	db_array_of_texts(&out, texts, 5);
	assert_string_equal(buffer_text(&out), "{\"a\",\"b\\\"c\",\"d\\\\e\",\"{,}\",NULL}");
	buffer_clear(&out);
	db_array_of_int64(&out, numbers, 3);
	assert_string_equal(buffer_text(&out), "{-9223372036854775808,0,7}");
	buffer_clear(&out);
	db_array_of_uuids(&out, NULL, 0);
	assert_string_equal(buffer_text(&out), "{}");
	buffer_done(&out);
}

static void times_survive_the_wire(void **state)
{
	static const int64_t times[] = { 0, -1, 946684800000000, 1795502101123456, INT64_MAX };
	static const uint8_t epoch_2000[8] = { 0 };
	uint8_t wire[8];

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		postgres_time_write(times[i], wire);
		assert_true(postgres_time_read(wire) == times[i]);
	}
	postgres_time_write(946684800000000, wire);
	assert_memory_equal(wire, epoch_2000, 8);
}

static void nothing_becomes_null(void **state)
{
	struct db_value copy, value = db_int64(-12);

	(void)state;
	assert_int_equal(db_text(NULL).kind, DB_VALUE_NULL);
	assert_int_equal(db_uuid(NULL).kind, DB_VALUE_NULL);
	assert_int_equal(db_bytes(NULL, 5).kind, DB_VALUE_NULL);
	assert_int_equal(db_time_us(DB_NO_TIME).kind, DB_VALUE_NULL);
	assert_int_equal(db_bytes("", 0).kind, DB_VALUE_POINTER);
	// Small values may be copied: they point to nothing.
	copy = value;
	memset(&value, 0, sizeof(value));
	assert_int_equal(copy.kind, DB_VALUE_INLINE);
	assert_string_equal(copy.text, "-12");
}

static void our_own_migrations_are_in_order(void **state)
{
	struct migrations migrations;
	struct err err = { 0 };

	(void)state;
	if (migrations_read(NULL, &migrations, &err) != RC_OK)
		fail_msg("%s", err.text);
	assert_true(migrations.count >= 4);
	assert_string_equal(migrations.entries[0].name, "accounts");
	for (size_t i = 0; i < migrations.count; i++)
		assert_int_equal(migrations.entries[i].version, i + 1);
	migrations_done(&migrations);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sqlstates_become_codes),          cmocka_unit_test(arrays_are_quoted),
		cmocka_unit_test(times_survive_the_wire),          cmocka_unit_test(nothing_becomes_null),
		cmocka_unit_test(our_own_migrations_are_in_order),
	};

	return cmocka_run_group_tests_name("db_value", tests, NULL, NULL);
}
