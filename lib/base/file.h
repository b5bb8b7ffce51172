// Small files read whole (secrets, keys, migrations) and anonymous memory files.
#pragma once

#include <stddef.h>

#include "base/error.h"

// The whole file, NUL-terminated, malloc'ed (caller frees), at most limit bytes.
// RC_NOT_FOUND, RC_DENIED, RC_LIMIT, RC_INTERNAL with the path in the text.
enum rc file_read(const char *path, size_t limit, char **ret_data, size_t *ret_length, struct err *err) MUST_CHECK;

// Like file_read, for secrets: refuses a file that group or others may write or others may read, and cuts one trailing
// newline.
enum rc file_read_secret(const char *path, char **ret_text, struct err *err) MUST_CHECK;

// A memfd (close-on-exec, sealable) named for /proc; -1 is never returned with RC_OK.
enum rc file_new_memory(const char *name, int *ret_fd, struct err *err) MUST_CHECK;

// Seal a memfd against every further change of content and size.
enum rc file_seal(int fd, struct err *err) MUST_CHECK;

// Write all length bytes at the present offset, over short writes and EINTR.
enum rc file_write_all(int fd, const void *data, size_t length, struct err *err) MUST_CHECK;
