// base/buffer and base/arena: growth, caps, sticky failure.
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "tests/unit/cmocka_all.h"

static void appends_and_terminates(void **state)
{
	(void)state;
	struct buffer buffer;
	buffer_init(&buffer, 1000);
	assert_string_equal(buffer_text(&buffer), "");
	buffer_append_text(&buffer, "ab");
	buffer_append_char(&buffer, 'c');
	buffer_append_format(&buffer, "%d-%s", 42, "x");
	assert_true(buffer_ok(&buffer));
	assert_string_equal(buffer_text(&buffer), "abc42-x");
	assert_int_equal(buffer.length, 7);
	size_t length = 0;
	char *taken = buffer_take(&buffer, &length);
	assert_string_equal(taken, "abc42-x");
	assert_int_equal(length, 7);
	assert_int_equal(buffer.length, 0);
	free(taken);
	buffer_done(&buffer);
}

static void refuses_what_is_over_its_limit(void **state)
{
	(void)state;
	struct buffer buffer;
	buffer_init(&buffer, 4);
	buffer_append_text(&buffer, "1234");
	assert_true(buffer_ok(&buffer));
	buffer_append_char(&buffer, '5');
	assert_false(buffer_ok(&buffer));
	buffer_append_text(&buffer, "");
	assert_false(buffer_ok(&buffer)); // sticky
	assert_null(buffer_take(&buffer, NULL));
	buffer_init(&buffer, 4);
	buffer_append_format(&buffer, "%s", "12345");
	assert_false(buffer_ok(&buffer));
	assert_string_equal(buffer_text(&buffer), "");
	buffer_clear(&buffer);
	buffer_append_text(&buffer, "ok");
	assert_true(buffer_ok(&buffer));
	buffer_done(&buffer);
}

static void grows_far(void **state)
{
	(void)state;
	struct buffer buffer;
	buffer_init(&buffer, 1 << 20);
	for (int i = 0; i < 100000; i++)
		buffer_append_char(&buffer, (char)('a' + i % 26));
	assert_true(buffer_ok(&buffer));
	assert_int_equal(buffer.length, 100000);
	assert_int_equal(buffer.data[99999], 'a' + 99999 % 26);
	assert_int_equal(buffer.data[100000], '\0');
	buffer_done(&buffer);
}

static void arena_hands_out_zeroed_aligned_memory_up_to_its_cap(void **state)
{
	(void)state;
	struct arena *arena = arena_new(64 * 1024);
	unsigned char *first = arena_alloc(arena, 3);
	unsigned char *second = arena_alloc(arena, 20000); // its own block
	assert_non_null(first);
	assert_non_null(second);
	assert_int_equal((uintptr_t)first % _Alignof(max_align_t), 0);
	assert_int_equal((uintptr_t)second % _Alignof(max_align_t), 0);
	for (int i = 0; i < 20000; i++)
		assert_int_equal(second[i], 0);
	assert_null(arena_alloc(arena, 60000));
	assert_null(arena_alloc(arena, SIZE_MAX));
	assert_string_equal(arena_format(arena, "%s=%d", "n", 7), "n=7");
	assert_string_equal(arena_copy(arena, "abcdef", 3), "abc");
	arena_clear(arena);
	memset(arena_alloc(arena, 60000), 0xff, 60000);
	arena_clear(arena);
	unsigned char *again = arena_alloc(arena, 60000);
	assert_int_equal(again[59999], 0);
	arena_free(arena);
	arena_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appends_and_terminates),
		cmocka_unit_test(refuses_what_is_over_its_limit),
		cmocka_unit_test(grows_far),
		cmocka_unit_test(arena_hands_out_zeroed_aligned_memory_up_to_its_cap),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
