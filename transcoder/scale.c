// The decision. Growing and shrinking have thresholds apart, and each has to hold for a while, so that it does not
// flap.
#include "transcoder/scale.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Workers are the bottleneck while nearly all of them are at work; they are enough while they are busy no more than so.
#define FULL 0.8
#define ENOUGH 0.7

static int64_t within(int64_t number, const struct scale_look *look)
{
	if (number < look->least)
		return look->least;
	return number > look->most ? look->most : number;
}

double scale_clear_seconds(const struct scale_look *look)
{
	int64_t workers = look->workers_in_all > look->workers ? look->workers_in_all : look->workers;
	return workers < 1 ? 0 : (double)look->backlog * look->job_seconds / (double)workers;
}

static bool may_grow(const struct scale_rules *rules, const struct scale_look *look)
{
	bool is_pressed = rules->pressure_percent < 100 && look->pressure_percent >= (double)rules->pressure_percent;
	return look->workers < look->most && !look->memory_is_short && !is_pressed &&
	       look->busy >= FULL * (double)look->workers &&
	       scale_clear_seconds(look) * 1000 > (double)rules->backlog_ms;
}

// As many as would do the backlog in time, but at most twice as many at once: by then their times are known.
static int64_t grown(const struct scale_rules *rules, const struct scale_look *look)
{
	double factor = fmin(2, scale_clear_seconds(look) * 1000 / (double)rules->backlog_ms);
	return within((int64_t)ceil((double)look->workers * factor), look);
}

// Notes for how long fewer workers would have done, and how many; true when that was long enough.
static bool was_idle(const struct scale_rules *rules, const struct scale_look *look, struct scale_state *state)
{
	int64_t needed = within((int64_t)ceil(look->busy / ENOUGH), look);
	if (needed >= look->workers || scale_clear_seconds(look) * 2000 > (double)rules->backlog_ms) {
		state->idle_since_us = 0;
		return false;
	}
	if (state->idle_since_us == 0) {
		state->idle_since_us = look->now_us;
		state->idle_needed = needed;
	}
	if (needed > state->idle_needed)
		state->idle_needed = needed;
	return look->now_us - state->idle_since_us >= rules->idle_ms * 1000;
}

// Notes for how long more workers were wanted; true when that was long enough.
static bool was_pressed(const struct scale_rules *rules, const struct scale_look *look, struct scale_state *state)
{
	if (!may_grow(rules, look)) {
		state->pressed_since_us = 0;
		return false;
	}
	if (state->pressed_since_us == 0)
		state->pressed_since_us = look->now_us;
	bool has_rested = state->changed_us == 0 || look->now_us - state->changed_us >= SCALE_REST_MS * 1000;
	return has_rested && look->now_us - state->pressed_since_us >= SCALE_PRESSED_MS * 1000;
}

int64_t scale_decide(const struct scale_rules *rules, const struct scale_look *look, struct scale_state *state,
                     enum scale_reason *ret_reason)
{
	int64_t workers = within(look->workers, look);
	enum scale_reason reason = workers == look->workers ? SCALE_STAYS : SCALE_LIMITS;
	if (was_pressed(rules, look, state)) {
		workers = grown(rules, look);
		reason = SCALE_BACKLOG;
	} else if (was_idle(rules, look, state)) {
		workers = state->idle_needed;
		reason = SCALE_IDLE;
	}
	if (workers == look->workers)
		reason = SCALE_STAYS;
	else
		*state = (struct scale_state){ .changed_us = look->now_us };
	*ret_reason = reason;
	return workers;
}

const char *scale_reason_text(enum scale_reason reason)
{
	static const char *const TEXTS[] = { "stays", "backlog", "idle", "limits" };
	return TEXTS[reason];
}

double scale_parse_pressure(const char *text)
{
	static const char BEGINNING[] = "some avg10=";
	char *end = NULL;
	if (strncmp(text, BEGINNING, sizeof BEGINNING - 1) != 0)
		return -1;
	double percent = strtod(text + sizeof BEGINNING - 1, &end);
	return end == text + sizeof BEGINNING - 1 || *end != ' ' || !(percent >= 0 && percent <= 100) ? -1 : percent;
}
