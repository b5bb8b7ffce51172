// GET /v1/media/{id}/original: the signed URL with which the owner downloads what was uploaded.
#include "base/buffer.h"
#include "base/json_write.h"
#include "base/limits.h"
#include "base/settings.h"
#include "catalog/media.h"
#include "http/request.h"
#include "http/respond.h"
#include "metadata-api/api.h"
#include "metadata-api/media_offers.h"
#include "metadata-api/media_view.h"
#include "metadata-api/routes.h"

static void answer(struct media_view *view)
{
	struct media_row media;
	if (db_result_rows(view->media) == 0) {
		http_respond_problem(view->request, 404, "not-found", "There is no such media.");
		return;
	}
	catalog_media_read(view->media, 0, &media);
	if (!media_offers_has_original(&media)) {
		http_respond_problem(view->request, 409, "no-original",
		                     "There is no original to download: the media is %s.",
		                     media_state_name(media.state));
		return;
	}
	int64_t expiry =
	        delivery_expiry(clock_now_us() / 1000000, view->api->settings->cdn_original_seconds, &media.id);
	struct buffer out;
	struct json_write json;
	buffer_init(&out, LIMIT_RESPONSE_BYTES);
	json_write_init(&json, &out);
	json_write_object_begin(&json, NULL);
	media_offers_write_original(&json, view->api, &media, media.filename, expiry);
	json_write_object_end(&json);
	http_respond_json(view->request, 200, &out);
}

static void handle(struct http_request *request)
{
	struct uuid id;
	struct db_value values[2];
	if (!http_request_parameter_uuid(request, "id", &id))
		return;
	catalog_media_find_values(&http_request_principal(request)->user_id, &id, values);
	media_view_load(request, &catalog_media_find_statement, values, answer, NULL);
}

const struct route route_media_original = {
	.method = "GET",
	.path = "/v1/media/{id}/original",
	.auth = ROUTE_USER,
	.run = ROUTE_EVENT,
	.handle = handle,
	.summary = "The signed URL of what was uploaded.",
};
