// A copy of pools' live settings and of what they were before. They live in NATS (bus/pools.h); this outlives its
// files.
#pragma once

#include "catalog/catalog.h"

// The copy of one pool's history, as JSON, oldest first: [{"value": text} or {"deleted": true}]. RC_NOT_FOUND: none.
// The caller frees it. Any thread that may wait, as below.
enum rc catalog_pool_history_read(const struct catalog *catalog, const struct catalog_call *call, const char *pool,
                                  char **ret_history, struct err *err) MUST_CHECK;

// Make it this one; nothing is written when it is already.
enum rc catalog_pool_history_write(const struct catalog *catalog, const struct catalog_call *call, const char *pool,
                                   const char *history, struct err *err) MUST_CHECK;
