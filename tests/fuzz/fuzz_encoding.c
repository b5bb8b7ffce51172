// Encodings, ids and times: whatever is taken says, written again, what was read. One value has one text.
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/encoding.h"
#include "base/uuid.h"
#include "metadata-api/refresh_token.h"
#include "store/endpoint.h"
#include "tests/fuzz/text.h"

#define INPUT_MOST 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_base64(const char *text, size_t size)
{
	char bytes[INPUT_MOST], again[BASE64_TEXT_SIZE(INPUT_MOST)];
	size_t length = 0;
	if (decode_base64(text, size, bytes, sizeof bytes, &length)) {
		encode_base64(bytes, length, again);
		assert(strlen(again) == size && memcmp(again, text, size) == 0);
	}
	if (decode_base64url(text, size, bytes, sizeof bytes, &length)) {
		encode_base64url(bytes, length, again);
		assert(strlen(again) == size && memcmp(again, text, size) == 0);
	}
	if (size % 2 == 0)
		(void)decode_hex(text, size, bytes, size / 2);
}

static void check_percent(const char *text, size_t size)
{
	struct buffer plain, encoded, again;
	buffer_init(&plain, INPUT_MOST);
	buffer_init(&encoded, 3 * INPUT_MOST);
	buffer_init(&again, INPUT_MOST);
	if (decode_percent(&plain, text, size, false) && buffer_ok(&plain)) {
		assert(memchr(plain.data == NULL ? "" : plain.data, '\0', plain.length) == NULL);
		encode_percent(&encoded, buffer_text(&plain), false);
		assert(decode_percent(&again, buffer_text(&encoded), encoded.length, true) &&
		       strcmp(buffer_text(&again), buffer_text(&plain)) == 0);
	}
	buffer_done(&plain);
	buffer_done(&encoded);
	buffer_done(&again);
}

static void check_text(const char *text)
{
	struct uuid id;
	struct refresh_token token;
	struct endpoint endpoint;
	struct err err = { 0 };
	int64_t time_us, again_us;
	char uuid_text[UUID_TEXT_SIZE], time_text[CLOCK_TEXT_SIZE], token_text[REFRESH_TOKEN_SIZE];
	if (uuid_parse(text, &id)) {
		uuid_format(&id, uuid_text);
		assert(strcasecmp(uuid_text, text) == 0);
	}
	if (clock_parse_rfc3339(text, &time_us)) {
		clock_format_rfc3339(time_us, time_text);
		assert(clock_parse_rfc3339(time_text, &again_us) && again_us <= time_us && time_us - again_us < 1000);
	}
	if (refresh_token_parse(text, &token)) {
		refresh_token_format(&token, token_text);
		assert(strcmp(token_text, text) == 0);
	}
	if (endpoint_parse(text, &endpoint, &err) == RC_OK)
		assert(strpbrk(endpoint.host, "/@?# ") == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > INPUT_MOST)
		return 0;
	char *text = fuzz_text(data, size);
	if (text == NULL)
		return 0;
	check_base64(text, size);
	check_percent(text, size);
	check_text(text);
	(void)utf8_is_valid(text, size);
	free(text);
	return 0;
}
