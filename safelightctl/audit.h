// The audit log's rows of what operators do by hand.
#pragma once

#include "base/error.h"
#include "base/uuid.h"

struct db_pool;

// "dead_letter.redriven" on the dead_letter of that id, by whoever calls (name and host go into the detail).
enum rc audit_write(struct db_pool *database, const char *action, const char *subject_kind,
                    const struct uuid *subject_id, struct err *err) MUST_CHECK;
