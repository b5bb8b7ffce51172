// POST /v1/media/{id}/reprocess: make the variants anew, after a change of the focal point or of the preset.
#include "catalog/media_reprocess.h"
#include "base/buffer.h"
#include "base/json_write.h"
#include "http/request.h"
#include "http/respond.h"
#include "media/preset_set.h"
#include "metadata-api/api.h"
#include "metadata-api/routes.h"

#define ANSWER_BYTES 1024

static bool choose_pools(void *context, const char *preset, enum media_kind kind,
                         struct preset_pool ret_pools[PRESET_POOLS_MAX], size_t *ret_count)
{
	const struct api *api = context;
	return preset_set_pools(api->presets, api->settings, preset, kind, ret_pools, ret_count);
}

static void answer(struct http_request *request, const struct uuid *id, const struct media_reprocessed *reprocessed)
{
	char text[UUID_TEXT_SIZE];
	struct buffer out;
	struct json_write json;
	uuid_format(id, text);
	buffer_init(&out, ANSWER_BYTES);
	json_write_init(&json, &out);
	json_write_object_begin(&json, NULL);
	json_write_text(&json, "id", text);
	json_write_int(&json, "generation", reprocessed->generation);
	json_write_object_end(&json);
	http_respond_json(request, 202, &out);
}

static void handle(struct http_request *request)
{
	struct api *api = api_of(request);
	struct uuid id;
	struct err err = { 0 };
	struct media_reprocessed reprocessed;
	if (!http_request_parameter_uuid(request, "id", &id))
		return;
	const struct catalog_call call = { .deadline = http_request_deadline(request),
		                           .traceparent = http_request_traceparent(request) };
	const struct media_reprocess reprocess = { .owner_id = &http_request_principal(request)->user_id,
		                                   .media_id = id,
		                                   .pools = choose_pools,
		                                   .pools_context = api };
	enum rc rc = catalog_media_reprocess(&api->catalog, &call, &reprocess, &reprocessed, &err);
	if (rc == RC_OK)
		answer(request, &id, &reprocessed);
	else if (rc == RC_NOT_FOUND)
		http_respond_problem(request, 404, "not-found", "There is no such media.");
	else if (rc == RC_CONFLICT)
		http_respond_problem(request, 409, "not-reprocessable", "%s.", err.text);
	else
		http_respond_rc(request, &err);
}

const struct route route_media_reprocess = {
	.method = "POST",
	.path = "/v1/media/{id}/reprocess",
	.auth = ROUTE_USER,
	.run = ROUTE_WORKER,
	.handle = handle,
	.summary = "Make a media's variants anew; the present ones are shown until the new ones are ready.",
};
