// Messages between supervisor and decoder: what decodes must encode again to the same bytes' meaning.
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "transcoder/wire/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_message message, again;
	struct err err = { 0 };
	uint8_t bytes[WIRE_PACKET_BYTES], once_more[WIRE_PACKET_BYTES];
	if (wire_decode(data, size, &message, &err) != RC_OK)
		return 0;
	size_t length = wire_encode(&message, bytes);
	assert(wire_decode(bytes, length, &again, &err) == RC_OK);
	assert(again.type == message.type && again.job == message.job);
	assert(wire_encode(&again, once_more) == length && memcmp(bytes, once_more, length) == 0);
	return 0;
}
