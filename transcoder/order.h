// What a decoder child is asked to make of a task.
#pragma once

struct task;
struct transcoder;
struct wire_job;

// The limits, and the sizes and formats that this pool makes by the media's preset. No encodings: there is nothing for
// this pool to make (any more).
void order_make(const struct transcoder *transcoder, const struct task *task, struct wire_job *ret_job);
