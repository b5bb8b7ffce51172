// Fuzz target: SNS' envelope.
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "ingest/sns_envelope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sns_envelope envelope;
	struct buffer out;
	struct arena *arena = arena_new(1 << 20);
	if (arena != NULL && sns_envelope_read((const char *)data, size, arena, &envelope, NULL) == RC_OK) {
		buffer_init(&out, 1 << 20);
		sns_envelope_append_signed(&envelope, &out);
		assert(out.length > 0 && envelope.signature_length <= sizeof envelope.signature);
		if (sns_url_is_trusted(envelope.certificate_url, ""))
			assert(strncmp(envelope.certificate_url, "https://sns.", 12) == 0);
		(void)sns_topic_is_listed(envelope.topic, envelope.message);
		buffer_done(&out);
	}
	arena_free(arena);
	return 0;
}
