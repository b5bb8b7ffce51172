// Delivery URLs as the edge gets them: the input is "path?query". Whatever verifies must be the text that we would
// sign.
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "media/delivery.h"

// Those of tests/vectors/delivery.json, whose URLs are the seeds.
#define KEYS                                                                   \
	"k2:202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f," \
	"2026-a_B:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct delivery_keys keys;
	struct err err = { 0 };
	struct delivery_grant grant;
	if (keys.count == 0)
		assert(delivery_keys_parse(KEYS, &keys, &err) == RC_OK);
	const char *text = (const char *)data;
	const char *mark = size == 0 ? NULL : memchr(text, '?', size);
	size_t path_length = mark == NULL ? size : (size_t)(mark - text);
	const char *query = mark == NULL ? NULL : mark + 1;
	size_t query_length = mark == NULL ? 0 : size - path_length - 1;
	if (delivery_verify(&keys, text, path_length, query, query_length, 0, &grant) != DELIVERY_OK)
		return 0;
	// The first key is the one that signs.
	if (memmem(query, query_length, "&k=k2&", 6) == NULL)
		return 0;
	char url[DELIVERY_URL_SIZE];
	size_t length = delivery_sign(&keys, &grant, url);
	assert(length == size && memcmp(url, text, size) == 0);
	return 0;
}
