// One link: the thread that keeps its connection up and moves statements and results.
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>

#include "base/metrics.h"
#include "base/retry.h"
#include "db/pipeline_private.h"

static const struct retry_policy reconnect_policy = { .attempts = UINT32_MAX, .base_ms = 50, .cap_ms = 2000 };

static void set_down(struct pipeline_link *link, bool is_down, const char *why)
{
	struct db_pipeline *pipeline = link->pipeline;
	bool none_left;

	(void)pthread_mutex_lock(&pipeline->lock);
	if (link->is_down != is_down)
		pipeline->down += is_down ? 1u : -1u;
	link->is_down = is_down;
	none_left = pipeline->down == pipeline->count;
	(void)pthread_mutex_unlock(&pipeline->lock);
	if (none_left)
		pipeline_expire(pipeline, true, RC_UNAVAILABLE, why);
}

static void count_up(struct pipeline_link *link, bool is_up)
{
	struct db_pipeline *pipeline = link->pipeline;

	if (is_up)
		atomic_fetch_add_explicit(&pipeline->up, 1, memory_order_relaxed);
	else
		atomic_fetch_sub_explicit(&pipeline->up, 1, memory_order_relaxed);
	metric_add(pipeline->up_gauge, is_up ? 1 : -1);
	metric_add(pipeline->reconnects, is_up);
}

static void lose(struct pipeline_link *link)
{
	if (link->state == LINK_UP)
		count_up(link, false);
	pipeline_link_lose(link);
	link->state = LINK_PAUSED;
	link->until = deadline_after_ms(retry_delay_ms(&reconnect_policy, 1));
}

// This host cannot be had now: the next one at once, or the first again after a pause.
static void refused(struct pipeline_link *link, const char *why)
{
	unsigned hosts = link->pipeline->endpoint.host_count;
	int64_t pause_ms = 0;

	PQfinish(link->connection);
	link->connection = NULL;
	link->state = LINK_PAUSED;
	link->host++;
	link->attempts++;
	if (link->attempts % hosts == 0) {
		pause_ms = retry_delay_ms(&reconnect_policy, link->attempts / hosts);
		set_down(link, true, why);
	}
	link->until = deadline_after_ms(pause_ms);
}

static void begin_connect(struct pipeline_link *link)
{
	struct db_endpoint *endpoint = &link->pipeline->endpoint;
	struct err err = { .rc = RC_OK };

	if (link->attempts == 0)
		link->host = atomic_load_explicit(&endpoint->preferred, memory_order_relaxed);
	link->connection = db_connect_start(endpoint, link->host, &err);
	if (link->connection == NULL) {
		refused(link, err.text);
		return;
	}
	link->state = LINK_CONNECTING;
	link->events = POLLOUT;
	link->until = deadline_after_ms(endpoint->connect_ms);
}

static void continue_connect(struct pipeline_link *link)
{
	struct err err = { .rc = RC_OK };

	switch (db_connect_step(&link->pipeline->endpoint, link->host, link->connection, &link->events, &err)) {
	case DB_CONNECT_WAITING:
		return;
	case DB_CONNECT_FAILED:
		refused(link, err.text);
		return;
	case DB_CONNECT_DONE:
		break;
	}
	link->state = LINK_UP;
	link->attempts = 0;
	count_up(link, true);
	set_down(link, false, NULL);
	if (!PQenterPipelineMode(link->connection) || !pipeline_link_send_session(link))
		lose(link);
}

static int64_t earlier(int64_t left, int64_t right)
{
	return left < right ? left : right;
}

// When this link must look at the clock again, INT64_MAX for never; also settles under the lock whether submitters
// should wake it. 0: there is something to take at once.
static int64_t plan_wait(struct pipeline_link *link)
{
	struct db_pipeline *pipeline = link->pipeline;
	bool has_room = link->state == LINK_UP && pipeline_link_has_room(link);
	int64_t at_us = link->earliest_us;

	if (link->state != LINK_UP)
		at_us = earlier(at_us, link->until.at_us);
	else if (link->in_flight.length > 0)
		at_us = earlier(at_us, link->silent_us);
	(void)pthread_mutex_lock(&pipeline->lock);
	at_us = earlier(at_us, pipeline->earliest_us);
	if (pipeline->is_stopping)
		at_us = earlier(at_us, pipeline->drain.at_us);
	if (has_room && pipeline->waiting.length > 0)
		at_us = 0;
	else
		link->is_sleeping = has_room && link->in_flight.length == 0;
	(void)pthread_mutex_unlock(&pipeline->lock);
	if (has_room && link->again.length > 0)
		at_us = 0;
	return at_us;
}

// Returns what happened on the connection's socket.
static short wait_for_events(struct pipeline_link *link)
{
	struct pollfd wanted[2] = { { .fd = link->wake, .events = POLLIN }, { .fd = -1 } };
	int64_t at_us;
	int64_t left_ms;
	eventfd_t count;

	if (link->state == LINK_UP) {
		wanted[1].fd = PQsocket(link->connection);
		wanted[1].events = PQflush(link->connection) == 1 ? POLLIN | POLLOUT : POLLIN;
	} else if (link->state == LINK_CONNECTING) {
		wanted[1].fd = PQsocket(link->connection);
		wanted[1].events = link->events;
	}
	at_us = plan_wait(link);
	left_ms = at_us == INT64_MAX ? -1 : deadline_left_ms((struct deadline){ .at_us = at_us });
	if (poll(wanted, 2, left_ms > INT32_MAX ? INT32_MAX : (int)left_ms) < 0 && errno != EINTR)
		clock_sleep_ms(1);
	(void)pthread_mutex_lock(&link->pipeline->lock);
	link->is_sleeping = false;
	(void)pthread_mutex_unlock(&link->pipeline->lock);
	if (wanted[0].revents != 0)
		(void)eventfd_read(link->wake, &count);
	return wanted[1].revents;
}

static bool is_finished(struct pipeline_link *link)
{
	struct db_pipeline *pipeline = link->pipeline;
	bool is_idle = link->in_flight.length + link->again.length == 0;
	bool finished;

	(void)pthread_mutex_lock(&pipeline->lock);
	finished = pipeline->is_stopping &&
	           ((is_idle && pipeline->waiting.length == 0) || deadline_passed(pipeline->drain));
	(void)pthread_mutex_unlock(&pipeline->lock);
	return finished;
}

// The server has not said anything for too long; the next attempt to connect begins with another host.
static bool is_silent(struct pipeline_link *link)
{
	struct db_endpoint *endpoint = &link->pipeline->endpoint;

	if (link->in_flight.length == 0 || clock_monotonic_us() < link->silent_us)
		return false;
	atomic_store_explicit(&endpoint->preferred, (link->host + 1) % endpoint->host_count, memory_order_relaxed);
	return true;
}

void *pipeline_link_run(void *context)
{
	struct pipeline_link *link = context;

	while (!is_finished(link)) {
		short happened;

		pipeline_expire(link->pipeline, false, RC_TIMEOUT, "the deadline passed while it waited");
		pipeline_link_expire(link);
		if (link->state == LINK_PAUSED && deadline_passed(link->until))
			begin_connect(link);
		else if (link->state == LINK_CONNECTING && deadline_passed(link->until))
			refused(link, "the database did not answer in time");
		if (link->state == LINK_UP && (is_silent(link) || !pipeline_link_send(link))) {
			lose(link);
			continue;
		}
		happened = wait_for_events(link);
		if (happened == 0)
			continue;
		if (link->state == LINK_CONNECTING)
			continue_connect(link);
		else if (link->state == LINK_UP && !pipeline_link_receive(link))
			lose(link);
	}
	if (link->state == LINK_UP)
		count_up(link, false);
	pipeline_link_lose(link);
	return NULL;
}
