// libmicrohttpd's request callbacks: from a request's head to its queued answer; for lib/http alone.
#pragma once

#include <microhttpd.h>
#include <stddef.h>

// MHD_AccessHandlerCallback; context is the server.
enum MHD_Result access_handle(void *context, struct MHD_Connection *mhd, const char *target, const char *method,
                              const char *version, const char *upload, size_t *upload_size, void **request_context);

// MHD_RequestCompletedCallback; context is the server.
void access_completed(void *context, struct MHD_Connection *mhd, void **request_context,
                      enum MHD_RequestTerminationCode code);
