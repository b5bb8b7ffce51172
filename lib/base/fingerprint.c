// Fingerprints by xxHash.
#include "base/fingerprint.h"

#include <string.h>
#include <xxhash.h>

void fingerprint_of(const void *data, size_t length, uint8_t ret_fingerprint[FINGERPRINT_SIZE])
{
	XXH128_canonical_t canonical;
	XXH128_canonicalFromHash(&canonical, XXH3_128bits(data, length));
	memcpy(ret_fingerprint, canonical.digest, FINGERPRINT_SIZE);
}
