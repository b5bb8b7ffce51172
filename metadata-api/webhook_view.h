// Webhooks as their owners see and set them.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "db/statement.h"

struct db_result;
struct http_request;
struct json_write;

#define WEBHOOKS_PER_ACCOUNT 10

// In the order that webhook_view_write takes, of a table `w`.
#define WEBHOOK_COLUMNS                                                                                         \
	"w.id, w.created_at, w.url, w.description, to_json(w.events)::text, w.disabled_at, w.disabled_reason, " \
	"w.failures, w.failing_since, CASE WHEN w.previous_until > now() THEN w.previous_until END "

// The members of a webhook's object.
void webhook_view_write(const struct http_request *request, struct json_write *json, const struct db_result *result,
                        size_t row);

// What a body sets.
struct webhook_fields {
	const char *url;         // NULL: not set
	const char *description; // NULL: not set
	bool has_events;
	struct buffer events; // as an array's text; freed by webhook_fields_done
	int is_enabled;       // -1: not set
};
void webhook_fields_done(struct webhook_fields *fields);

// Read the body of a creation or a change. False when the problem has been answered (nothing to free).
bool webhook_view_read(struct http_request *request, bool is_new, struct webhook_fields *ret_fields);

// False, having answered 404, when webhooks are not configured.
bool webhook_view_is_configured(struct http_request *request);

// Run a statement that gives the webhook's row, or none when there is no such one, and answer with it; secret (NULL:
// not shown) comes beside it. Blocks.
void webhook_view_answer(struct http_request *request, unsigned status, const struct db_statement *statement,
                         const struct db_value *values, const char *secret);
