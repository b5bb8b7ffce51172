// What must become of known files, by the SHA-256 of their bytes (manifest.txt).
#pragma once

#include <stdbool.h>
#include <stdint.h>

// A line of the manifest: sha256, end, width, height, frames, pages, orientation, name.
struct manifest_line {
	char sha256[65];
	char end[48];                          // "ready", "failed:truncated", "any"
	uint32_t width, height, frames, pages; // of what is ready, upright; 0: not said
	uint32_t orientation;                  // as the file has it
	char name[64];                         // a path in the checkout, or "bomb:" and a bomb's name
};

#define MANIFEST_LINES_MOST 128
struct manifest {
	struct manifest_line lines[MANIFEST_LINES_MOST];
	unsigned count;
};

// Fails the test when the file is not there or a line makes no sense.
void manifest_read(struct manifest *ret_manifest);
