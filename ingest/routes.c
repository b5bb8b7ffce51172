// The table itself.
#include "ingest/routes.h"

const struct route *const INGEST_ROUTES[] = {
	&route_upload_begin,    &route_upload_batch,    &route_upload_parts,    &route_upload_get,
	&route_upload_complete, &route_upload_abort,    &route_hook_s3,         &route_tus_create,
	&route_tus_options,     &route_tus_head,        &route_tus_patch,       &route_tus_terminate,
	&route_tus_override,    &route_tus_options_one, &route_uppy_params,     &route_uppy_create,
	&route_uppy_list,       &route_uppy_sign_part,  &route_uppy_sign_batch, &route_uppy_complete,
	&route_uppy_cancel,     &route_uppy_sign,
};
const size_t INGEST_ROUTE_COUNT = sizeof INGEST_ROUTES / sizeof INGEST_ROUTES[0];
