// PATCH /v1/media/{id}: alt text, item, position, visibility, focal point.
#include "base/limits.h"
#include "catalog/media.h"
#include "db/pipeline.h"
#include "http/body.h"
#include "http/request.h"
#include "http/respond.h"
#include "metadata-api/api.h"
#include "metadata-api/media_view.h"
#include "metadata-api/reply.h"
#include "metadata-api/routes.h"

// Parameters: owner, media, version (0: any), alt, position, visibility, has_item, item,
// has_focal, x, y. The row comes back as: version
// before the change matched, item is the owner's.
static const struct db_statement MEDIA_CHANGE = {
	.name = "media_change",
	.sql = "WITH present AS (SELECT id, version FROM media WHERE owner_id = $1 AND id = $2 AND deleted_at IS NULL "
	       "  FOR UPDATE), "
	       "target AS (SELECT NOT $7::boolean OR $8::uuid IS NULL OR EXISTS (SELECT FROM items WHERE id = $8 "
	       "  AND owner_id = $1 AND deleted_at IS NULL) AS valid), "
	       "changed AS (UPDATE media m SET alt = coalesce($4, alt), position = coalesce($5::integer, position), "
	       "  visibility = coalesce($6, visibility), item_id = CASE WHEN $7 THEN $8 ELSE item_id END, "
	       "  focal_x = CASE WHEN $9 THEN $10::double precision ELSE focal_x END, "
	       "  focal_y = CASE WHEN $9 THEN $11::double precision ELSE focal_y END, "
	       "  version = m.version + 1, updated_at = now() FROM present p, target t "
	       "  WHERE m.id = p.id AND t.valid AND ($3::bigint = 0 OR p.version = $3) RETURNING m.id) "
	       "SELECT EXISTS (SELECT FROM changed), t.valid, p.version FROM present p, target t",
	.parameter_count = 11,
};

static void answer(struct http_request *request, const struct db_result *result, const struct uuid *id)
{
	if (db_result_rows(result) == 0) {
		http_respond_problem(request, 404, "not-found", "There is no such media.");
	} else if (!db_result_bool(result, 0, 1)) {
		http_respond_problem(request, 409, "no-such-item", "item_id is not an item of yours.");
	} else if (!db_result_bool(result, 0, 0)) {
		http_respond_problem(request, 412, "version-mismatch",
		                     "The media has changed meanwhile: it has version %lld. Read it again.",
		                     (long long)db_result_int64(result, 0, 2));
	} else {
		media_view_answer(request, id);
	}
}

static void handle(struct http_request *request)
{
	static const char *const VISIBILITIES[] = { "private", "shared", "public", NULL };
	struct uuid id, item_id;
	int64_t version;
	struct err err = { 0 };
	struct body *body;
	if (!http_request_parameter_uuid(request, "id", &id) || !reply_read_if_match(request, &version) ||
	    (body = body_open(request)) == NULL)
		return;
	const char *alt = body_text(body, "alt", BODY_OPTIONAL, 0, LIMIT_ALT_BYTES);
	int64_t position = body_int(body, "position", BODY_OPTIONAL, 0, INT32_MAX, -1);
	int visibility = body_choice(body, "visibility", BODY_OPTIONAL, VISIBILITIES, -1);
	bool has_item = body_has(body, "item_id");
	bool is_item = body_uuid(body, "item_id", BODY_NULLABLE, &item_id);
	bool has_focal = body_has(body, "focal_point");
	struct body *focal = body_object(body, "focal_point", BODY_NULLABLE);
	double focal_x = focal == NULL ? 0 : body_float(focal, "x", BODY_REQUIRED, 0, 1, 0);
	double focal_y = focal == NULL ? 0 : body_float(focal, "y", BODY_REQUIRED, 0, 1, 0);
	if (!body_finish(body))
		return;
	const struct db_value values[] = {
		db_uuid(&http_request_principal(request)->user_id),
		db_uuid(&id),
		db_int64(version),
		db_text(alt),
		position < 0 ? db_null() : db_int64(position),
		db_text(visibility < 0 ? NULL : VISIBILITIES[visibility]),
		db_bool(has_item),
		db_uuid(is_item ? &item_id : NULL),
		db_bool(has_focal),
		focal == NULL ? db_null() : db_double(focal_x),
		focal == NULL ? db_null() : db_double(focal_y),
	};
	struct db_result *result = NULL;
	if (db_pipeline_query(api_of(request)->pipeline, &MEDIA_CHANGE, values, MEDIA_CHANGE.parameter_count,
	                      http_request_deadline(request), &result, &err) == RC_OK)
		answer(request, result, &id);
	else
		http_respond_rc(request, &err);
	db_result_free(result);
}

const struct route route_media_change = {
	.method = "PATCH",
	.path = "/v1/media/{id}",
	.auth = ROUTE_USER,
	.run = ROUTE_WORKER,
	.body_limit = 16 * 1024,
	.handle = handle,
	.summary = "Change what is said about a media.",
};
