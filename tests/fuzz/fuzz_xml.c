// What a store answers: its XML, and which of our codes an error of its becomes.
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "store/s3_error.h"
#include "store/sigv4_xml.h"
#include "store/xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// As the lists of objects, parts and uploads are read.
static void walk(const struct xml_node *root, struct arena *memory)
{
	static const char *const names[] = { "Contents", "Part", "Upload", "Error" };
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		for (const struct xml_node *node = xml_child(root, names[i]); node != NULL; node = xml_next(node)) {
			char etag[STORE_ETAG_SIZE], copy[16];
			const char *text = NULL;
			uint64_t number;
			struct err err = { 0 };
			sigv4_xml_etag(node, "ETag", etag);
			assert(memchr(etag, '\0', sizeof etag) != NULL);
			(void)xml_child_number(node, "Size", &number);
			(void)sigv4_xml_time(node, "LastModified");
			if (xml_child_copy(node, "Key", copy, sizeof copy))
				assert(strlen(copy) < sizeof copy);
			for (int encoded = 0; encoded < 2; encoded++)
				if (sigv4_xml_text(node, "Key", encoded == 1, memory, &text, &err) == RC_OK)
					assert(text != NULL);
		}
	}
	(void)xml_child_is_true(root, "IsTruncated");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const long statuses[] = { 200, 301, 400, 403, 404, 409, 412, 429, 500, 503 };
	const char *text = (const char *)data;
	struct xml_document *document = NULL;
	struct err err = { 0 };
	struct arena *memory = arena_new(1u << 20);
	char code[S3_ERROR_CODE_SIZE];
	if (memory != NULL && xml_parse(text, size, NULL, &document, &err) == RC_OK) {
		walk(xml_root(document), memory);
		xml_free(&document);
	}
	for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
		struct s3_expectation expectation = { .changes = i % 2 == 0, .only_if_absent = i % 3 == 0 };
		assert(s3_error_map(statuses[i], text, size, expectation, code, &err) != RC_OK);
		assert(memchr(code, '\0', sizeof code) != NULL);
	}
	arena_free(memory);
	return 0;
}
