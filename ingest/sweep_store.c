// What the store can do, tried out once it answers; and whether its clock agrees with ours, since it refuses signatures
// that are fifteen minutes off.
#include "base/log.h"
#include "base/metrics.h"
#include "base/settings.h"
#include "ingest/ingest.h"
#include "ingest/sweep.h"
#include "store/store_admin.h"

#define SKEW_ALARM_MS 60000

static enum rc probe(struct sweep *sweep, struct err *err)
{
	struct ingest *ingest = sweep->ingest;
	struct store_capabilities can;
	enum rc rc = store_probe(ingest->store, ingest->store, ingest->settings->store_originals_bucket, &can, err);
	if (rc != RC_OK)
		return rc;
	sweep->is_probed = true;
	ingest->put_if_absent = can.put_if_absent;
	LOG_EVENT(can.put_if_absent ? LOG_INFO : LOG_WARNING, "store_probed",
	          LOG_BOOL("put_if_absent", can.put_if_absent), LOG_BOOL("content_md5", can.content_md5),
	          LOG_BOOL("get_if_match", can.get_if_match), LOG_BOOL("copy_if_match", can.copy_if_match),
	          LOG_BOOL("multipart", can.multipart));
	return RC_OK;
}

enum rc sweep_store(struct sweep *sweep, struct err *err)
{
	enum rc rc = sweep->is_probed ? RC_OK : probe(sweep, err);
	if (rc != RC_OK)
		return rc;
	int64_t skew_ms = store_clock_skew_ms(sweep->ingest->store);
	metric_set(sweep->clock_skew, skew_ms / 1000);
	if (skew_ms >= SKEW_ALARM_MS || skew_ms <= -SKEW_ALARM_MS)
		return err_set(err, RC_INVALID, "the store's clock is %lld ms off ours; set one of them right",
		               (long long)skew_ms);
	return RC_OK;
}
