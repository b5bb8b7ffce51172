// Tests of file names: hostile ones become harmless, harmless ones stay as they are.
#include <string.h>

#include "base/encoding.h"
#include "media/filename.h"
#include "tests/unit/cmocka_all.h"

static void test_cleaning(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		const char *expected;
	} rows[] = {
		{ "photo.jpg", "photo.jpg" },
		{ "Ferien 2026 – Grüße 🌅.jpeg", "Ferien 2026 – Grüße 🌅.jpeg" },
		{ "a..b.jpg", "a..b.jpg" },
		{ "../../etc/passwd", "passwd" },
		{ "..\\..\\boot.ini", "boot.ini" },
		{ "C:\\Users\\me\\photo.jpg", "photo.jpg" },
		{ "a/", "file" },
		{ "", "file" },
		{ ".", "file" },
		{ "..", "file" },
		{ "   ", "file" },
		{ ".htaccess", "htaccess" },
		{ " .. photo.jpg . ", "photo.jpg" },
		{ "photo.jpg\r\nSet-Cookie: a=b", "photo.jpgSet-Cookie: a=b" },
		{ "\x01\x02\x7f.jpg", "file.jpg" },
		{ "invoice\xe2\x80\xaegpj.exe", "invoicegpj.exe" }, // right-to-left override
		{ "a\xe2\x81\xa6"
		  "b\xe2\x81\xa9.png",
		  "ab.png" }, // isolates
		{ "a\xe2\x80\x8b"
		  "b\xef\xbb\xbf.png",
		  "ab.png" }, // zero-width space, BOM
		{ "a\xe2\x80\xa8"
		  "b.png",
		  "ab.png" }, // line separator
		{ "a\xc2\x85"
		  "b.png",
		  "ab.png" },                                   // C1 control
		{ "👩\xe2\x80\x8d💻.png", "👩\xe2\x80\x8d💻.png" }, // a joiner that is needed
		{ "bad\xff\xfe.png", "bad\xef\xbf\xbd\xef\xbf\xbd.png" },
		{ "over\xc0\xaf.png", "over\xef\xbf\xbd\xef\xbf\xbd.png" },                 // overlong '/'
		{ "half\xed\xa0\x80.png", "half\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd.png" }, // a surrogate
		{ "high\xf4\x90\x80\x80", "high\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "cut\xe2\x82", "cut\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xe2\x80\xae..", "file" }, // trimmed after dropping, too
		{ "<script>alert(1)</script>", "script>" },
		{ "a\"b'c.jpg", "a\"b'c.jpg" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char name[FILENAME_SIZE];
		filename_clean(rows[i].name, strlen(rows[i].name), name);
		if (strcmp(name, rows[i].expected) != 0)
			fail_msg("row %zu: '%s' instead of '%s'", i, name, rows[i].expected);
		// Cleaning what is clean changes nothing.
		char again[FILENAME_SIZE];
		filename_clean(name, strlen(name), again);
		assert_string_equal(again, name);
	}
	char name[FILENAME_SIZE];
	filename_clean("a\0b.jpg", 7, name);
	assert_string_equal(name, "ab.jpg");
	filename_clean(NULL, 0, name);
	assert_string_equal(name, "file");
}

static void test_long_names(void **state)
{
	(void)state;
	char input[2000], name[FILENAME_SIZE];
	memset(input, 'x', sizeof(input));
	memcpy(input + 300, ".jpeg", 6);
	filename_clean(input, strlen(input), name);
	assert_int_equal(strlen(name), LIMIT_FILENAME_BYTES);
	assert_string_equal(name + LIMIT_FILENAME_BYTES - 6, "x.jpeg");

	// Cut between characters: 84 of three bytes fit before ".jpg", with two bytes to spare... never half of one.
	for (size_t i = 0; i < 400; i++)
		memcpy(input + 3 * i, "\xe2\x82\xac", 3);
	memcpy(input + 1200, ".jpg", 5);
	filename_clean(input, strlen(input), name);
	assert_true(utf8_is_valid(name, strlen(name)));
	assert_int_equal(strlen(name), 83 * 3 + 4);

	// An extension that is too long is no extension.
	memset(input, 'y', 1000);
	input[980] = '.';
	input[1000] = '\0';
	filename_clean(input, 1000, name);
	assert_int_equal(strlen(name), LIMIT_FILENAME_BYTES);
	assert_null(strchr(name, '.'));
}

// Any bytes give a valid name that a header can carry.
static void test_random_bytes(void **state)
{
	(void)state;
	uint32_t seed = 7;
	for (int round = 0; round < 20000; round++) {
		char input[400], name[FILENAME_SIZE], value[FILENAME_DISPOSITION_SIZE];
		size_t length = (size_t)round % sizeof(input);
		for (size_t i = 0; i < length; i++) {
			seed = seed * 1664525u + 1013904223u;
			input[i] = (char)(seed >> 24);
		}
		filename_clean(input, length, name);
		size_t cleaned = strlen(name);
		assert_true(cleaned >= 1 && cleaned <= LIMIT_FILENAME_BYTES && utf8_is_valid(name, cleaned));
		assert_null(strpbrk(name, "/\\\r\n"));
		size_t written = filename_format_disposition(name, true, value);
		assert_int_equal(written, strlen(value));
		for (size_t i = 0; i < written; i++)
			assert_true(value[i] >= 0x20 && value[i] < 0x7f);
	}
}

static void test_disposition(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		bool attachment;
		const char *expected;
	} rows[] = {
		{ "photo.jpg", true, "attachment; filename=\"photo.jpg\"" },
		{ "photo.jpg", false, "inline; filename=\"photo.jpg\"" },
		{ "my photo; 1.jpg", true, "attachment; filename=\"my photo; 1.jpg\"" },
		{ "a\"b\\c.jpg", true, "attachment; filename=\"a_b_c.jpg\"; filename*=UTF-8''a%22b%5Cc.jpg" },
		{ "100%.jpg", true, "attachment; filename=\"100_.jpg\"; filename*=UTF-8''100%25.jpg" },
		{ "Grüße €.jpg", true,
		  "attachment; filename=\"Gr__e _.jpg\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe%20%E2%82%AC.jpg" },
		{ "'*(é)'", true, "attachment; filename=\"'*(_)'\"; filename*=UTF-8''%27%2A%28%C3%A9%29%27" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char value[FILENAME_DISPOSITION_SIZE];
		assert_int_equal(filename_format_disposition(rows[i].name, rows[i].attachment, value),
		                 strlen(rows[i].expected));
		assert_string_equal(value, rows[i].expected);
	}
	char longest[FILENAME_SIZE], value[FILENAME_DISPOSITION_SIZE];
	memset(longest, '"', LIMIT_FILENAME_BYTES);
	longest[LIMIT_FILENAME_BYTES] = '\0';
	assert_true(filename_format_disposition(longest, true, value) < sizeof(value));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cleaning),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_random_bytes),
		cmocka_unit_test(test_disposition),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
