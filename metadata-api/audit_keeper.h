// What is not kept for ever: audit entries beyond their retention, sessions long over.
#pragma once

#include <stdbool.h>

#define AUDIT_KEEPER_PAUSE_MS (10 * 60 * 1000)

// A background_work over the api.
bool audit_keeper_work(void *api);
