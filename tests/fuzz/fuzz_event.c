// Events from the bus: what decodes must encode again to the same event.
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/buffer.h"
#include "base/limits.h"
#include "media/event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct event event, again;
	struct err err = { 0 };
	if (event_decode((const char *)data, size, &event, &err) != RC_OK)
		return 0;
	struct buffer out;
	buffer_init(&out, LIMIT_EVENT_BYTES);
	assert(event_encode(&event, &out, &err) == RC_OK);
	assert(event_decode(out.data, out.length, &again, &err) == RC_OK);
	assert(again.kind == event.kind && uuid_equal(&again.id, &event.id) && again.time_us == event.time_us);
	assert(strcmp(again.source, event.source) == 0 && strcmp(again.traceparent, event.traceparent) == 0);
	buffer_done(&out);
	return 0;
}
