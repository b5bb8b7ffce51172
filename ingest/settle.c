// HEAD, first bytes, verdict, transaction.
#include "ingest/settle.h"

#include <string.h>

#include "base/buffer.h"
#include "base/crypto.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/settings.h"
#include "ingest/hash_object.h"
#include "ingest/ingest.h"
#include "ingest/multipart.h"
#include "ingest/sniff.h"
#include "ingest/tus_join.h"
#include "ingest/verdict.h"
#include "media/preset_set.h"
#include "store/store.h"

// A HEAD and 4 kB take milliseconds: a store that needs longer is not well, and whoever asked shall learn so.
#define LOOK_MS 5000

// What lies in the store.
struct evidence {
	int64_t size;
	char etag[STORE_ETAG_SIZE];
	char type[SNIFF_TYPE_SIZE];
	bool is_hashed; // small enough to have been read whole
	uint8_t sha256[SHA256_SIZE];
};

static struct store_target target_of(struct ingest *ingest, const struct catalog_call *call,
                                     const struct upload_row *upload)
{
	int64_t milliseconds = ingest_store_ms(ingest, call->deadline);
	return (struct store_target){ .bucket = ingest->settings->store_originals_bucket,
		                      .key = upload->object_key,
		                      .timeout_ms = milliseconds < LOOK_MS ? milliseconds : LOOK_MS };
}

static enum rc look_at_bytes(struct ingest *ingest, const struct catalog_call *call, const struct upload_row *upload,
                             struct evidence *evidence, struct err *err)
{
	const struct store_get_options options = { .if_match = evidence->etag, .length = LIMIT_SNIFF_BYTES };
	const struct store_target target = target_of(ingest, call, upload);
	struct buffer bytes;
	buffer_init(&bytes, LIMIT_SNIFF_BYTES);
	enum rc rc = store_get(ingest->store, &target, &options, &bytes, NULL, err);
	if (rc == RC_OK)
		rc = sniff_content_type(buffer_text(&bytes), bytes.length, evidence->type, err);
	if (rc == RC_OK && (int64_t)bytes.length == evidence->size) {
		evidence->is_hashed = true;
		sha256_of(buffer_text(&bytes), bytes.length, evidence->sha256);
	}
	buffer_done(&bytes);
	return rc;
}

// RC_NOT_FOUND: the bytes have not come.
static enum rc look_into_store(struct ingest *ingest, const struct catalog_call *call, const struct upload_row *upload,
                               struct evidence *ret_evidence, struct err *err)
{
	struct evidence evidence = { 0 };
	struct store_object object = { 0 };
	const struct store_target target = target_of(ingest, call, upload);
	enum rc rc = store_head(ingest->store, &target, &object, err);
	if (rc != RC_OK)
		return rc;
	evidence.size = (int64_t)object.size;
	memcpy(evidence.etag, object.etag, sizeof evidence.etag);
	store_object_done(&object);
	// A wrong size is decided without reading.
	if (evidence.size > 0 && evidence.size == upload->size)
		rc = look_at_bytes(ingest, call, upload, &evidence, err);
	if (rc == RC_NOT_FOUND || rc == RC_CONFLICT)
		return err_set(err, RC_UNAVAILABLE, "the object changed while it was looked at");
	if (rc == RC_OK)
		*ret_evidence = evidence;
	return rc;
}

// The parts may all be there, and nobody has said so; or somebody is assembling them right now.
static enum rc assemble_and_look(struct ingest *ingest, const struct catalog_call *call,
                                 const struct upload_row *upload, struct evidence *ret_evidence, struct err *err)
{
	struct multipart_assembled assembled;
	enum rc rc = multipart_assemble(ingest, call, upload, NULL, 0, &assembled, err);
	if (rc != RC_OK)
		return rc;
	if (assembled.outcome == MULTIPART_ASSEMBLED || assembled.outcome == MULTIPART_GONE)
		return look_into_store(ingest, call, upload, ret_evidence, err);
	return err_set(err, RC_NOT_FOUND, "parts are missing");
}

// Of an upload by tus only the parts that were committed count, and only when they are all of it.
static enum rc join_and_look(struct ingest *ingest, const struct catalog_call *call, const struct upload_row *upload,
                             struct evidence *ret_evidence, struct err *err)
{
	enum rc rc = tus_join(ingest, call, upload, err);
	return rc == RC_OK ? look_into_store(ingest, call, upload, ret_evidence, err) : rc;
}

static size_t choose_pools(const struct ingest *ingest, enum media_kind kind,
                           struct preset_pool ret_pools[PRESET_POOLS_MAX])
{
	size_t count = 0;
	(void)preset_set_pools(ingest->presets, ingest->settings, PRESET_NAME_DEFAULT, kind, ret_pools, &count);
	return count;
}

// A declared hash is verified before the media is ready: by the transcoder, which reads it anyway, or, of what has no
// jobs, here.
static enum rc hash_if_nobody_will(struct ingest *ingest, const struct catalog_call *call,
                                   const struct upload_row *upload, const struct verdict *verdict,
                                   struct evidence *evidence, struct err *err)
{
	struct preset_pool pools[PRESET_POOLS_MAX];
	if (upload->sha256 == NULL || evidence->is_hashed || verdict->reason != REASON_NONE ||
	    choose_pools(ingest, verdict->kind, pools) > 0)
		return RC_OK;
	enum rc rc = hash_object(ingest, upload->object_key, evidence->etag, evidence->size, call->deadline,
	                         evidence->sha256, err);
	if (rc == RC_NOT_FOUND || rc == RC_CONFLICT)
		return err_set(err, RC_UNAVAILABLE, "the object changed while it was hashed");
	evidence->is_hashed = rc == RC_OK;
	return rc;
}

static enum rc accept_upload(struct ingest *ingest, const struct catalog_call *call, const struct upload_row *upload,
                             const struct evidence *evidence, const struct verdict *verdict,
                             struct upload_ended *ret_ended, struct err *err)
{
	struct preset_pool pools[PRESET_POOLS_MAX];
	size_t pool_count = choose_pools(ingest, verdict->kind, pools);
	const struct upload_completion completion = {
		.upload_id = upload->id,
		.content_type = verdict->content_type,
		.kind = verdict->kind,
		.etag = evidence->etag,
		.sha256 = evidence->is_hashed ? evidence->sha256 : NULL,
		.pools = pools,
		.pool_count = pool_count,
		.lane = LANE_INTERACTIVE,
	};
	return catalog_upload_complete(&ingest->catalog, call, &completion, ret_ended, err);
}

static enum rc decide(struct ingest *ingest, const struct catalog_call *call, const struct upload_row *upload,
                      struct evidence *evidence, struct upload_ended *ret_ended, struct err *err)
{
	const struct verdict_facts facts = { .declared_type = upload->content_type,
		                             .sniffed_type = evidence->type,
		                             .declared_size = upload->size,
		                             .size = evidence->size,
		                             .max_image_bytes = ingest->live.max_image_bytes };
	struct verdict verdict = verdict_of(&facts);
	enum rc rc = hash_if_nobody_will(ingest, call, upload, &verdict, evidence, err);
	if (rc != RC_OK)
		return rc;
	bool is_wrong = evidence->is_hashed && upload->sha256 != NULL &&
	                memcmp(evidence->sha256, upload->sha256, SHA256_SIZE) != 0;
	if (verdict.reason == REASON_NONE && is_wrong)
		verdict.reason = REASON_CHECKSUM;
	if (verdict.reason == REASON_NONE)
		return accept_upload(ingest, call, upload, evidence, &verdict, ret_ended, err);
	return catalog_upload_reject(&ingest->catalog, call, &upload->id, verdict.reason, NULL, ret_ended, err);
}

// Somebody else ended it another way meanwhile: how?
static enum rc read_end(struct ingest *ingest, const struct catalog_call *call, const struct upload_row *upload,
                        struct upload_ended *ret_ended, struct err *err)
{
	struct upload_row now;
	struct db_result *result = NULL;
	enum rc rc = catalog_upload_find(&ingest->catalog, call, NULL, &upload->id, &now, &result, err);
	if (rc != RC_OK)
		return rc;
	*ret_ended = (struct upload_ended){ .state = now.media_state };
	db_result_free(result);
	return RC_OK;
}

static const char *const BY_NAMES[] = {
	[SETTLE_BY_CLIENT] = "client", [SETTLE_BY_EVENT] = "event", [SETTLE_BY_SWEEP] = "sweep"
};

static void count_end(struct ingest *ingest, const struct upload_row *upload, const struct upload_ended *ended,
                      enum settle_by by)
{
	struct metric *const by_whom[] = { [SETTLE_BY_CLIENT] = ingest->counters.by_client,
		                           [SETTLE_BY_EVENT] = ingest->counters.by_event,
		                           [SETTLE_BY_SWEEP] = ingest->counters.by_sweep };
	char id[UUID_TEXT_SIZE];
	bool is_rejected = ended->state == MEDIA_REJECTED;
	metric_add(is_rejected ? ingest->counters.rejected : ingest->counters.completed, 1);
	metric_add(by_whom[by], 1);
	uuid_format(&upload->media_id, id);
	LOG_EVENT(LOG_INFO, is_rejected ? "upload_rejected" : "upload_completed", LOG_TEXT("media_id", id),
	          LOG_TEXT("by", BY_NAMES[by]), LOG_INT("bytes", upload->size));
}

enum rc settle_upload(struct ingest *ingest, const struct catalog_call *call, const struct upload_row *upload,
                      enum settle_by by, struct settled *ret_settled, struct err *err)
{
	struct evidence evidence;
	struct upload_ended ended = { 0 };
	if (upload->media_state != MEDIA_AWAITING_UPLOAD) {
		*ret_settled = (struct settled){ .outcome = SETTLE_ENDED, .media_state = upload->media_state };
		return RC_OK;
	}
	enum rc rc = look_into_store(ingest, call, upload, &evidence, err);
	if (rc == RC_NOT_FOUND && upload->method == UPLOAD_TUS)
		rc = join_and_look(ingest, call, upload, &evidence, err);
	else if (rc == RC_NOT_FOUND && upload->multipart_id != NULL)
		rc = assemble_and_look(ingest, call, upload, &evidence, err);
	if (rc == RC_NOT_FOUND) {
		*ret_settled = (struct settled){ .outcome = SETTLE_ABSENT };
		return RC_OK;
	}
	if (rc != RC_OK)
		return err_prefix(err, rc, "store");
	rc = decide(ingest, call, upload, &evidence, &ended, err);
	if (rc == RC_CONFLICT)
		rc = read_end(ingest, call, upload, &ended, err);
	if (rc != RC_OK)
		return rc;
	if (ended.changed)
		count_end(ingest, upload, &ended, by);
	*ret_settled =
	        (struct settled){ .outcome = SETTLE_ENDED, .media_state = ended.state, .changed = ended.changed };
	return RC_OK;
}
