// tus' headers: numbers, checksums, metadata, dates.
#include "ingest/tus_protocol.c" // NOLINT(bugprone-suspicious-include): a service's file has no archive to link

#include <stdio.h>

#include "tests/unit/cmocka_all.h"

static void reads_numbers(void **state)
{
	(void)state;
	static const char *const WRONG[] = {
		"", "-1", "+1", " 1", "1 ", "0x1", "1.0", "9223372036854775808", "12345678901234567890"
	};
	int64_t number = 7;
	for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++)
		assert_false(tus_read_number(WRONG[i], &number));
	assert_false(tus_read_number(NULL, &number));
	assert_int_equal(number, 7);
	assert_true(tus_read_number("0", &number));
	assert_int_equal(number, 0);
	assert_true(tus_read_number("0042", &number));
	assert_int_equal(number, 42);
	assert_true(tus_read_number("9223372036854775807", &number));
	assert_true(number == INT64_MAX);
}

static void reads_checksums(void **state)
{
	(void)state;
	static const char *const WRONG[] = {
		"",
		"sha1",
		"sha1 ",
		"sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu",
		"SHA1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=",
		"crc32 AAAAAA==",
		"sha256 Kq5sNclPz7QV2+lfQIuc6R7oRu0=",
		"sha1  Kq5sNclPz7QV2+lfQIuc6R7oRu0=",
		"sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0= ",
	};
	struct tus_checksum checksum;
	for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++)
		assert_false(tus_read_checksum(WRONG[i], &checksum));
	assert_true(tus_read_checksum(NULL, &checksum));
	assert_int_equal(checksum.length, 0);
	// The specification's example.
	assert_true(tus_read_checksum("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", &checksum));
	assert_int_equal(checksum.kind, DIGEST_SHA1);
	assert_int_equal(checksum.length, SHA1_SIZE);
	assert_int_equal(checksum.digest[0], 0x2a);
	assert_int_equal(checksum.digest[19], 0xed);
	assert_true(tus_read_checksum("md5 XUFAKrxLKna5cZ2REBfFkg==", &checksum));
	assert_int_equal(checksum.length, MD5_SIZE);
}

static void read_metadata(const char *text, struct arena *arena, struct tus_metadata *ret_metadata)
{
	struct err err = { 0 };
	if (tus_read_metadata(text, arena, ret_metadata, &err) != RC_OK)
		fail_msg("%s: %s", text, err.text);
}

static void reads_metadata(void **state)
{
	(void)state;
	struct arena *arena = arena_new(65536);
	struct tus_metadata metadata;
	read_metadata(NULL, arena, &metadata);
	assert_null(metadata.filename);
	read_metadata("", arena, &metadata);
	assert_null(metadata.filename);
	// The specification's example.
	read_metadata("filename d29ybGRfZG9taW5hdGlvbl9wbGFuLnBkZg==,is_confidential", arena, &metadata);
	assert_string_equal(metadata.filename, "world_domination_plan.pdf");
	assert_null(metadata.content_type);
	// What Uppy sends: both names, the first that says something counts.
	read_metadata(
	        "relativePath bnVsbA==,name YS5qcGc=,type aW1hZ2UvanBlZw==,filetype aW1hZ2UvcG5n,filename Yi5qcGc=",
	        arena, &metadata);
	assert_string_equal(metadata.filename, "a.jpg");
	assert_string_equal(metadata.content_type, "image/jpeg");
	read_metadata("name, filename YS5qcGc= , alt w6Q=", arena, &metadata);
	assert_string_equal(metadata.filename, "a.jpg");
	assert_string_equal(metadata.alt, "\xc3\xa4");
	// Values of others' keys are not looked at.
	read_metadata("blob ////,thing not-base64", arena, &metadata);
	arena_free(arena);
}

static void refuses_broken_metadata(void **state)
{
	(void)state;
	static const char *const WRONG[] = {
		",",
		"a,,b",
		"a b,a b",
		"filename !!!",
		"filename YQ",
		"filename AA==",
		"filename /w==",
		"filename YQ==  YQ==",
		"\xc3\xa4 YQ==",
		"name\tYQ==",
	};
	struct arena *arena = arena_new(65536);
	struct tus_metadata metadata = { .filename = "untouched" };
	for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++) {
		struct err err = { 0 };
		if (tus_read_metadata(WRONG[i], arena, &metadata, &err) != RC_INVALID)
			fail_msg("taken: %s", WRONG[i]);
		assert_string_equal(metadata.filename, "untouched");
	}
	arena_free(arena);
}

static void bounds_keys_and_memory(void **state)
{
	(void)state;
	char text[1024] = "";
	struct arena *arena = arena_new(64);
	struct tus_metadata metadata;
	for (int i = 0; i < 65; i++)
		(void)snprintf(text + strlen(text), sizeof text - strlen(text), "%sk%d", i == 0 ? "" : ",", i);
	assert_int_equal(tus_read_metadata(text, arena, &metadata, NULL), RC_INVALID);
	memset(text, 'A', sizeof text - 1);
	memcpy(text, "filename ", 9);
	assert_int_equal(tus_read_metadata(text, arena, &metadata, NULL), RC_NO_MEMORY);
	arena_free(arena);
}

static void writes_dates(void **state)
{
	(void)state;
	char text[TUS_DATE_SIZE];
	tus_write_date(784111777 * INT64_C(1000000) + 999999, text);
	assert_string_equal(text, "Sun, 06 Nov 1994 08:49:37 GMT"); // RFC 9110 §5.6.7
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_numbers),          cmocka_unit_test(reads_checksums),
		cmocka_unit_test(reads_metadata),         cmocka_unit_test(refuses_broken_metadata),
		cmocka_unit_test(bounds_keys_and_memory), cmocka_unit_test(writes_dates),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
