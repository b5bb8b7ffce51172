// The memory of uploads by tus: bounded for all together, kept for the next, given back when nobody comes.
#include "ingest/tus_memory.c" // NOLINT(bugprone-suspicious-include): a service's file has no archive to link

#include <stdint.h>
#include <string.h>

#include "tests/unit/cmocka_all.h"

#define PART ((size_t)8 * 1024 * 1024)
#define ROOM (PART + 1000)
#define TAKEN (PART + HUGE_BYTES)

static struct tus_memory memory;

static int setup(void **state)
{
	(void)state;
	const struct settings settings = { .ingest_tus_memory_bytes = 3 * TAKEN, .ingest_tus_part_bytes = PART };
	tus_memory_init(&memory, &settings, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tus_memory_done(&memory);
	return 0;
}

static struct buffer take(size_t room)
{
	struct buffer buffer = { 0 };
	struct err err = { 0 };
	if (tus_memory_take(&memory, room, &buffer, &err) != RC_OK)
		fail_msg("%s", err.text);
	assert_int_equal(buffer.limit, room);
	assert_int_equal(buffer.length, 0);
	assert_true(buffer.capacity > room);
	return buffer;
}

static void hands_out_no_more_than_there_is(void **state)
{
	(void)state;
	struct buffer taken[3], more = { 0 };
	struct err err = { 0 };
	for (size_t i = 0; i < 3; i++)
		taken[i] = take(ROOM);
	assert_int_equal(tus_memory_take(&memory, 1, &more, &err), RC_LIMIT);
	assert_null(more.data);
	tus_memory_give(&memory, &taken[0]);
	assert_null(taken[0].data);
	tus_memory_give(&memory, &taken[0]); // nothing any more
	more = take(ROOM);
	tus_memory_give(&memory, &more);
	tus_memory_give(&memory, &taken[1]);
	tus_memory_give(&memory, &taken[2]);
	assert_int_equal(memory.reserved, 0);
}

static void whoever_is_alone_is_never_refused(void **state)
{
	(void)state;
	struct buffer large = take(10 * PART);
	tus_memory_give(&memory, &large);
	assert_int_equal(memory.reserved, 0);
}

static void holds_what_it_says(void **state)
{
	(void)state;
	static const size_t ROOMS[] = { 1, 1000, HUGE_BYTES - 2, HUGE_BYTES - 1, HUGE_BYTES, ROOM };
	for (size_t i = 0; i < sizeof ROOMS / sizeof ROOMS[0]; i++) {
		struct buffer buffer = take(ROOMS[i]);
		char *filler = calloc(1, ROOMS[i]);
		const char *at = buffer.data;
		assert_non_null(filler);
		buffer_append(&buffer, filler, ROOMS[i]);
		assert_true(buffer_ok(&buffer));
		assert_ptr_equal(buffer.data, at); // never moved
		buffer_append(&buffer, "x", 1);
		assert_false(buffer_ok(&buffer));
		free(filler);
		tus_memory_give(&memory, &buffer);
	}
}

static void keeps_parts_for_those_that_come(void **state)
{
	(void)state;
	struct buffer part = take(ROOM);
	uintptr_t place = (uintptr_t)part.data;
	assert_int_equal(place % HUGE_BYTES, 0);
	buffer_append(&part, "left behind", 11);
	tus_memory_give(&memory, &part);
	struct buffer small = take(100); // a small one may have it too: nothing of the last session is to be seen
	assert_int_equal((uintptr_t)small.data, place);
	assert_string_equal(buffer_text(&small), "");
	part = take(ROOM);
	assert_int_not_equal((uintptr_t)part.data, place);
	tus_memory_give(&memory, &small);
	tus_memory_give(&memory, &part);
	assert_int_equal(memory.spare_count, 2);
}

static void small_buffers_are_not_kept(void **state)
{
	(void)state;
	struct buffer small = take(1000);
	tus_memory_give(&memory, &small);
	assert_int_equal(memory.spare_count, 0);
}

static void gives_back_what_nobody_uses(void **state)
{
	(void)state;
	struct buffer part = take(ROOM);
	tus_memory_give(&memory, &part);
	for (int i = 0; i < TUS_MEMORY_TRIMS - 1; i++)
		tus_memory_trim(&memory);
	assert_int_equal(memory.spare_count, 1);
	part = take(100); // somebody came
	tus_memory_give(&memory, &part);
	for (int i = 0; i < TUS_MEMORY_TRIMS - 1; i++)
		tus_memory_trim(&memory);
	assert_int_equal(memory.spare_count, 1);
	tus_memory_trim(&memory);
	assert_int_equal(memory.spare_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(hands_out_no_more_than_there_is, setup, teardown),
		cmocka_unit_test_setup_teardown(whoever_is_alone_is_never_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(holds_what_it_says, setup, teardown),
		cmocka_unit_test_setup_teardown(keeps_parts_for_those_that_come, setup, teardown),
		cmocka_unit_test_setup_teardown(small_buffers_are_not_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(gives_back_what_nobody_uses, setup, teardown),
	};
	return cmocka_run_group_tests_name("tus memory", tests, NULL, NULL);
}
