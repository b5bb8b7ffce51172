// The decoder's box: after sandbox_close the process can compute, read and write what it already holds, and nothing
// else.
//
// It is closed from the inside, after every codec has been warmed up and before the first untrusted byte. Layers that
// the kernel does not offer are left out and missing from the report; the supervisor decides whether that is enough.
// (Namespaces cannot be entered once threads run, so the supervisor starts us in our own.)
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct sandbox_options {
	uint32_t uid;          // user and group id to become when we are root; 0: we are not
	uint64_t memory_bytes; // address space; 0: unlimited
	uint64_t file_bytes;   // largest file (memory file) that can be written
	bool namespaces;       // the supervisor gave us namespaces of our own
	// Folders in which files may still be opened for reading, ended by NULL; NULL: none. They are public (fonts),
	// and all there is below the root.
	const char *const *readable;
};

struct sandbox_report {
	uint32_t layers;       // bits of enum wire_layer
	uint32_t landlock_abi; // 0: none
};

// Close the box around all threads of the process. It cannot be opened again. socket is the only descriptor with which
// messages may be exchanged afterwards. Call once, from the main thread, while no other thread starts threads.
// RC_DENIED: root's rights could not be given up, or files may be read and neither Landlock nor the root bounds which,
// so nothing may be decoded. RC_INTERNAL: memory or threads out of
// hand.
enum rc sandbox_close(const struct sandbox_options *options, int socket, struct sandbox_report *ret_report,
                      struct err *err) MUST_CHECK;

// Give the process that much more CPU time; when it is used up, it ends itself with WIRE_EXIT_CPU. To be called as a
// job begins, before any of its bytes is looked at. (It stops honest code that does not come to an end; hostile code is
// stopped by the supervisor's clock, and by a limit of CPU time over the process's whole life.)
void sandbox_limit_job(uint32_t cpu_seconds);
