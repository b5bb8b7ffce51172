// Reading originals.
#pragma once

#include "base/error.h"
#include "media/reason.h"

struct task;
struct transcoder;

// Read the task's original into its sealed memory file, hash it, and compare with what was verified at upload.
// REASON_NONE, or why the attempt fails (err has the detail).
enum media_reason fetch_original(struct transcoder *transcoder, struct task *task, struct err *err);
