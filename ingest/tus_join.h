// An upload by tus whose bytes are all stored becomes an object.
#pragma once

#include "catalog/upload.h"

struct ingest;

// Make the object of the parts that were committed. RC_NOT_FOUND: the upload is not whole yet. RC_OK also when somebody
// else did it meanwhile. Blocks.
enum rc tus_join(struct ingest *ingest, const struct catalog_call *call, const struct upload_row *upload,
                 struct err *err) MUST_CHECK;
