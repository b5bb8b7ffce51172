// The relay: a thread that carries outbox rows to the bus, woken by the database's notification, by a poll within a
// second otherwise.
//
// Any number of relays in any number of processes share the work (rows are claimed with FOR UPDATE SKIP LOCKED). A row
// is marked only after the bus has acknowledged it, so each is published at least once; the message id lets the bus
// drop most repeats. Nothing that fails here is fatal: while the bus or the database is away, rows wait.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct db_options;
struct ingest;
struct relay;

// Events that the bus has acknowledged are kept so long, to be sent again when it loses them.
#define RELAY_KEEP_MS (60 * INT64_C(60000))

// At start; the ingest's pool, bus and metrics must be there. listen: how to reach the database for LISTEN.
enum rc relay_start(struct ingest *ingest, const struct db_options *listen, struct relay **ret_relay,
                    struct err *err) MUST_CHECK;

// Finish the round under way (bounded by its deadline), end the thread, free. Accepts NULL.
void relay_stop(struct relay *relay);

// Whether the bus gave an event a lower number than an earlier one, so that its stream must have lost some; asking
// resets it. Any thread.
bool relay_take_loss(struct relay *relay);

// The stream is known to have been made anew: its numbers begin low, which is no further loss. Any thread.
void relay_expect_low_numbers(struct relay *relay);
