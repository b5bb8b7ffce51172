// A request's body on its way into an upload: POST with bytes, and PATCH.
#pragma once

#include <stdint.h>

struct http_request;
struct tus_session;

// PATCH: checks the head, takes the upload's lease, lets the body come, answers. Event thread.
void tus_patch(struct http_request *request);

// Let the body of a deferred request come into a session that holds the lease, and answer. Takes both; expected as of
// tus_session_load. Any thread that may wait.
void tus_write(struct tus_session *session, struct http_request *request);

// How many bytes the body has; -1 when only its end will tell.
int64_t tus_body_length(const struct http_request *request);
