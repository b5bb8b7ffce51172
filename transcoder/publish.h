// Publishing: objects first, then one transaction, then the acknowledgement; a crash anywhere repeats harmlessly.
#pragma once

#include <stddef.h>

#include "base/error.h"

struct task;
struct transcoder;

// Store those of the task's variants [first, end) that are not stored yet, under their keys; on success their files are
// closed. Repeatable.
enum rc publish_store_variants(struct transcoder *transcoder, struct task *task, size_t first, size_t end,
                               struct err *err) MUST_CHECK;

// A publisher's thread; argument is the struct transcoder. Ends when the publications' queue is closed and empty.
void *publish_thread(void *transcoder);
