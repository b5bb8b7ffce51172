// Names, subjects and validity of events.
#include "media/event.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "media/event_priv.h"
#include "media/object_key.h"

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))

static const char *const lane_names[] = { [LANE_INTERACTIVE] = "interactive", [LANE_BULK] = "bulk" };
static_assert(LENGTH_OF(lane_names) == EVENT_LANE_COUNT, "each lane has its name");

static const char *const item_verb_names[] = {
	[ITEM_VERB_CREATED] = "created",
	[ITEM_VERB_UPDATED] = "updated",
	[ITEM_VERB_DELETED] = "deleted",
	[ITEM_VERB_SHARED] = "shared",
};
static_assert(LENGTH_OF(item_verb_names) == EVENT_ITEM_VERB_COUNT, "each verb has its name");

#define IN(state) (1u << MEDIA_##state)

// A verb's name and the states that may stand in its events.
static const struct {
	const char *name;
	unsigned states;
} media_verbs[] = {
	[MEDIA_VERB_UPLOADED] = { "uploaded", IN(UPLOADED) },
	// A new generation of a ready media has its preview too.
	[MEDIA_VERB_PREVIEW] = { "preview", IN(PROCESSING) | IN(READY) },
	[MEDIA_VERB_READY] = { "ready", IN(READY) },
	[MEDIA_VERB_UPDATED] = { "updated", ~IN(DELETED) },
	[MEDIA_VERB_FAILED] = { "failed", IN(FAILED) },
	[MEDIA_VERB_REJECTED] = { "rejected", IN(REJECTED) },
	[MEDIA_VERB_EXPIRED] = { "expired", IN(EXPIRED) },
	[MEDIA_VERB_DELETED] = { "deleted", IN(DELETED) },
};
static_assert(LENGTH_OF(media_verbs) == EVENT_MEDIA_VERB_COUNT, "each verb has its row");

const char *event_lane_name(enum event_lane lane)
{
	assert((unsigned)lane < EVENT_LANE_COUNT);
	return lane_names[lane];
}

bool event_lane_parse(const char *name, enum event_lane *ret_lane)
{
	for (unsigned i = 0; i < EVENT_LANE_COUNT; i++) {
		if (strcmp(name, lane_names[i]) != 0)
			continue;
		*ret_lane = (enum event_lane)i;
		return true;
	}
	return false;
}

const char *event_media_verb_name(enum event_media_verb verb)
{
	assert((unsigned)verb < EVENT_MEDIA_VERB_COUNT);
	return media_verbs[verb].name;
}

const char *event_item_verb_name(enum event_item_verb verb)
{
	assert((unsigned)verb < EVENT_ITEM_VERB_COUNT);
	return item_verb_names[verb];
}

bool event_pool_is_valid(const char *pool)
{
	size_t length = strnlen(pool, EVENT_POOL_SIZE);
	return length >= 1 && length < EVENT_POOL_SIZE &&
	       strspn(pool, "abcdefghijklmnopqrstuvwxyz0123456789_") == length;
}

bool event_traceparent_is_valid(const char *traceparent)
{
	static const char digits[] = "0123456789abcdef";
	if (strnlen(traceparent, EVENT_TRACEPARENT_SIZE) != EVENT_TRACEPARENT_SIZE - 1 ||
	    memcmp(traceparent, "00-", 3) != 0)
		return false;
	const char *trace = traceparent + 3, *span = trace + 33, *flags = span + 17;
	return strspn(trace, digits) == 32 && trace[32] == '-' && strspn(span, digits) == 16 && span[16] == '-' &&
	       strspn(flags, digits) == 2 && strspn(trace, "0") < 32 && strspn(span, "0") < 16;
}

void event_format_subject(const struct event *event, char ret_subject[EVENT_SUBJECT_SIZE])
{
	switch (event->kind) {
	case EVENT_JOB:
		(void)snprintf(ret_subject, EVENT_SUBJECT_SIZE, "jobs.%s.%s", event->job.pool,
		               event_lane_name(event->job.lane));
		return;
	case EVENT_MEDIA:
		(void)snprintf(ret_subject, EVENT_SUBJECT_SIZE, "events.media.%s",
		               event_media_verb_name(event->media.verb));
		return;
	case EVENT_ITEM:
		(void)snprintf(ret_subject, EVENT_SUBJECT_SIZE, "events.item.%s",
		               event_item_verb_name(event->item.verb));
		return;
	}
	assert(false);
}

void event_format_type(const struct event *event, char ret_type[EVENT_TYPE_SIZE])
{
	switch (event->kind) {
	case EVENT_JOB:
		(void)snprintf(ret_type, EVENT_TYPE_SIZE, "safelight.job.v1");
		return;
	case EVENT_MEDIA:
		(void)snprintf(ret_type, EVENT_TYPE_SIZE, "safelight.media.%s.v1",
		               event_media_verb_name(event->media.verb));
		return;
	case EVENT_ITEM:
		(void)snprintf(ret_type, EVENT_TYPE_SIZE, "safelight.item.%s.v1",
		               event_item_verb_name(event->item.verb));
		return;
	}
	assert(false);
}

const struct uuid *event_subject_id(const struct event *event)
{
	switch (event->kind) {
	case EVENT_JOB:
		return &event->job.media_id;
	case EVENT_MEDIA:
		return &event->media.media_id;
	case EVENT_ITEM:
		return &event->item.item_id;
	}
	assert(false);
	return NULL;
}

static enum rc check_job(const struct event_job *job, struct err *err)
{
	if (!event_pool_is_valid(job->pool))
		return err_set(err, RC_INVALID, "event: pool is not a valid name");
	if ((unsigned)job->lane >= EVENT_LANE_COUNT)
		return err_set(err, RC_INVALID, "event: unknown lane");
	if (job->generation < 1 || job->generation > GENERATION_MAX)
		return err_set(err, RC_INVALID, "event: generation is not 1 to %u", GENERATION_MAX);
	return RC_OK;
}

static enum rc check_media(const struct event_media *media, struct err *err)
{
	if ((unsigned)media->verb >= EVENT_MEDIA_VERB_COUNT || (unsigned)media->state >= MEDIA_STATE_COUNT ||
	    (unsigned)media->reason >= MEDIA_REASON_COUNT)
		return err_set(err, RC_INVALID, "event: unknown verb, state or reason");
	if ((media_verbs[media->verb].states >> media->state & 1u) == 0)
		return err_set(err, RC_INVALID, "event: media.%s with state %s", media_verbs[media->verb].name,
		               media_state_name(media->state));
	bool has_reason = media->reason != REASON_NONE;
	if (has_reason != media_state_has_reason(media->state) ||
	    (has_reason && media_reason_state(media->reason) != media->state))
		return err_set(err, RC_INVALID, "event: reason %s with state %s", media_reason_name(media->reason),
		               media_state_name(media->state));
	if (media->generation > GENERATION_MAX)
		return err_set(err, RC_INVALID, "event: generation is over %u", GENERATION_MAX);
	return RC_OK;
}

static enum rc check_item(const struct event_item *item, struct err *err)
{
	if ((unsigned)item->verb >= EVENT_ITEM_VERB_COUNT)
		return err_set(err, RC_INVALID, "event: unknown verb");
	if (item->version < 1)
		return err_set(err, RC_INVALID, "event: version is below 1");
	return RC_OK;
}

static bool source_is_valid(const char *source)
{
	size_t length = strnlen(source, EVENT_SOURCE_SIZE);
	if (length < 1 || length >= EVENT_SOURCE_SIZE)
		return false;
	for (size_t i = 0; i < length; i++)
		if (source[i] <= 0x20 || source[i] >= 0x7f || source[i] == '"' || source[i] == '\\')
			return false;
	return true;
}

enum rc event_check(const struct event *event, struct err *err)
{
	if (!source_is_valid(event->source))
		return err_set(err, RC_INVALID, "event: source is not a URI reference of 1 to %d bytes",
		               EVENT_SOURCE_SIZE - 1);
	if (event->traceparent[0] != '\0' && !event_traceparent_is_valid(event->traceparent))
		return err_set(err, RC_INVALID, "event: traceparent is not valid");
	switch (event->kind) {
	case EVENT_JOB:
		return check_job(&event->job, err);
	case EVENT_MEDIA:
		return check_media(&event->media, err);
	case EVENT_ITEM:
		return check_item(&event->item, err);
	}
	return err_set(err, RC_INVALID, "event: unknown kind");
}
