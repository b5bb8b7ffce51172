// Answers to requests with an Idempotency-Key, in the table idempotency_keys. (Uploads note theirs in the statement
// that begins them, catalog/upload.h; the table, its life and its sweeping are the same.)
#pragma once

#include "base/idempotency.h"

struct catalog;

// How long an answer is kept, as SQL.
#define CATALOG_IDEMPOTENCY_LIFE "interval '24 hours'"

// The store over a catalog, which must outlive it.
struct idempotency_store catalog_idempotency_store(struct catalog *catalog);
