// base/clock and base/uuid.
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/uuid.h"
#include "tests/unit/cmocka_all.h"

static void formats_times(void **state)
{
	(void)state;
	char text[CLOCK_TEXT_SIZE], basic[17];
	clock_format_rfc3339(1369353600000000, text);
	assert_string_equal(text, "2013-05-24T00:00:00.000Z");
	clock_format_basic(1369353600000000, basic);
	assert_string_equal(basic, "20130524T000000Z");
	clock_format_rfc3339(-61320240000000000, text);
	assert_string_equal(text, "0026-11-03T00:00:00.000Z");
	clock_format_rfc3339(-1, text);
	assert_string_equal(text, "1969-12-31T23:59:59.999Z");
}

// Each day of the years 1 to 9999, at some second of it.
static void every_date_is_gmtimes(void **state)
{
	(void)state;
	for (int64_t day = -719162; day < 2932896; day++) {
		int64_t seconds = day * 86400 + (day & 0xffff) * 61 % 86400;
		time_t value = (time_t)seconds;
		struct tm parts;
		char text[CLOCK_TEXT_SIZE], wanted[96];
		clock_format_rfc3339(seconds * 1000000, text);
		if (gmtime_r(&value, &parts) == NULL)
			fail_msg("day %lld", (long long)day);
		(void)snprintf(wanted, sizeof wanted, "%04d-%02d-%02dT%02d:%02d:%02d.000Z", parts.tm_year + 1900,
		               parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
		if (strcmp(text, wanted) != 0)
			fail_msg("%s, but gmtime says %s", text, wanted);
	}
}

static void parses_what_is_rfc3339_and_nothing_else(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool valid;
		int64_t us;
	} ROWS[] = {
		{ "2013-05-24T00:00:00Z", true, 1369353600000000 },
		{ "2013-05-24T02:00:00.25+02:00", true, 1369353600250000 },
		{ "2013-05-23T23:30:00.000001-00:30", true, 1369353600000001 },
		{ "2013-02-29T00:00:00Z", false, 0 },
		{ "2012-02-29T00:00:00Z", true, 1330473600000000 },
		{ "2013-05-24T24:00:00Z", false, 0 },
		{ "2013-05-24T00:60:00Z", false, 0 },
		{ "2013-13-24T00:00:00Z", false, 0 },
		{ "2013-05-24T00:00:00", false, 0 },
		{ "2013-05-24T00:00:00.Z", false, 0 },
		{ "2013-05-24T00:00:00Zx", false, 0 },
		{ "2013-05-24", false, 0 },
		{ "", false, 0 },
		{ "2013-05-24T00:00:00+25:00", false, 0 },
	};
	for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
		int64_t us = 0;
		if (clock_parse_rfc3339(ROWS[i].text, &us) != ROWS[i].valid || (ROWS[i].valid && us != ROWS[i].us))
			fail_msg("row %zu: %s gives %lld", i, ROWS[i].text, (long long)us);
	}
}

static void deadlines_pass(void **state)
{
	(void)state;
	struct deadline deadline = deadline_after_ms(30);
	assert_false(deadline_passed(deadline));
	assert_in_range(deadline_left_ms(deadline), 1, 30);
	clock_sleep_ms(31);
	assert_true(deadline_passed(deadline));
	assert_int_equal(deadline_left_ms(deadline), 0);
}

static void uuids_round_trip_and_sort_by_time(void **state)
{
	(void)state;
	struct err err;
	assert_int_equal(crypto_init(&err), RC_OK);
	struct uuid older = uuid_new_at(1700000000000), newer = uuid_new_at(1700000000001), parsed;
	char text[UUID_TEXT_SIZE], other[UUID_TEXT_SIZE];
	uuid_format(&older, text);
	uuid_format(&newer, other);
	assert_true(strcmp(text, other) < 0);
	assert_int_equal(text[14], '7');
	assert_non_null(strchr("89ab", text[19]));
	assert_memory_equal(text, "018bcfe5-6800-7", 15);
	assert_true(uuid_parse(text, &parsed));
	assert_true(uuid_equal(&older, &parsed));
	assert_false(uuid_equal(&older, &newer));
	struct uuid first = uuid_new(), second = uuid_new();
	assert_false(uuid_equal(&first, &second));
}

static void refuses_what_is_no_uuid(void **state)
{
	(void)state;
	static const char *const BAD[] = { "",
		                           "018bcfe5-6800-7000-8000-00000000000",
		                           "018bcfe5-6800-7000-8000-0000000000000",
		                           "018bcfe5-6800-7000-8000_000000000000",
		                           "018bcfe56800-7000-8000-0000000000000",
		                           "g18bcfe5-6800-7000-8000-000000000000",
		                           "{18bcfe5-6800-7000-8000-000000000000" };
	struct uuid uuid;
	for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
		if (uuid_parse(BAD[i], &uuid))
			fail_msg("taken: %s", BAD[i]);
	assert_true(uuid_parse("018BCFE5-6800-7000-8000-000000000000", &uuid));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_date_is_gmtimes),
		cmocka_unit_test(formats_times),
		cmocka_unit_test(parses_what_is_rfc3339_and_nothing_else),
		cmocka_unit_test(deadlines_pass),
		cmocka_unit_test(uuids_round_trip_and_sort_by_time),
		cmocka_unit_test(refuses_what_is_no_uuid),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
