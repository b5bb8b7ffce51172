// One file through the public API: begin, PUT to the store, complete; each step timed.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/uuid.h"

struct session;

struct sending {
	const char *path; // its last part is the file's name, its extension the type
	const void *data;
	size_t length;
	const char *sha256; // hex; NULL: not declared, so that bytes which the account has are taken again
};

struct sent {
	char media_id[UUID_TEXT_SIZE];
	bool is_known;                         // the account had these bytes: nothing was sent
	int64_t begin_us, put_us, complete_us; // what each step took, from call to answer
	unsigned waits;                        // times that the rate limit made us wait, which is in the step's time
};

// The media type that a path's extension stands for.
const char *send_content_type(const char *path);

// RC_DENIED, RC_UNAVAILABLE: what was answered stands in the text; *ret_sent is written in any case. Any thread.
enum rc send_file(struct session *session, const struct sending *sending, struct sent *ret_sent,
                  struct err *err) MUST_CHECK;
