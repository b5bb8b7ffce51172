// Fuzz target: tus' Upload-Metadata and Upload-Checksum.
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "ingest/tus_protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tus_metadata metadata;
	struct tus_checksum checksum;
	int64_t number;
	char *text = malloc(size + 1);
	struct arena *arena = arena_new(65536);
	if (text != NULL && arena != NULL) {
		memcpy(text, data, size);
		text[size] = '\0';
		if (tus_read_metadata(text, arena, &metadata, NULL) == RC_OK && metadata.filename != NULL &&
		    metadata.filename[0] == '\0')
			abort(); // says nothing, so it stands for absent
		if (tus_read_checksum(text, &checksum) && checksum.length > sizeof checksum.digest)
			abort();
		if (tus_read_number(text, &number) && number < 0)
			abort();
	}
	arena_free(arena);
	free(text);
	return 0;
}
