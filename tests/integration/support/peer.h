// Programs that are not ours, run as judges or as clients: Python scripts beside the tests.
#pragma once

#include <jansson.h>

#define TEST_PEER_MISSING 77

// Runs "python3 SCRIPT FIRST [SECOND]" with the facts (consumed) as JSON in PEER_FACTS: secrets are never arguments.
// second: NULL for none. ret_answer, when not NULL, gets what it printed, as JSON (NULL when that is none); the caller
// drops it with json_decref. Its exit status; TEST_PEER_MISSING: it said that a program it needs is not installed; -1
// when it could not be run. Main thread.
int test_peer_run(const char *script, const char *first, const char *second, json_t *facts, json_t **ret_answer);
