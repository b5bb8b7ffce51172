// How to reach Postgres, and the time limits that every session carries.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct metrics;
struct settings;

struct db_options {
	const char *host; // names, addresses or a socket folder; several, comma-separated: the one that takes writes is
	                  // used
	int64_t port;
	const char *name;
	const char *user;
	const char *password;         // NULL or "": none (peer, .pgpass)
	const char *application_name; // seen in pg_stat_activity
	bool accept_standby;          // may end on a read-only standby (reads only)
	unsigned
	        batch; // most reads that a pipeline answers by one statement (batch.h); 0: DB_PIPELINE_BATCH, its limit
	bool is_pooled; // through PgBouncer in transaction mode: sessions are not ours
	bool one_plan;  // each statement has one plan for all values, made once (plan_cache_mode = force_generic_plan)
	int64_t connect_ms;          // one attempt to connect, all hosts together
	int64_t statement_ms;        // statement_timeout of the session
	int64_t lock_ms;             // lock_timeout of the session
	int64_t idle_transaction_ms; // idle_in_transaction_session_timeout of the session
	struct metrics *metrics;     // NULL: none. Must outlive what is made with these options
};

// Fill options from [database] with the given role. Texts are pointed to: settings must outlive the use of options
// (pools and pipelines copy what they need).
// connect = timeout_ms, statement = timeout_ms / 2 (so that a statement stuck in a pipeline leaves its neighbours half
// of their time), lock = timeout_ms / 4, idle in transaction = 2 * timeout_ms.
void db_options_init(struct db_options *ret_options, const struct settings *settings, const char *user,
                     const char *password, const char *application_name, struct metrics *metrics);

// The same role at Postgres itself, where [database] names a pooler and listen_host the server behind it: for LISTEN,
// and for what holds a session (migrations). False: there is no way around the pooler, and options stay as they are.
bool db_options_go_direct(struct db_options *options, const struct settings *settings);
