// Reading and writing webhooks.
#include "metadata-api/webhook_view.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/json_write.h"
#include "base/limits.h"
#include "base/settings.h"
#include "db/array.h"
#include "db/pipeline.h"
#include "db/result.h"
#include "http/body.h"
#include "http/request.h"
#include "http/respond.h"
#include "http/url.h"
#include "media/event.h"
#include "metadata-api/api.h"
#include "metadata-api/listing.h"

#define URL_BYTES 2000
#define EVENTS_MAX 50
#define EVENT_TYPE_BYTES 40

static void write_time(struct json_write *json, const char *name, const struct db_result *result, size_t row,
                       size_t column)
{
	if (db_result_is_null(result, row, column))
		json_write_null(json, name);
	else
		json_write_time(json, name, db_result_time_us(result, row, column));
}

void webhook_view_write(const struct http_request *request, struct json_write *json, const struct db_result *result,
                        size_t row)
{
	(void)request;
	const char *events = db_result_text(result, row, 4);
	listing_write_uuid(json, "id", result, row, 0);
	json_write_text(json, "url", db_result_text(result, row, 2));
	json_write_text(json, "description", db_result_text(result, row, 3));
	json_write_raw(json, "events", events, strlen(events));
	json_write_bool(json, "enabled", db_result_is_null(result, row, 5));
	write_time(json, "disabled_at", result, row, 5);
	json_write_text(json, "disabled_reason", db_result_text(result, row, 6));
	json_write_int(json, "failures", db_result_int64(result, row, 7));
	write_time(json, "failing_since", result, row, 8);
	write_time(json, "previous_secret_until", result, row, 9);
	json_write_time(json, "created_at", db_result_time_us(result, row, 1));
}

void webhook_fields_done(struct webhook_fields *fields)
{
	buffer_done(&fields->events);
}

static void check_url(struct http_request *request, struct body *body, const char *url)
{
	struct http_url parts;
	if (url == NULL)
		return;
	if (!http_url_parse(url, &parts))
		body_error(body, "url", "must be an https URL without user name, password and fragment");
	else if (!parts.is_https && !api_of(request)->settings->webhook_allow_http)
		body_error(body, "url", "must begin with https://");
	else if (parts.port != 443 && parts.port != 80 && parts.port < 1024)
		body_error(body, "url", "must have the port 443, 80 or one above 1023");
}

// "media.ready" and the like.
static bool is_event_type(const char *text)
{
	if (strncmp(text, "media.", 6) == 0)
		for (int verb = 0; verb < EVENT_MEDIA_VERB_COUNT; verb++)
			if (strcmp(text + 6, event_media_verb_name((enum event_media_verb)verb)) == 0)
				return true;
	if (strncmp(text, "item.", 5) == 0)
		for (int verb = 0; verb < EVENT_ITEM_VERB_COUNT; verb++)
			if (strcmp(text + 5, event_item_verb_name((enum event_item_verb)verb)) == 0)
				return true;
	return false;
}

static void read_events(struct body *body, struct webhook_fields *fields)
{
	const char *types[EVENTS_MAX];
	size_t count = body_array(body, "events", BODY_OPTIONAL, 0, EVENTS_MAX);
	fields->has_events = body_has(body, "events");
	for (size_t i = 0; i < count; i++) {
		types[i] = body_array_text(body, "events", i, 1, EVENT_TYPE_BYTES);
		if (types[i] == NULL || !is_event_type(types[i])) {
			body_error(body, "events", "has a type that there is not; known are media.ready and the like");
			return;
		}
	}
	db_array_of_texts(&fields->events, types, count);
}

bool webhook_view_read(struct http_request *request, bool is_new, struct webhook_fields *ret_fields)
{
	struct body *body = body_open(request);
	if (body == NULL)
		return false;
	struct webhook_fields fields = { .is_enabled = -1 };
	buffer_init(&fields.events, LIMIT_EVENT_BYTES);
	fields.url = body_text(body, "url", is_new ? BODY_REQUIRED : BODY_OPTIONAL, 8, URL_BYTES);
	fields.description = body_text(body, "description", BODY_OPTIONAL, 0, LIMIT_TITLE_BYTES);
	check_url(request, body, fields.url);
	read_events(body, &fields);
	if (!is_new && body_has(body, "enabled"))
		fields.is_enabled = body_bool(body, "enabled", BODY_OPTIONAL, true);
	if (!body_finish(body)) {
		webhook_fields_done(&fields);
		return false;
	}
	*ret_fields = fields;
	return true;
}

bool webhook_view_is_configured(struct http_request *request)
{
	if (api_of(request)->has_webhooks)
		return true;
	http_respond_problem(request, 404, "webhooks-not-configured", "This server has no key for webhooks' secrets.");
	return false;
}

void webhook_view_answer(struct http_request *request, unsigned status, const struct db_statement *statement,
                         const struct db_value *values, const char *secret)
{
	CLEANUP(db_result_free_pointer) struct db_result *result = NULL;
	struct err err = { 0 };
	if (db_pipeline_query(api_of(request)->pipeline, statement, values, statement->parameter_count,
	                      http_request_deadline(request), &result, &err) != RC_OK) {
		http_respond_rc(request, &err);
		return;
	}
	if (db_result_rows(result) == 0) {
		if (status == 201)
			http_respond_problem(request, 409, "too-many-webhooks",
			                     "An account has at most %d webhooks. Remove one of them first.",
			                     WEBHOOKS_PER_ACCOUNT);
		else
			http_respond_problem(request, 404, "not-found", "There is no such webhook.");
		return;
	}
	struct buffer out;
	struct json_write json;
	buffer_init(&out, LIMIT_RESPONSE_BYTES);
	json_write_init(&json, &out);
	json_write_object_begin(&json, NULL);
	webhook_view_write(request, &json, result, 0);
	if (secret != NULL)
		json_write_text(&json, "secret", secret);
	json_write_object_end(&json);
	http_respond_json(request, status, &out);
}
