// What an account may upload, by its class: types, sizes, quotas.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "catalog/upload.h"

struct class_settings;
struct http_request;
struct ingest;

// The class of the caller's account; NULL when a problem was answered. One statement when classes beside "standard" are
// configured, none else: on a thread that may wait.
const struct class_settings *upload_policy_class(struct ingest *ingest, struct http_request *request);

// What a declared type and size may not be.
struct upload_refusal {
	unsigned status;   // 413 or 415; 0: they may be begun
	const char *slug;  // of the problem
	const char *field; // which one it is: "size" or "content_type"
	char detail[160];
};
struct upload_refusal upload_policy_judge(const struct ingest *ingest, const struct class_settings *account_class,
                                          const char *content_type, int64_t size);

struct upload_quota upload_policy_quota(const struct class_settings *account_class);
