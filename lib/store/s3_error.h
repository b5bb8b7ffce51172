// From an S3 answer that is no success to one of our result codes.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define S3_ERROR_CODE_SIZE 64

// What was asked for decides what a failure means.
struct s3_expectation {
	bool changes;        // the request may have had an effect that a broken answer hides
	bool only_if_absent; // it carried If-None-Match: *
};

// status is the HTTP status (>= 300), or 200 with an <Error> body. body may be empty (HEAD). err gets "status code:
// message"; ret_code (may be NULL) the store's own code, "" without one. Returns the mapped code, never RC_OK.
enum rc s3_error_map(long status, const char *body, size_t length, struct s3_expectation expectation,
                     char ret_code[S3_ERROR_CODE_SIZE], struct err *err);
