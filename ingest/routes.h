// The route table of ingest: one file a route.
#pragma once

#include <stddef.h>

#include "http/route.h"

extern const struct route route_upload_begin;
extern const struct route route_upload_batch;
extern const struct route route_upload_parts;
extern const struct route route_upload_get;
extern const struct route route_upload_complete;
extern const struct route route_upload_abort;
extern const struct route route_hook_s3;
extern const struct route route_uppy_params;
extern const struct route route_uppy_create;
extern const struct route route_uppy_list;
extern const struct route route_uppy_sign_part;
extern const struct route route_uppy_sign_batch;
extern const struct route route_uppy_complete;
extern const struct route route_uppy_cancel;
extern const struct route route_uppy_sign;
extern const struct route route_tus_create;
extern const struct route route_tus_options;
extern const struct route route_tus_options_one;
extern const struct route route_tus_head;
extern const struct route route_tus_patch;
extern const struct route route_tus_terminate;
extern const struct route route_tus_override;

// All of them, for http_server_config.
extern const struct route *const INGEST_ROUTES[];
extern const size_t INGEST_ROUTE_COUNT;
