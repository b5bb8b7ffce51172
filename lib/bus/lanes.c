// The weighted choice between a pool's two lanes.
#include "bus/lanes.h"

#include <stdlib.h>

#include "base/clock.h"
#include "bus/puller.h"

// While both lanes are empty the wait is on the interactive one; so often the bulk lane is looked at.
#define BULK_LOOK_MS 250

struct bus_lanes {
	struct bus_puller *interactive;
	struct bus_puller *bulk;
	unsigned share;
	unsigned streak; // interactive messages taken since bulk last had its turn
};

enum rc bus_lanes_open(struct bus *bus, const char *pool, unsigned max_ack_pending, unsigned interactive_share,
                       struct bus_lanes **ret_lanes, struct err *err)
{
	if (interactive_share < 1)
		return err_set(err, RC_INVALID, "interactive share must be at least 1");
	struct bus_lanes *lanes = calloc(1, sizeof(*lanes));
	if (lanes == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for lanes");
	lanes->share = interactive_share;
	enum rc rc = bus_puller_open(bus, pool, BUS_LANE_INTERACTIVE, max_ack_pending, &lanes->interactive, err);
	if (rc == RC_OK)
		rc = bus_puller_open(bus, pool, BUS_LANE_BULK, max_ack_pending, &lanes->bulk, err);
	if (rc != RC_OK) {
		bus_lanes_close(lanes);
		return rc;
	}
	*ret_lanes = lanes;
	return RC_OK;
}

void bus_lanes_set_share(struct bus_lanes *lanes, unsigned interactive_share)
{
	lanes->share = interactive_share < 1 ? 1 : interactive_share;
}

static enum rc fetch_interactive(struct bus_lanes *lanes, int64_t timeout_ms, struct bus_message **ret_message,
                                 struct err *err)
{
	enum rc rc = bus_puller_fetch(lanes->interactive, timeout_ms, ret_message, err);
	if (rc == RC_OK)
		lanes->streak++;
	return rc;
}

static enum rc fetch_bulk(struct bus_lanes *lanes, struct bus_message **ret_message, struct err *err)
{
	lanes->streak = 0;
	return bus_puller_fetch(lanes->bulk, 0, ret_message, err);
}

enum rc bus_lanes_fetch(struct bus_lanes *lanes, int64_t timeout_ms, struct bus_message **ret_message, struct err *err)
{
	if (timeout_ms < 0 || timeout_ms > BUS_FETCH_TIMEOUT_MS_MAX)
		return err_set(err, RC_INVALID, "fetch timeout must be 0 to %d ms", BUS_FETCH_TIMEOUT_MS_MAX);
	struct deadline deadline = deadline_after_ms(timeout_ms);
	enum rc rc = RC_TIMEOUT;
	if (lanes->streak >= lanes->share)
		rc = fetch_bulk(lanes, ret_message, err);
	if (rc != RC_OK)
		rc = fetch_interactive(lanes, 0, ret_message, err);
	if (rc != RC_OK)
		rc = fetch_bulk(lanes, ret_message, err);
	while (rc != RC_OK && !deadline_passed(deadline)) {
		int64_t left_ms = deadline_left_ms(deadline);
		rc = fetch_interactive(lanes, left_ms < BULK_LOOK_MS ? left_ms : BULK_LOOK_MS, ret_message, err);
		if (rc != RC_OK)
			rc = fetch_bulk(lanes, ret_message, err);
	}
	return rc;
}

void bus_lanes_close(struct bus_lanes *lanes)
{
	if (lanes == NULL)
		return;
	bus_puller_close(lanes->interactive);
	bus_puller_close(lanes->bulk);
	free(lanes);
}
