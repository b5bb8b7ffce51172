// The declared streams and buckets, and how they are brought into being (JetStream API: STREAM.INFO, CREATE, UPDATE).
#include "bus/streams.h"

#include <string.h>

#include "bus/bus_private.h"

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS (60 * MINUTE_MS)
#define MIB (INT64_C(1024) * 1024)
#define NS_PER_MS INT64_C(1000000)

// Limits retention throughout: under work-queue retention nats-server 2.9.10 forgets the message ids of removed
// messages at a restart. JOBS refuses when full, so that the outbox notices; EVENTS drops its oldest, since whoever
// missed them reads Postgres. The sizes are reserved on the server and fit into its 2 GiB of the local stack.
const struct bus_stream_definition bus_stream_table[] = {
	{ .name = BUS_STREAM_JOBS,
	  .subject = "jobs.>",
	  .max_age_ms = 24 * HOUR_MS,
	  .max_bytes = 1024 * MIB,
	  .max_message_bytes = -1,
	  .max_per_subject = -1,
	  .duplicate_window_ms = 10 * MINUTE_MS,
	  .discard_new = true },
	{ .name = BUS_STREAM_EVENTS,
	  .subject = "events.>",
	  .max_age_ms = 7 * 24 * HOUR_MS,
	  .max_bytes = 512 * MIB,
	  .max_message_bytes = -1,
	  .max_per_subject = -1,
	  .duplicate_window_ms = 10 * MINUTE_MS },
	{ .name = "KV_" BUS_BUCKET_POOLS,
	  .subject = "$KV." BUS_BUCKET_POOLS ".>",
	  .max_bytes = 16 * MIB,
	  .max_message_bytes = 128 * 1024,
	  .max_per_subject = 10,
	  .duplicate_window_ms = 2 * MINUTE_MS,
	  .discard_new = true,
	  .key_value = true },
	{ .name = "KV_" BUS_BUCKET_WORKERS,
	  .subject = "$KV." BUS_BUCKET_WORKERS ".>",
	  .max_age_ms = 30 * SECOND_MS,
	  .max_bytes = 64 * MIB,
	  .max_message_bytes = 128 * 1024,
	  .max_per_subject = 1,
	  .duplicate_window_ms = 30 * SECOND_MS,
	  .discard_new = true,
	  .key_value = true },
};
const size_t bus_stream_count = sizeof(bus_stream_table) / sizeof(bus_stream_table[0]);

const char *bus_lane_name(enum bus_lane lane)
{
	return lane == BUS_LANE_INTERACTIVE ? "interactive" : "bulk";
}

static json_t *describe_stream(const struct bus_stream_definition *definition, unsigned replicas)
{
	json_int_t max_age_ns = definition->max_age_ms * NS_PER_MS;
	json_int_t window_ns = definition->duplicate_window_ms * NS_PER_MS;
	json_t *config =
	        json_pack("{s:s, s:[s], s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:i}", "name", definition->name,
	                  "subjects", definition->subject, "retention", "limits", "storage", "file", "discard",
	                  definition->discard_new ? "new" : "old", "max_age", max_age_ns, "max_bytes",
	                  (json_int_t)definition->max_bytes, "max_msg_size", (json_int_t)definition->max_message_bytes,
	                  "max_msgs", (json_int_t)-1, "max_msgs_per_subject", (json_int_t)definition->max_per_subject,
	                  "duplicate_window", window_ns, "num_replicas", (int)replicas);
	if (config != NULL && definition->key_value) {
		json_auto_t *flags =
		        json_pack("{s:b, s:b, s:b}", "allow_rollup_hdrs", 1, "deny_delete", 1, "allow_direct", 1);
		if (json_object_update(config, flags) != 0) {
			json_decref(config);
			config = NULL;
		}
	}
	return config;
}

// Lay wanted over what the server has. NULL without memory; *ret_differs tells whether that changes anything.
static json_t *merge_config(json_t *present, json_t *wanted, bool *ret_differs)
{
	json_t *merged = json_copy(present);
	if (merged == NULL || json_object_update(merged, wanted) != 0) {
		json_decref(merged);
		return NULL;
	}
	*ret_differs = json_equal(present, merged) == 0;
	return merged;
}

static enum rc update_stream(struct bus *bus, const char *name, json_t *present, json_t *wanted,
                             struct deadline deadline, struct err *err)
{
	bool differs = false;
	json_auto_t *merged = merge_config(present, wanted, &differs);
	if (merged == NULL)
		return err_set(err, RC_NO_MEMORY, "stream %s: no memory", name);
	if (!differs)
		return RC_OK;
	json_auto_t *response = NULL;
	return bus_api_call(bus, merged, deadline, &response, err, "STREAM.UPDATE.%s", name);
}

enum rc bus_stream_ensure(struct bus *bus, const struct bus_stream_definition *definition, unsigned replicas,
                          struct deadline deadline, struct err *err)
{
	json_auto_t *wanted = describe_stream(definition, replicas);
	if (wanted == NULL)
		return err_set(err, RC_NO_MEMORY, "stream %s: no memory", definition->name);
	// Another process may create it between our look and our try, hence the second round.
	for (int round = 0;; round++) {
		json_auto_t *info = NULL;
		enum rc rc = bus_api_call(bus, NULL, deadline, &info, err, "STREAM.INFO.%s", definition->name);
		if (rc == RC_OK)
			return update_stream(bus, definition->name, json_object_get(info, "config"), wanted, deadline,
			                     err);
		if (rc != RC_NOT_FOUND)
			return rc;
		json_auto_t *created = NULL;
		rc = bus_api_call(bus, wanted, deadline, &created, err, "STREAM.CREATE.%s", definition->name);
		if (rc != RC_EXISTS || round > 0)
			return rc;
	}
}

enum rc bus_streams_apply(struct bus *bus, unsigned replicas, struct deadline deadline, struct err *err)
{
	for (size_t i = 0; i < bus_stream_count; i++) {
		enum rc rc = bus_stream_ensure(bus, &bus_stream_table[i], replicas, deadline, err);
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

enum rc bus_ensure_streams(struct bus *bus, unsigned replicas, struct err *err)
{
	if (replicas < 1 || replicas > 5)
		return err_set(err, RC_INVALID, "replicas must be 1 to 5");
	(void)pthread_mutex_lock(&bus->lock);
	bus->replicas = replicas;
	(void)pthread_mutex_unlock(&bus->lock);
	struct deadline deadline = deadline_after_ms(bus->timeout_ms);
	if (!bus_wait_connected(bus, deadline)) {
		bus_link_release(bus_link_acquire(bus, err));
		return RC_UNAVAILABLE;
	}
	return bus_streams_apply(bus, replicas, deadline, err);
}

static bool is_pool_name(const char *pool)
{
	size_t length = strlen(pool);
	return length >= 1 && length <= 31 &&
	       strspn(pool, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == length;
}

enum rc bus_consumer_check(const char *pool, unsigned max_ack_pending, struct err *err)
{
	if (!is_pool_name(pool))
		return err_set(err, RC_INVALID, "pool name must be 1 to 31 of A-Z a-z 0-9 _ -");
	if (max_ack_pending < 1 || max_ack_pending > 1000000)
		return err_set(err, RC_INVALID, "max_ack_pending must be 1 to 1000000");
	return RC_OK;
}

// The server's own limit of deliveries stays off, see streams.h.
static json_t *describe_consumer(const char *pool, enum bus_lane lane, unsigned max_ack_pending)
{
	const char *lane_name = bus_lane_name(lane);
	const json_int_t ack_wait_ns = MINUTE_MS * NS_PER_MS;
	return json_pack("{s:s++, s:s++, s:s, s:s, s:s, s:I, s:i, s:i}", "durable_name", pool, "-", lane_name,
	                 "filter_subject", "jobs.", pool, lane == BUS_LANE_INTERACTIVE ? ".interactive" : ".bulk",
	                 "ack_policy", "explicit", "deliver_policy", "all", "replay_policy", "instant", "ack_wait",
	                 ack_wait_ns, "max_deliver", -1, "max_ack_pending", (int)max_ack_pending);
}

enum rc bus_ensure_consumer(struct bus *bus, const char *pool, enum bus_lane lane, unsigned max_ack_pending,
                            struct err *err)
{
	enum rc rc = bus_consumer_check(pool, max_ack_pending, err);
	if (rc != RC_OK)
		return rc;
	struct deadline deadline = deadline_after_ms(bus->timeout_ms);
	json_auto_t *wanted = describe_consumer(pool, lane, max_ack_pending);
	json_auto_t *info = NULL;
	if (wanted == NULL)
		return err_set(err, RC_NO_MEMORY, "consumer: no memory");
	const char *lane_name = bus_lane_name(lane);
	rc = bus_api_call(bus, NULL, deadline, &info, err, "CONSUMER.INFO.%s.%s-%s", BUS_STREAM_JOBS, pool, lane_name);
	if (rc == RC_OK) {
		bool differs = false;
		json_t *merged = merge_config(json_object_get(info, "config"), wanted, &differs);
		if (merged == NULL)
			return err_set(err, RC_NO_MEMORY, "consumer: no memory");
		json_decref(wanted);
		wanted = merged;
		if (!differs)
			return RC_OK;
	} else if (rc != RC_NOT_FOUND) {
		return rc;
	}
	json_auto_t *request = json_pack("{s:s, s:O}", "stream_name", BUS_STREAM_JOBS, "config", wanted);
	json_auto_t *created = NULL;
	if (request == NULL)
		return err_set(err, RC_NO_MEMORY, "consumer: no memory");
	return bus_api_call(bus, request, deadline, &created, err, "CONSUMER.DURABLE.CREATE.%s.%s-%s", BUS_STREAM_JOBS,
	                    pool, lane_name);
}
