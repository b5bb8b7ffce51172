// Telling contents apart, fast: for ETags and the like, never against somebody who makes contents to deceive.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define FINGERPRINT_SIZE 16

// XXH3, 128 bits, in canonical byte order: ten times as fast as SHA-256 with the CPU's instructions. Any thread.
void fingerprint_of(const void *data, size_t length, uint8_t ret_fingerprint[FINGERPRINT_SIZE]);
