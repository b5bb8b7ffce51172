// What `media show` and `media trace` share: one media's JSON document, read by one statement and printed.
#pragma once

#include <jansson.h>

#include "base/error.h"

struct call;
struct db_statement;

// Run the statement ($1: the media's id, the call's first argument; one row with one JSON document) and print what it
// gives, as JSON or by `print`. RC_INVALID: the argument is no id; RC_NOT_FOUND: there is no such media.
enum rc media_read(const struct call *call, const struct db_statement *statement, void (*print)(const json_t *document),
                   struct err *err) MUST_CHECK;
