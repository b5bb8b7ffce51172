// What travels on the bus: JSON in a CloudEvents 1.0 envelope, one versioned type for each shape.
//
//   type                          NATS subject            data
//   safelight.job.v1              jobs.<pool>.<lane>      {job_id, media_id, generation, pool, lane}
//   safelight.media.<verb>.v1     events.media.<verb>     {media_id, owner_id, state, generation, reason?, item_id?}
//   safelight.item.<verb>.v1      events.item.<verb>      {item_id, owner_id, version}
//
// Envelope: specversion "1.0", id, source, type, subject (the id of the media or item), time, datacontenttype, and
// traceparent (the CloudEvents distributed tracing extension) when there is one. A version fixes its data exactly: a
// missing, unknown, doubled or ill-typed member is refused, on encoding what can be wrong is refused too. Unknown
// envelope members (CloudEvents extensions) are ignored.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/uuid.h"
#include "media/reason.h"
#include "media/state.h"

struct buffer;

#define EVENT_SOURCE_SIZE 64      // with NUL
#define EVENT_TRACEPARENT_SIZE 56 // "00-<32 hex>-<16 hex>-<2 hex>" and its NUL
#define EVENT_POOL_SIZE 33        // lower-case letters, digits, '_', as in [pool.NAME]; at most 32 bytes, and NUL
#define EVENT_SUBJECT_SIZE 64
#define EVENT_TYPE_SIZE 64

enum event_kind { EVENT_JOB, EVENT_MEDIA, EVENT_ITEM };

// Interactive jobs (a fresh upload) are always taken before bulk ones (a library made anew).
enum event_lane { LANE_INTERACTIVE, LANE_BULK };
#define EVENT_LANE_COUNT 2

enum event_media_verb {
	MEDIA_VERB_UPLOADED, // bytes verified, jobs queued
	MEDIA_VERB_PREVIEW,  // the first thumbnail and the placeholder can be shown
	MEDIA_VERB_READY,    // every required variant is published
	MEDIA_VERB_UPDATED,  // optional variants, a new generation, or changed metadata
	MEDIA_VERB_FAILED,
	MEDIA_VERB_REJECTED,
	MEDIA_VERB_EXPIRED,
	MEDIA_VERB_DELETED,
};
#define EVENT_MEDIA_VERB_COUNT 8

enum event_item_verb { ITEM_VERB_CREATED, ITEM_VERB_UPDATED, ITEM_VERB_DELETED, ITEM_VERB_SHARED };
#define EVENT_ITEM_VERB_COUNT 4

struct event_job {
	struct uuid job_id;
	struct uuid media_id;
	uint32_t generation; // >= 1
	char pool[EVENT_POOL_SIZE];
	enum event_lane lane;
};

struct event_media {
	enum event_media_verb verb;
	struct uuid media_id;
	struct uuid owner_id;
	enum media_state state;   // must fit the verb: ready with MEDIA_READY, and so on
	uint32_t generation;      // of the published variants; 0 before the first
	enum media_reason reason; // REASON_NONE unless the state is failed or rejected
	bool has_item;
	struct uuid item_id; // when has_item
};

struct event_item {
	enum event_item_verb verb;
	struct uuid item_id;
	struct uuid owner_id;
	int64_t version; // >= 1
};

struct event {
	struct uuid id;                           // the event's own; consumers drop repeats by it
	int64_t time_us;                          // since the epoch; carried with milliseconds
	char source[EVENT_SOURCE_SIZE];           // "/safelight/ingest"
	char traceparent[EVENT_TRACEPARENT_SIZE]; // "" when there is none
	enum event_kind kind;
	union {
		struct event_job job;
		struct event_media media;
		struct event_item item;
	};
};

// Append the event as JSON. RC_INVALID when a part is not valid, RC_NO_MEMORY when the buffer is full. Any thread.
enum rc event_encode(const struct event *event, struct buffer *out, struct err *err) MUST_CHECK;

// Read length bytes. RC_INVALID with what is wrong: not JSON, over LIMIT_EVENT_BYTES, unknown type or version, a member
// missing or of another shape. Allocates while it runs, keeps nothing. Any thread.
enum rc event_decode(const char *data, size_t length, struct event *ret_event, struct err *err) MUST_CHECK;

// The NATS subject to publish it on / its CloudEvents type.
void event_format_subject(const struct event *event, char ret_subject[EVENT_SUBJECT_SIZE]);
void event_format_type(const struct event *event, char ret_type[EVENT_TYPE_SIZE]);

// Names in subjects and types ("interactive", "ready", "created"). Never NULL.
const char *event_lane_name(enum event_lane lane);
const char *event_media_verb_name(enum event_media_verb verb);
const char *event_item_verb_name(enum event_item_verb verb);
bool event_lane_parse(const char *name, enum event_lane *ret_lane);

// True for a pool name that may stand in a subject.
bool event_pool_is_valid(const char *pool);

// True for a W3C traceparent of version 00 with non-zero ids.
bool event_traceparent_is_valid(const char *traceparent);
