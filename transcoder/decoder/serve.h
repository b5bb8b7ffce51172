// Taking jobs from the supervisor's socket and answering them, one at a time, until it is gone.
#pragma once

#include <stdint.h>

#include "base/error.h"

struct profile;

// cpu_seconds is the CPU time that one job may take. Returns RC_UNAVAILABLE when the supervisor has closed its end,
// another code when its messages make no sense. A job that fails is answered and not an error.
enum rc serve_jobs(const struct profile *profile, int socket, uint32_t cpu_seconds);
