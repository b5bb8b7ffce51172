// What the ways to begin an upload share: how it is counted, and how a failure is answered.
#pragma once

#include "catalog/upload.h"

struct http_request;
struct ingest;

void upload_begun_count(struct ingest *ingest, const struct upload_begun *begun);

// Answer why catalog_upload_begin (or …_many) failed: 401, 422, 507, else as upload_view_fail. where: the JSON pointer
// of the upload within the body, "" for the body itself.
void upload_begun_refuse(struct http_request *request, const struct upload_new *new, const char *where,
                         const struct err *err);
