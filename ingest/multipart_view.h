// Answers about uploads in parts.
#pragma once

#include <stdbool.h>

#include "base/uuid.h"

struct http_request;

// Answer with the caller's upload in parts, on a settler, since the store is asked: {upload_id, media_id, state}, and
// while it is open expires_at and multipart {part_size, parts, urls} with the URLs of the first parts. lists_stored:
// also stored [{number, size, etag}], and urls are those of the first parts that are missing. The handler's last act.
void multipart_view_answer(struct http_request *request, const struct uuid *upload_id, unsigned status,
                           bool lists_stored);
