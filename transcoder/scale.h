// How many workers a pool should have between its limits: a pure decision by what waits, how long jobs take, and how
// much other work waits for the CPU. No clock, no I/O; scaler.c looks and acts.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// A backlog has to last for so long before more workers are started, and after each change what it brings is awaited.
#define SCALE_PRESSED_MS 2000
#define SCALE_REST_MS 5000

struct scale_rules {
	int64_t backlog_ms;       // a backlog that takes longer wants more workers
	int64_t idle_ms;          // workers that were not needed for so long are ended
	int64_t pressure_percent; // no more workers above this; 100: whatever the pressure
};

struct scale_look {
	int64_t now_us; // monotonic
	int64_t least;  // limits, 1 <= least <= most
	int64_t most;
	int64_t workers;         // of this transcoder
	int64_t workers_in_all;  // of every transcoder that works on the pool: they share the backlog
	int64_t backlog;         // jobs that no worker has in hand
	double busy;             // workers at work, on average since the look before
	double job_seconds;      // that one worker needs for one job; 0: not known yet
	double pressure_percent; // of the time some process waited for a CPU; negative: the kernel does not say
	bool memory_is_short;    // workers wait for the memory budget: more of them would wait, too
};

enum scale_reason { SCALE_STAYS, SCALE_BACKLOG, SCALE_IDLE, SCALE_LIMITS };

// Between two looks; zeroed at the beginning, and whenever looks were left out (the pool was paused).
struct scale_state {
	int64_t pressed_since_us;
	int64_t idle_since_us;
	int64_t idle_needed; // the most workers that were needed since then
	int64_t changed_us;
};

// How many workers there should be from now on, and why.
int64_t scale_decide(const struct scale_rules *rules, const struct scale_look *look, struct scale_state *state,
                     enum scale_reason *ret_reason);

// Seconds until the backlog is done by the workers there are; 0 while the time of a job is not known.
double scale_clear_seconds(const struct scale_look *look);

// "backlog", "idle", "limits"; for the log.
const char *scale_reason_text(enum scale_reason reason);

// The share of the last ten seconds in which some process waited for a CPU, of /proc/pressure/cpu ("some avg10=12.30
// avg60=…", Documentation/accounting/psi.rst of the kernel). -1: the text is none of that kind.
double scale_parse_pressure(const char *text);
