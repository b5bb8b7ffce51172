// UUID version 7.
#include "base/uuid.h"

#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/encoding.h"

struct uuid uuid_new_at(int64_t epoch_ms)
{
	struct uuid uuid;
	random_fill_id(uuid.bytes + 6, sizeof uuid.bytes - 6);
	for (int i = 0; i < 6; i++)
		uuid.bytes[i] = (uint8_t)((uint64_t)epoch_ms >> (8 * (5 - i)));
	uuid.bytes[6] = (uint8_t)((uuid.bytes[6] & 0x0f) | 0x70); // version 7
	uuid.bytes[8] = (uint8_t)((uuid.bytes[8] & 0x3f) | 0x80); // variant 10
	return uuid;
}

struct uuid uuid_new(void)
{
	return uuid_new_at(clock_now_us() / 1000);
}

// Bytes in each of the five groups of the text form.
static const int GROUPS[] = { 4, 2, 2, 2, 6 };

void uuid_format(const struct uuid *uuid, char ret_text[UUID_TEXT_SIZE])
{
	char digits[2 * sizeof uuid->bytes + 1];
	encode_hex(uuid->bytes, sizeof uuid->bytes, digits);
	const char *from = digits;
	char *text = ret_text;
	for (size_t group = 0; group < sizeof GROUPS / sizeof GROUPS[0]; group++) {
		size_t length = 2 * (size_t)GROUPS[group];
		if (group > 0)
			*text++ = '-';
		memcpy(text, from, length);
		from += length;
		text += length;
	}
	*text = '\0';
}

bool uuid_parse(const char *text, struct uuid *ret_uuid)
{
	struct uuid uuid;
	if (strnlen(text, UUID_TEXT_SIZE) != UUID_TEXT_SIZE - 1)
		return false;
	uint8_t *byte = uuid.bytes;
	for (size_t group = 0; group < sizeof GROUPS / sizeof GROUPS[0]; group++) {
		size_t bytes = (size_t)GROUPS[group];
		if (group > 0 && *text++ != '-')
			return false;
		if (!decode_hex(text, 2 * bytes, byte, bytes))
			return false;
		byte += bytes;
		text += 2 * bytes;
	}
	*ret_uuid = uuid;
	return true;
}

bool uuid_equal(const struct uuid *left, const struct uuid *right)
{
	return memcmp(left->bytes, right->bytes, sizeof left->bytes) == 0;
}
