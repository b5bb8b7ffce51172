// Notifications of object stores, brought to one form: what AWS S3, MinIO, Ceph RGW and EventBridge post when an object
// was made, each with its own envelope and its own way of writing keys.
//
//   source        envelope                       key
//   aws:s3        {"Records":[…]}                form-encoded: '+' is a blank, then percent-decoding
//   minio:s3      {"EventName","Key","Records"}  the same ('/' too is written %2F)
//   ceph:s3       {"Records":[…]}                raw: a literal '+' or '%' must stay
//   aws.s3        one EventBridge event          raw
//
// (AWS: "Event message structure" and "EventBridge event message structure" of the S3 user guide; MinIO:
// internal/event; Ceph: rgw_pubsub.cc.) Events come at least once and in any order: they are hints to look, no facts.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct arena;

#define S3_EVENTS_MAX 1000

struct s3_event {
	bool is_created;    // an object may be there now; others are of no interest
	const char *bucket; // "" in events that are not is_created, as the key
	const char *key;    // as the object is really called
	const char *opaque; // what the topic was made with (Ceph's opaqueData); NULL: none
};

struct s3_events {
	struct s3_event *items; // in the arena, as all texts
	size_t count;           // 0 for AWS's test message
};

// Read length bytes of JSON. RC_INVALID: not JSON, none of the envelopes, an unknown source, a key that cannot be
// decoded, more than S3_EVENTS_MAX. RC_NO_MEMORY: the arena is full. Any thread.
enum rc s3_events_parse(const char *data, size_t length, struct arena *arena, struct s3_events *ret_events,
                        struct err *err) MUST_CHECK;
