// The listening socket; for lib/http alone.
#pragma once

#include <stdint.h>

#include "base/error.h"

// Bind and listen on "address:port" or "[address]:port" (numeric; port 0: any). RC_INVALID for a bad text, RC_EXISTS
// when it is in use, RC_DENIED when it may not be bound. The caller closes the descriptor.
enum rc listener_open(const char *address, int *ret_descriptor, uint16_t *ret_port, struct err *err) MUST_CHECK;
