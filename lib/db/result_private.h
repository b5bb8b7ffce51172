// Making results and handing out parts of them. Private to lib/db.
#pragma once

#include <libpq-fe.h>
#include <stddef.h>

#include "db/result.h"

// Takes *handle, which is NULL afterwards; NULL without memory.
struct db_result *db_result_wrap(PGresult **handle);

// `rows` rows from `first` on, and without the last column: a result of its own, which keeps the whole one alive.
// NULL without memory.
struct db_result *db_result_slice(struct db_result *whole, size_t first, size_t rows);
