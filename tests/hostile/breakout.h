// What the parts of the break-out decoder share.
#pragma once

#include <stddef.h>

#define SOCKET 3 // to the supervisor

struct attack {
	const char *name;
	// NULL: it has answered by itself; else what happened, to be sent as the detail of a failure.
	const char *(*run)(void);
};

extern const struct attack breakout_system[];
extern const size_t breakout_system_count;

// "did it", or the name of the error.
const char *breakout_errno(long result);

const char *breakout_open(void);
