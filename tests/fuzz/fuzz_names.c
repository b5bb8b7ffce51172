// Names from outside: object keys, file names, content types, cursors.
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "media/cursor.h"
#include "media/filename.h"
#include "media/format.h"
#include "media/object_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_keys(const char *text, size_t size)
{
	struct object_key_variant variant;
	struct uuid id;
	uint8_t random[OBJECT_KEY_RANDOM_BYTES];
	char key[OBJECT_KEY_SIZE];
	if (object_key_parse_variant(text, size, &variant)) {
		assert(object_key_format_variant(&variant, key) == size && memcmp(key, text, size) == 0);
	}
	if (object_key_parse_original(text, size, &id, random)) {
		object_key_format_original(&id, random, key);
		assert(strlen(key) == size && memcmp(key, text, size) == 0);
	}
}

static void check_filename(const char *text, size_t size)
{
	char name[FILENAME_SIZE], again[FILENAME_SIZE], value[FILENAME_DISPOSITION_SIZE];
	filename_clean(text, size, name);
	size_t length = strlen(name);
	assert(length >= 1 && utf8_is_valid(name, length) && strpbrk(name, "/\\\r\n") == NULL);
	filename_clean(name, length, again);
	assert(strcmp(name, again) == 0);
	assert(filename_format_disposition(name, true, value) == strlen(value));
	assert(strpbrk(value, "\r\n") == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct err err = { 0 };
	struct hmac_key key;
	struct cursor cursor;
	check_keys(text, size);
	check_filename(text, size);
	char *copy = malloc(size + 1);
	if (copy == NULL)
		return 0;
	if (size > 0)
		memcpy(copy, data, size);
	copy[size] = '\0';
	(void)media_format_by_content_type(copy);
	(void)media_content_type_is_valid(copy);
	hmac_key_init(&key, "k", 1);
	// A key that nobody knows: nothing may pass.
	assert(cursor_decode(&key, copy, CURSOR_MEDIA, 1, &cursor, &err) != RC_OK || size == CURSOR_TEXT_SIZE - 1);
	free(copy);
	return 0;
}
