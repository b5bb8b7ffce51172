// A thread, its pauses and its end.
#include "base/background.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"

struct background {
	background_work *work;
	void *context;
	int64_t pause_ms;
	pthread_t thread;
	pthread_mutex_t lock; // guards what follows
	pthread_cond_t changed;
	bool is_woken;
	bool stops;
};

// False when the thread is to end.
static bool pause_until_due(struct background *background, int64_t pause_ms)
{
	struct timespec at;
	int64_t until = clock_monotonic_us() + pause_ms * 1000;
	at.tv_sec = until / 1000000;
	at.tv_nsec = until % 1000000 * 1000;
	(void)pthread_mutex_lock(&background->lock);
	while (!background->stops && !background->is_woken && clock_monotonic_us() < until)
		(void)pthread_cond_timedwait(&background->changed, &background->lock, &at);
	background->is_woken = false;
	bool goes_on = !background->stops;
	(void)pthread_mutex_unlock(&background->lock);
	return goes_on;
}

static void *run(void *argument)
{
	struct background *background = argument;
	bool more;
	do
		more = background->work(background->context);
	while (pause_until_due(background, more ? 0 : background->pause_ms));
	return NULL;
}

enum rc background_new(const char *name, int64_t pause_ms, background_work *work, void *context,
                       struct background **ret_background, struct err *err)
{
	struct background *background = calloc(1, sizeof *background);
	if (background == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for the %s thread", name);
	background->work = work;
	background->context = context;
	background->pause_ms = pause_ms;
	pthread_condattr_t monotonic;
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&background->changed, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	(void)pthread_mutex_init(&background->lock, NULL);
	if (pthread_create(&background->thread, NULL, run, background) != 0) {
		(void)pthread_mutex_destroy(&background->lock);
		(void)pthread_cond_destroy(&background->changed);
		free(background);
		return err_set(err, RC_UNAVAILABLE, "cannot start the %s thread", name);
	}
	(void)pthread_setname_np(background->thread, name);
	*ret_background = background;
	return RC_OK;
}

void background_wake(struct background *background)
{
	if (background == NULL)
		return;
	(void)pthread_mutex_lock(&background->lock);
	background->is_woken = true;
	(void)pthread_cond_signal(&background->changed);
	(void)pthread_mutex_unlock(&background->lock);
}

void background_free(struct background *background)
{
	if (background == NULL)
		return;
	(void)pthread_mutex_lock(&background->lock);
	background->stops = true;
	(void)pthread_cond_signal(&background->changed);
	(void)pthread_mutex_unlock(&background->lock);
	(void)pthread_join(background->thread, NULL);
	(void)pthread_mutex_destroy(&background->lock);
	(void)pthread_cond_destroy(&background->changed);
	free(background);
}
