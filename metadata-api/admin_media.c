// GET /v1/admin/media/{id}: anybody's media with its rows, variants (signed URLs and all) and the trace of its life.
// Looking at what is not one's own is written into the audit log.
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/settings.h"
#include "http/request.h"
#include "media/delivery.h"
#include "metadata-api/admin.h"
#include "metadata-api/api.h"
#include "metadata-api/media_offers.h"
#include "metadata-api/routes.h"

#define URL_SECONDS 300
#define URL_BYTES 1024

// The delivery URL of a variant that can be fetched; NULL for others.
static json_t *make_url(const struct api *api, const struct uuid *media_id, const json_t *variant)
{
	const char *state = json_string_value(json_object_get(variant, "state"));
	const char *name = json_string_value(json_object_get(variant, "name"));
	const char *format = json_string_value(json_object_get(variant, "format"));
	struct delivery_grant grant = {
		.media_id = *media_id,
		.generation = (uint32_t)json_integer_value(json_object_get(variant, "generation")),
		.expiry = delivery_expiry(clock_now_us() / 1000000, URL_SECONDS, media_id),
	};
	if (state == NULL || name == NULL || format == NULL || strcmp(state, "ready") != 0 ||
	    strlen(name) >= sizeof grant.variant)
		return NULL;
	memcpy(grant.variant, name, strlen(name) + 1);
	grant.format = media_format_by_name(format, strlen(format));
	if (grant.format == FORMAT_NONE)
		return NULL;
	struct buffer url;
	buffer_init(&url, URL_BYTES);
	media_offers_append_url(&url, api, &grant);
	json_t *text = json_string(buffer_text(&url));
	buffer_done(&url);
	return text;
}

static void add_urls(const struct api *api, const struct uuid *id, json_t *media)
{
	size_t index = 0;
	json_t *variant = NULL;
	json_array_foreach(json_object_get(media, "variants"), index, variant)
	{
		json_t *url = make_url(api, id, variant);
		(void)json_object_set_new(variant, "url", url == NULL ? json_null() : url);
	}
}

static void handle(struct http_request *request)
{
	struct uuid id;
	struct err err = { 0 };
	json_t *media = NULL, *trace = NULL;
	if (!http_request_parameter_uuid(request, "id", &id))
		return;
	const struct api *api = api_of(request);
	const struct catalog_call call = admin_call(request);
	const struct operator_actor actor = admin_actor(request);
	const struct db_value values[] = { db_uuid(&id) };
	enum rc rc = admin_read(request, &catalog_inspect_statement, values, &media, &err);
	if (rc == RC_OK)
		rc = admin_read(request, &catalog_trace_statement, values, &trace, &err);
	if (rc == RC_OK)
		rc = catalog_operator_audit(&api->catalog, &call, "media.inspected", "media", &id, NULL, &actor, &err);
	if (rc == RC_OK) {
		add_urls(api, &id, media);
		(void)json_object_set(media, "trace", trace);
	}
	json_decref(trace);
	admin_respond(request, rc, media, &err);
}

const struct route route_admin_media = {
	.method = "GET",
	.path = "/v1/admin/media/{id}",
	.auth = ROUTE_ADMIN,
	.run = ROUTE_WORKER,
	.handle = handle,
	.summary = "Anybody's media: rows, variants, the trace of its life.",
};
