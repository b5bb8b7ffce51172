// base/json_write: what it writes is valid JSON, read back by jansson.
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "base/buffer.h"
#include "base/json_write.h"
#include "tests/unit/cmocka_all.h"

static void nests_and_separates(void **state)
{
	(void)state;
	struct buffer buffer;
	struct json_write json;
	buffer_init(&buffer, 4096);
	json_write_init(&json, &buffer);
	json_write_object_begin(&json, NULL);
	json_write_text(&json, "text", "a\"b\\c\n\t\x01é");
	json_write_text(&json, "none", NULL);
	json_write_array_begin(&json, "list");
	json_write_int(&json, NULL, INT64_MIN);
	json_write_object_begin(&json, NULL);
	json_write_object_end(&json);
	json_write_bool(&json, NULL, true);
	json_write_array_end(&json);
	json_write_float(&json, "third", 1.0 / 3);
	json_write_float(&json, "nan", NAN);
	json_write_raw(&json, "raw", "[1]", 3);
	json_write_time(&json, "time", 1369353600123000);
	json_write_object_end(&json);
	assert_string_equal(buffer_text(&buffer),
	                    "{\"text\":\"a\\\"b\\\\c\\n\\u0009\\u0001é\",\"none\":null,"
	                    "\"list\":[-9223372036854775808,{},true],\"third\":0.3333333333333333,"
	                    "\"nan\":null,\"raw\":[1],\"time\":\"2013-05-24T00:00:00.123Z\"}");
	json_t *read = json_loads(buffer_text(&buffer), 0, NULL);
	assert_non_null(read);
	assert_string_equal(json_string_value(json_object_get(read, "text")), "a\"b\\c\n\t\x01é");
	json_decref(read);
	buffer_done(&buffer);
}

static void broken_utf8_becomes_the_replacement_character(void **state)
{
	(void)state;
	static const char *const ROWS[][2] = { { "\x80", "\"\xef\xbf\xbd\"" },
		                               { "a\xc3", "\"a\xef\xbf\xbd\"" },
		                               { "\xed\xa0\x80z", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\"" } };
	for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
		struct buffer buffer;
		struct json_write json;
		buffer_init(&buffer, 100);
		json_write_init(&json, &buffer);
		json_write_text(&json, NULL, ROWS[i][0]);
		assert_string_equal(buffer_text(&buffer), ROWS[i][1]);
		buffer_done(&buffer);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nests_and_separates),
		cmocka_unit_test(broken_utf8_becomes_the_replacement_character),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
