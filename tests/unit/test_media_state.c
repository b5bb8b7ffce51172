// Tests of media states, kinds and reasons: names, the transition table, where each reason ends.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "media/reason.h"
#include "media/state.h"
#include "tests/unit/cmocka_all.h"

static void test_state_names(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MEDIA_STATE_COUNT; i++) {
		enum media_state parsed;
		assert_true(media_state_parse(media_state_name((enum media_state)i), &parsed));
		assert_int_equal(parsed, i);
	}
	enum media_state untouched = MEDIA_READY;
	static const char *const wrong[] = { "", "READY", "ready ", "read", "unknown" };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(media_state_parse(wrong[i], &untouched));
	assert_int_equal(untouched, MEDIA_READY);
}

// Written apart from the table in the source: one row a state, 'x' where it may go.
static void test_transitions(void **state)
{
	(void)state;
	static const char *const expected[MEDIA_STATE_COUNT] = {
		//                           auprXrfd (awaiting, uploaded, processing, ready, eXpired, rejected, failed,
		//                           deleted)
		[MEDIA_AWAITING_UPLOAD] = ".x..xx.x", [MEDIA_UPLOADED] = "..xx.xxx", [MEDIA_PROCESSING] = "...x.xxx",
		[MEDIA_READY] = ".......x",           [MEDIA_EXPIRED] = ".......x",  [MEDIA_REJECTED] = ".......x",
		[MEDIA_FAILED] = ".x.....x",          [MEDIA_DELETED] = "........",
	};
	for (unsigned from = 0; from < MEDIA_STATE_COUNT; from++)
		for (unsigned to = 0; to < MEDIA_STATE_COUNT; to++)
			if (media_state_may_go((enum media_state)from, (enum media_state)to) !=
			    (expected[from][to] == 'x'))
				fail_msg("%s -> %s", media_state_name((enum media_state)from),
				         media_state_name((enum media_state)to));
}

static void test_state_predicates(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MEDIA_STATE_COUNT; i++) {
		enum media_state each = (enum media_state)i;
		bool is_open = each == MEDIA_AWAITING_UPLOAD || each == MEDIA_UPLOADED || each == MEDIA_PROCESSING;
		assert_int_equal(media_state_is_terminal(each), !is_open);
		assert_int_equal(media_state_has_reason(each), each == MEDIA_FAILED || each == MEDIA_REJECTED);
		// From every state but deleted the owner may delete.
		assert_int_equal(media_state_may_go(each, MEDIA_DELETED), each != MEDIA_DELETED);
	}
}

static void test_kind_names(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MEDIA_KIND_COUNT; i++) {
		enum media_kind parsed;
		assert_true(media_kind_parse(media_kind_name((enum media_kind)i), &parsed));
		assert_int_equal(parsed, i);
	}
	enum media_kind untouched;
	assert_false(media_kind_parse("video", &untouched));
}

static void test_reasons(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MEDIA_REASON_COUNT; i++) {
		enum media_reason reason = (enum media_reason)i;
		enum media_reason parsed;
		assert_true(media_reason_parse(media_reason_name(reason), &parsed));
		assert_int_equal(parsed, reason);
		const char *detail = media_reason_detail(reason);
		assert_true(strlen(detail) > 10 && detail[strlen(detail) - 1] == '.');
		if (reason == REASON_NONE)
			continue;
		assert_true(media_state_has_reason(media_reason_state(reason)));
		// What is refused for its content is never tried again.
		if (media_reason_state(reason) == MEDIA_REJECTED)
			assert_false(media_reason_is_retryable(reason));
		assert_int_equal(media_reason_state(reason), reason < REASON_TRUNCATED ? MEDIA_REJECTED : MEDIA_FAILED);
	}
	enum media_reason untouched;
	assert_false(media_reason_parse("because", &untouched));
}

// docs/media.md says of each reason, and of none else, how it ends and whether it is tried again.
static void test_reasons_are_documented(void **state)
{
	(void)state;
	char *text = NULL;
	size_t length, rows = 0;
	assert_int_equal(file_read("docs/media.md", 1 << 20, &text, &length, NULL), RC_OK);
	const char *section = strstr(text, "\n## Reasons\n");
	assert_non_null(section);
	const char *end = strstr(section + 1, "\n## ");
	assert_non_null(end);
	for (unsigned i = REASON_NONE + 1; i < MEDIA_REASON_COUNT; i++) {
		enum media_reason reason = (enum media_reason)i;
		char row[128];
		(void)snprintf(row, sizeof row, "\n| `%s` | %s | %s | ", media_reason_name(reason),
		               media_state_name(media_reason_state(reason)),
		               media_reason_is_retryable(reason) ? "yes" : "no");
		const char *found = strstr(section, row);
		if (found == NULL || found > end)
			fail_msg("docs/media.md has not%s", row);
	}
	for (const char *at = section; (at = strstr(at + 1, "\n| `")) != NULL && at < end;)
		rows++;
	assert_int_equal(rows, MEDIA_REASON_COUNT - 1);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_state_names),      cmocka_unit_test(test_transitions),
		cmocka_unit_test(test_state_predicates), cmocka_unit_test(test_kind_names),
		cmocka_unit_test(test_reasons),          cmocka_unit_test(test_reasons_are_documented),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
