// The listening socket; for lib/http alone.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct listener {
	int descriptor;
	uint16_t port;
	bool is_inherited; // the service manager's: it goes on listening when we stop, so never shutdown() it
};

// Take the socket that the service manager has opened on that address, or else bind and listen ourselves. The address
// is "address:port" or "[address]:port" (numeric; port 0: any). RC_INVALID for a bad text, RC_EXISTS when it is in use,
// RC_DENIED when it may not be bound. The caller closes the descriptor.
enum rc listener_open(const char *address, struct listener *ret_listener, struct err *err) MUST_CHECK;
