// The outbox: messages that stand in the transaction of their cause and are relayed afterwards, at least once.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/catalog.h"
#include "media/event.h"

struct db_connection;

// The channel that is notified after each insert (a hint: poll once a second besides).
#define CATALOG_OUTBOX_CHANNEL "safelight_outbox"

// Most rows of one relay round, most events of one outbox_add.
#define CATALOG_OUTBOX_BATCH 256

// Room for a message id and its NUL.
#define CATALOG_MESSAGE_ID_SIZE 64

// Write events into the caller's transaction. id and time_us are filled in where they are zero, source and traceparent
// where they are empty.
enum rc catalog_outbox_add(struct db_connection *connection, const struct catalog *catalog,
                           const struct catalog_call *call, struct event *events, size_t count,
                           struct err *err) MUST_CHECK;

struct outbox_row {
	int64_t id;
	const char *subject;                      // where to publish
	const char *payload;                      // JSON text
	char message_id[CATALOG_MESSAGE_ID_SIZE]; // for Nats-Msg-Id: the event's id, with ".<epoch>" when sent anew
	int64_t created_at;                       // microseconds since the epoch
	unsigned attempts;                        // failed ones so far
};

// Publish rows and wait for the acknowledgements, within the deadline; set ret_sent[i] for each that was acknowledged
// (all are false before). RC_OK when at least one was; otherwise the error that is returned from the relay call.
typedef enum rc catalog_outbox_send(void *context, const struct outbox_row *rows, size_t count,
                                    struct deadline deadline, bool *ret_sent, struct err *err);

// One round: take up to limit waiting rows in order (other relays skip them), send, mark. The rows stay locked, and a
// connection in use, while `send` runs; when the process dies meanwhile they are free at once and are sent again with
// the same message ids. Rows that were not acknowledged wait longer each time (100 ms to 10 s).
// *ret_count: rows sent; 0 with RC_OK: nothing is waiting.
enum rc catalog_outbox_relay(const struct catalog *catalog, const struct catalog_call *call, size_t limit,
                             catalog_outbox_send *send, void *context, size_t *ret_count, struct err *err) MUST_CHECK;

// Rows that wait and the age of the oldest in milliseconds (0 when none): metrics.
enum rc catalog_outbox_backlog(const struct catalog *catalog, const struct catalog_call *call, int64_t *ret_count,
                               int64_t *ret_oldest_ms, struct err *err) MUST_CHECK;

// The bus has lost what it had acknowledged: send every media and item event again that was sent within the last
// since_ms, under new message ids. Jobs are rung by the reconciler instead.
enum rc catalog_outbox_resend(const struct catalog *catalog, const struct catalog_call *call, int64_t since_ms,
                              int64_t *ret_count, struct err *err) MUST_CHECK;

// Drop up to limit rows that were sent longer ago than keep_ms (jobs: at once, their rows are the record).
enum rc catalog_outbox_purge(const struct catalog *catalog, const struct catalog_call *call, int64_t keep_ms,
                             size_t limit, int64_t *ret_count, struct err *err) MUST_CHECK;
