// A request's head, copied out of libmicrohttpd into the request and checked strictly; for lib/http alone.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct MHD_Connection;
struct http_request;

// Copy method, path, headers and query; find the request id, the trace and the client. False when the head is refused:
// then a 400, 414 or 431 has been answered and the connection must be closed after it. peer is the other side's
// address; its word on who the client is counts when peer_is_trusted. Event thread.
bool head_read(struct http_request *request, struct MHD_Connection *mhd, const char *target, const char *method,
               const char *version, const char *peer, bool peer_is_trusted);

// libmicrohttpd's hook for percent-decoding: leaves the text alone, since we decode strictly ourselves.
size_t head_leave_escaped(void *context, struct MHD_Connection *mhd, char *text);
