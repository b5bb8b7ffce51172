// Jobs whose message was lost, or whose worker died.
#include "catalog/sweep.h"

#include "ingest/ingest.h"
#include "ingest/sweep.h"

#define BATCH 256
#define ROUNDS_MAX 20

enum rc sweep_jobs(struct sweep *sweep, struct err *err)
{
	struct sweep_rung rung = { .rung = BATCH };
	for (unsigned round = 0; round < ROUNDS_MAX && rung.rung == BATCH && !sweep->is_stopping; round++) {
		const struct catalog_call call = sweep_call();
		enum rc rc = catalog_sweep_jobs(&sweep->ingest->catalog, &call, sweep->ingest->live.overdue_ms, BATCH,
		                                &rung, err);
		if (rc != RC_OK)
			return rc;
		sweep_add(sweep, SWEEP_jobs_rung, (int64_t)rung.rung);
		sweep_add(sweep, SWEEP_jobs_failed, (int64_t)rung.failed);
	}
	return RC_OK;
}
