// How many workers a pool gets: by backlog, CPU pressure and idleness, and without flapping.
#include "transcoder/scale.c" // NOLINT(bugprone-suspicious-include): a service's file has no archive to link

#include "tests/unit/cmocka_all.h"

#define LOOK_US 1000000

static const struct scale_rules RULES = { .backlog_ms = 10000, .idle_ms = 60000, .pressure_percent = 60 };

// Two workers, all at work, with 100 jobs of a second each before them: 50 seconds.
static struct scale_look busy_look(void)
{
	return (struct scale_look){ .least = 1,
		                    .most = 8,
		                    .workers = 2,
		                    .workers_in_all = 2,
		                    .backlog = 100,
		                    .busy = 2,
		                    .job_seconds = 1,
		                    .pressure_percent = 10 };
}

// Three workers with nothing to do.
static struct scale_look idle_look(void)
{
	return (struct scale_look){
		.least = 1, .most = 8, .workers = 3, .workers_in_all = 3, .job_seconds = 1, .pressure_percent = 10
	};
}

struct run {
	struct scale_state state;
	int64_t now_us;
	int changes;              // in all
	enum scale_reason reason; // of the last change
};

// The same look again and again for so long, with the workers that come of it, all at work or as many as there were.
static int64_t run_for(struct run *run, struct scale_look *look, int seconds)
{
	bool all_busy = look->busy >= (double)look->workers;
	for (int i = 0; i < seconds; i++) {
		enum scale_reason reason;
		run->now_us += LOOK_US;
		look->now_us = run->now_us;
		int64_t workers = scale_decide(&RULES, look, &run->state, &reason);
		assert_true((workers == look->workers) == (reason == SCALE_STAYS));
		run->changes += workers != look->workers;
		run->reason = workers != look->workers ? reason : run->reason;
		look->workers = look->workers_in_all = workers;
		if (all_busy)
			look->busy = (double)workers;
	}
	return look->workers;
}

static void grows_for_a_backlog_that_lasts(void **state)
{
	(void)state;
	struct run run = { .now_us = 1 };
	struct scale_look look = busy_look();
	assert_int_equal(run_for(&run, &look, 2), 2); // it might be over in a moment
	assert_int_equal(run_for(&run, &look, 1), 4); // at most twice as many at once
	assert_int_equal(run.reason, SCALE_BACKLOG);
	assert_int_equal(run_for(&run, &look, 4), 4); // what they bring is awaited
	assert_int_equal(run_for(&run, &look, 3), 8);
	assert_int_equal(run_for(&run, &look, 60), 8); // the limit, although 100 seconds' work stays
	assert_int_equal(run.changes, 2);
}

static void grows_by_as_much_as_is_needed(void **state)
{
	(void)state;
	struct run run = { .now_us = 1 };
	struct scale_look look = busy_look();
	look.workers = look.workers_in_all = 4;
	look.busy = 4;
	look.backlog = 50; // 12.5 seconds for four, 10 for five
	assert_int_equal(run_for(&run, &look, 120), 5);
	assert_int_equal(run.changes, 1);
}

static void a_backlog_that_is_soon_done_changes_nothing(void **state)
{
	(void)state;
	struct run run = { .now_us = 1 };
	struct scale_look look = busy_look();
	look.backlog = 20; // ten seconds
	assert_int_equal(run_for(&run, &look, 300), 2);
	look.backlog = 1000;
	look.job_seconds = 0; // nothing is known of its jobs
	assert_int_equal(run_for(&run, &look, 300), 2);
	assert_int_equal(run.changes, 0);
}

static void others_do_their_share(void **state)
{
	(void)state;
	struct run run = { .now_us = 1 };
	struct scale_look look = busy_look();
	enum scale_reason reason;
	for (int i = 0; i < 30; i++) {
		look.now_us = run.now_us += LOOK_US;
		look.workers_in_all = 12; // 100 jobs by twelve: eight seconds
		assert_int_equal(scale_decide(&RULES, &look, &run.state, &reason), 2);
	}
}

static void what_is_no_lack_of_workers_starts_none(void **state)
{
	(void)state;
	struct scale_look look = busy_look();
	struct run run = { .now_us = 1 };
	look.pressure_percent = 60; // the CPU is taken
	assert_int_equal(run_for(&run, &look, 300), 2);
	look = busy_look();
	look.memory_is_short = true;
	assert_int_equal(run_for(&run, &look, 300), 2);
	look = busy_look();
	look.busy = 1.5; // workers wait for inputs: the store is slow
	assert_int_equal(run_for(&run, &look, 300), 2);
	assert_int_equal(run.changes, 0);
}

static void without_a_known_pressure_the_backlog_alone_decides(void **state)
{
	(void)state;
	struct run run = { .now_us = 1 };
	struct scale_look look = busy_look();
	look.pressure_percent = -1;
	assert_int_equal(run_for(&run, &look, 3), 4);
	// And where an operator says so.
	const struct scale_rules careless = { .backlog_ms = 10000, .idle_ms = 60000, .pressure_percent = 100 };
	struct scale_state fresh = { 0 };
	enum scale_reason reason = SCALE_STAYS;
	look = busy_look();
	look.pressure_percent = 100;
	int64_t workers = 2;
	for (int i = 1; i <= 4 && workers == 2; i++) {
		look.now_us = i * LOOK_US;
		workers = scale_decide(&careless, &look, &fresh, &reason);
	}
	assert_int_equal(workers, 4);
}

static void shrinks_when_idle_for_a_while(void **state)
{
	(void)state;
	struct run run = { .now_us = 1 };
	struct scale_look look = idle_look();
	assert_int_equal(run_for(&run, &look, 60), 3);
	assert_int_equal(run_for(&run, &look, 1), 1); // the least
	assert_int_equal(run.reason, SCALE_IDLE);
	assert_int_equal(run_for(&run, &look, 300), 1);
	assert_int_equal(run.changes, 1);
}

static void shrinks_to_what_was_needed(void **state)
{
	(void)state;
	struct run run = { .now_us = 1 };
	struct scale_look look = idle_look();
	look.workers = look.workers_in_all = 8;
	look.busy = 0.5;
	assert_int_equal(run_for(&run, &look, 30), 8);
	look.busy = 2.0; // for a moment: three are needed for that
	assert_int_equal(run_for(&run, &look, 2), 8);
	look.busy = 0.5;
	assert_int_equal(run_for(&run, &look, 30), 3);
	// A burst that needs them all begins the count anew.
	look.busy = 3;
	assert_int_equal(run_for(&run, &look, 1), 3);
	look.busy = 0.1;
	assert_int_equal(run_for(&run, &look, 60), 3);
	assert_int_equal(run_for(&run, &look, 1), 1);
}

// Work that comes and goes faster than the idle time does not take workers away and bring them back.
static void does_not_flap(void **state)
{
	(void)state;
	struct run run = { .now_us = 1 };
	struct scale_look look = busy_look();
	for (int i = 0; i < 50; i++) {
		look.backlog = 100;
		look.busy = (double)look.workers;
		(void)run_for(&run, &look, 8);
		look.backlog = 0;
		look.busy = 0;
		(void)run_for(&run, &look, 20);
	}
	assert_int_equal(look.workers, 8);
	assert_int_equal(run.changes, 2); // 2 to 4 to 8, and never back
}

static void limits_hold_at_once(void **state)
{
	(void)state;
	struct run run = { .now_us = 1 };
	struct scale_look look = idle_look();
	look.most = 2;
	assert_int_equal(run_for(&run, &look, 1), 2);
	assert_int_equal(run.reason, SCALE_LIMITS);
	look = idle_look();
	look.least = 5;
	assert_int_equal(run_for(&run, &look, 1), 5);
}

static void the_pressure_is_read(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		double percent;
	} ROWS[] = {
		{ "some avg10=12.34 avg60=9.00 avg300=1.00 total=123\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
		  12.34 },
		{ "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n", 0 },
		{ "some avg10=100.00 avg60=0.00 avg300=0.00 total=0\n", 100 },
		{ "", -1 },
		{ "some avg10=", -1 },
		{ "some avg10=x avg60=0.00", -1 },
		{ "some avg10=-3.00 avg60=0.00", -1 },
		{ "some avg10=nan avg60=0.00", -1 },
		{ "full avg10=1.00 avg60=0.00", -1 },
	};
	for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++)
		if (fabs(scale_parse_pressure(ROWS[i].text) - ROWS[i].percent) > 0.001)
			fail_msg("'%s': %f", ROWS[i].text, scale_parse_pressure(ROWS[i].text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows_for_a_backlog_that_lasts),
		cmocka_unit_test(grows_by_as_much_as_is_needed),
		cmocka_unit_test(a_backlog_that_is_soon_done_changes_nothing),
		cmocka_unit_test(others_do_their_share),
		cmocka_unit_test(what_is_no_lack_of_workers_starts_none),
		cmocka_unit_test(without_a_known_pressure_the_backlog_alone_decides),
		cmocka_unit_test(shrinks_when_idle_for_a_while),
		cmocka_unit_test(shrinks_to_what_was_needed),
		cmocka_unit_test(does_not_flap),
		cmocka_unit_test(limits_hold_at_once),
		cmocka_unit_test(the_pressure_is_read),
	};
	return cmocka_run_group_tests_name("scale", tests, NULL, NULL);
}
