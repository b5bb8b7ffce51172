// The bus's streams, and the events that it lost: nats-server acknowledges up to two minutes before its disk knows.
//
// How a loss shows: an event got a number that is not above an earlier one's (the relay watches), or the stream is
// empty (made anew, or emptied) while the outbox still has events that it had acknowledged. Then everything that was
// sent within RELAY_KEEP_MS is sent again, under new message ids; consumers drop repeats by the event's own id. Jobs
// need nothing of this: those that nobody begins are overdue, and rung for.
#include <string.h>

#include "base/log.h"
#include "base/settings.h"
#include "bus/health.h"
#include "bus/streams.h"
#include "catalog/outbox.h"
#include "ingest/ingest.h"
#include "ingest/relay.h"
#include "ingest/sweep.h"

enum rc sweep_streams(struct sweep *sweep, struct err *err)
{
	if (sweep->has_streams)
		return RC_OK;
	enum rc rc = bus_ensure_streams(sweep->ingest->bus, (unsigned)sweep->ingest->settings->bus_replicas, err);
	sweep->has_streams = rc == RC_OK;
	return rc;
}

// RC_UNAVAILABLE while it cannot be told.
static enum rc look(struct sweep *sweep, bool *ret_is_empty, struct err *err)
{
	struct bus_health health;
	enum rc rc = bus_health_check(sweep->ingest->bus, &health, deadline_after_ms(SWEEP_CALL_MS), err);
	if (rc == RC_NOT_FOUND)
		sweep->has_streams = false; // made anew in the next pass; then it is empty
	if (rc != RC_OK)
		return rc;
	*ret_is_empty = false;
	for (size_t i = 0; i < health.stream_count; i++)
		if (strcmp(health.streams[i].name, BUS_STREAM_EVENTS) == 0)
			*ret_is_empty = health.streams[i].messages == 0;
	return RC_OK;
}

enum rc sweep_events(struct sweep *sweep, struct err *err)
{
	bool is_empty = false;
	int64_t count = 0;
	const struct catalog_call call = sweep_call();
	if (!sweep->has_streams)
		return RC_OK;
	enum rc rc = look(sweep, &is_empty, err);
	if (rc != RC_OK)
		return rc;
	// An empty stream is looked into once: what was found is on its way, and an idle system has nothing to find.
	sweep->has_lost |= relay_take_loss(sweep->ingest->relay) || (is_empty && !sweep->was_events_empty);
	if (sweep->has_lost && is_empty)
		relay_expect_low_numbers(sweep->ingest->relay);
	if (sweep->has_lost)
		rc = catalog_outbox_resend(&sweep->ingest->catalog, &call, RELAY_KEEP_MS, &count, err);
	if (rc != RC_OK)
		return rc;
	sweep->has_lost = false;
	sweep->was_events_empty = is_empty;
	sweep_add(sweep, SWEEP_events_resent, count);
	if (count > 0)
		LOG_EVENT(LOG_WARNING, "bus_lost_events", LOG_BOOL("is_empty", is_empty), LOG_INT("resent", count));
	return RC_OK;
}
