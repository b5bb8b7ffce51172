// Reads from a replica, without ever showing a client less than it has written itself.
//
// Every 2xx answer to a write carries Safelight-Position: where the primary's log stood after the commit. A client
// sends the last one it got along with its reads; they go to the replica when it has replayed that far, else to the
// primary. A read without a position goes to the primary. (Logging in is a write, so every session has one.)
#pragma once

#include <stdbool.h>

#include "base/error.h"

struct api;
struct db_options;
struct db_pipeline;
struct http_request;
struct replica;

// NULL and RC_OK when [database] replica_host is empty. options: the primary's, whose role is used. Contacts nobody.
enum rc replica_new(struct api *api, const struct db_options *options, struct replica **ret_replica,
                    struct err *err) MUST_CHECK;
void replica_free(struct replica *replica);

// The pipeline for a statement that only reads, on behalf of this request. Any thread.
struct db_pipeline *replica_choose(struct api *api, const struct http_request *request);

// For http_server_config.hold: find out the position for an answer that is about to leave.
bool replica_hold(void *context, struct http_request *request);
