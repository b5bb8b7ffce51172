// The pipeline's queue and its links (one connection and thread each). Private to lib/db.
//
//   submit ──▶ waiting ──take──▶ in_flight ──result──▶ callback
//                 ▲                 ├─ aborted by a neighbour ─▶ again ──▶ in_flight
//                 └─ one by one ────┴─ its batch failed
//
// Waiting requests of a statement that has a batch leave as members of one more request, which is in flight for them.
//
// In flight, statements stand in segments, each closed by a Sync, which is a transaction of its own to the server. A
// write is alone in its segment. Reads share one: an error in the first makes the server skip the others, which are
// sent again (nobody can see that), and a Sync for each would cost a system call on either side.
#pragma once

#include <libpq-fe.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "db/connect.h"
#include "db/pipeline.h"
#include "db/prepared.h"

struct metric;

// What the next result of the first request in flight belongs to.
enum pipeline_stage {
	STAGE_PREPARE,     // the answer to its PREPARE
	STAGE_PREPARE_END, // the NULL after that
	STAGE_EXECUTE,
	STAGE_EXECUTE_END,
	STAGE_SYNC, // the end of its segment
};

struct pipeline_request;

struct pipeline_list {
	struct pipeline_request *first;
	struct pipeline_request *last;
	size_t length;
};

struct pipeline_request {
	struct pipeline_request *next;
	struct pipeline_list members; // of a batch, in the order of their places; it has no callback of its own
	const struct db_statement *statement;
	struct deadline deadline;
	int64_t submitted_us;
	db_callback *callback;
	void *context;
	struct db_result *result; // until it may be handed out
	enum pipeline_stage stage;
	struct metric *latency;
	unsigned repeats;
	bool ends_segment;
	bool is_answered; // its callback has been called; what still comes is dropped
	bool is_aborted;  // the server skipped it because of a neighbour
	bool is_single;   // its batch failed: goes by itself, with nothing behind it
	unsigned count;
	struct db_value values[]; // count, then the bytes that they point to
};

// A link takes more when no more than this is in flight and results are coming: the server has something to do while
// they are handed out, and waiting statements still gather to batches. Behind a statement that is stuck nothing more is
// sent: what waits may yet go through another link, or time out without effect.
#define PIPELINE_REFILL 16

// A live server ends each statement within the session's statement_timeout. One that says nothing for so much longer is
// stopped or cut off, though its connection stands: another connection may end up on a better host.
#define PIPELINE_SILENCE_MS 1000

enum link_state { LINK_PAUSED, LINK_CONNECTING, LINK_UP };

struct pipeline_link {
	struct db_pipeline *pipeline;
	pthread_t thread;
	int wake;         // eventfd
	bool is_sleeping; // under the pipeline's lock: has nothing to do and room for more
	bool is_down;     // under the pipeline's lock: every host has refused since it was up last
	// The rest belongs to the link's thread.
	enum link_state state;
	struct deadline until; // of the pause or the attempt to connect
	unsigned attempts;     // to connect, since it was up last
	unsigned host;
	short events; // while connecting
	PGconn *connection;
	struct db_prepared prepared;
	struct pipeline_list in_flight;
	struct pipeline_list again;
	bool has_progressed;       // a result has come since the last batch was sent
	int64_t earliest_us;       // no deadline in flight is earlier
	int64_t silent_us;         // with something in flight: without a result until then, the server is gone
	struct db_failure failure; // of the first request in flight
	bool is_farewell;          // the server said that it ends the session: what follows was not begun
};

struct db_pipeline {
	struct db_endpoint endpoint;
	pthread_mutex_t lock;
	struct pipeline_list waiting;
	size_t limit;
	size_t batch_limit;  // requests in a batch
	int64_t earliest_us; // no deadline of a waiting one is earlier
	bool is_stopping;
	struct deadline drain;
	struct pipeline_link *links;
	unsigned count;
	unsigned down; // links that are down
	_Atomic unsigned up;
	struct metric *waiting_gauge;
	struct metric *batched;
	struct metric *unbatched;
	struct metric *up_gauge;
	struct metric *reconnects;
	struct metric *errors[RC_INTERNAL + 1];
};

void pipeline_list_append(struct pipeline_list *list, struct pipeline_request *request);
struct pipeline_request *pipeline_list_take(struct pipeline_list *list); // NULL when empty

// Call the callback of a request that was not answered: with failure, or with its result when failure is NULL.
void pipeline_answer(struct db_pipeline *pipeline, struct pipeline_request *request, const struct db_failure *failure);
// The same with a failure that is not the server's.
void pipeline_refuse(struct db_pipeline *pipeline, struct pipeline_request *request, enum rc rc, const char *why);
// Back to the head of the waiting queue, whatever its limit. Any thread.
void pipeline_requeue(struct db_pipeline *pipeline, struct pipeline_list *requests);
// Answered or not, drop it and its members.
void pipeline_request_free(struct pipeline_request *request);

// Answer the waiting requests whose deadline has passed (all: every one) with rc.
void pipeline_expire(struct db_pipeline *pipeline, bool all, enum rc rc, const char *why);

// The body of a link's thread.
void *pipeline_link_run(void *context);

// Something was sent or has come: the server has its time again.
void pipeline_link_expect(struct pipeline_link *link);
// True when more may be sent now.
bool pipeline_link_has_room(const struct pipeline_link *link);
// pipeline_send.c: move waiting requests into flight when there is room. False when the connection is lost.
bool pipeline_link_send(struct pipeline_link *link);
// The time limits of the session, as the first statement of a new connection. False when it could not be sent.
bool pipeline_link_send_session(struct pipeline_link *link);

// pipeline_batch.c: one request that answers all of members (at least two, of one statement that has a batch), which
// are taken from the list. NULL, with the list untouched, without memory.
struct pipeline_request *pipeline_batch_new(struct pipeline_link *link, struct pipeline_list *members);
// Hand its result out, or failure to all: the part of pipeline_answer for batches.
void pipeline_batch_answer(struct db_pipeline *pipeline, struct pipeline_request *batch,
                           const struct db_failure *failure);
// The batch failed: its members are sent one by one.
void pipeline_batch_dissolve(struct pipeline_link *link, struct pipeline_request *batch);

// pipeline_receive.c: take in what has arrived. False when the connection is lost.
bool pipeline_link_receive(struct pipeline_link *link);
// Close the connection and answer everything in flight accordingly.
void pipeline_link_lose(struct pipeline_link *link);
// Answer what is in flight and past its deadline; their results will be dropped.
void pipeline_link_expire(struct pipeline_link *link);
