// What the pool commands share (bus/pools.h does the work): setting with an answer, and printing.
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "base/error.h"
#include "safelightctl/report.h"

struct bus;
struct call;

// Wait up to two seconds until the transcoders have taken what was just set, and print the pool.
enum rc pools_report_taken(const struct call *call, struct bus *bus, const char *name, struct err *err) MUST_CHECK;

// "2-6" for a pool whose transcoders adjust its workers by themselves, else "fixed".
const char *pools_limits(const json_t *pool, char ret_text[REPORT_TEXT_SIZE]);

// One pool on one line, with a head line before the first.
void pools_print_head(void);
void pools_print_line(const json_t *pool);
