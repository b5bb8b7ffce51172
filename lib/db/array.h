// Postgres array literals built into a buffer, bound with db_text and cast in the statement ($1::uuid[]).
#pragma once

#include <stddef.h>
#include <stdint.h>

struct buffer;
struct uuid;

// Append "{…}". Quotes and backslashes are escaped; a NULL text becomes NULL.
void db_array_of_uuids(struct buffer *out, const struct uuid *uuids, size_t count);
void db_array_of_texts(struct buffer *out, const char *const *texts, size_t count);
void db_array_of_int64(struct buffer *out, const int64_t *numbers, size_t count);
