// HTTP to the store on libcurl: pooled connections, a deadline and stall detection on every transfer, answers with just
// the headers that S3 uses. Private to lib/store; knows nothing of S3 itself.
#pragma once

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "store/store.h"

struct store_sink;
struct transport;

// keep: idle connections kept at most. Once at start (libcurl's global state). NULL without memory.
struct transport *transport_new(unsigned keep);
// No transfer may be under way. Accepts NULL.
void transport_free(struct transport *transport);

#define TRANSPORT_HEADERS 80
#define TRANSPORT_BODY_LIMIT (16 * 1024 * 1024) // of an answer that is kept in memory

// One request and, later, its answer. Zero-initialise; transport_exchange_done frees what the answer holds.
struct transport_exchange {
	// The request; borrowed until the transfer has ended.
	const char *method;
	const char *url;
	struct store_pair headers[TRANSPORT_HEADERS];
	size_t header_count;
	const struct store_body *body; // PUT and POST; NULL: none
	struct store_sink *sink;       // takes the body of a 2xx answer; NULL: it goes to `answer`
	struct deadline deadline;
	unsigned stall_seconds; // 0: no stall detection, the store may work in silence until the deadline

	// The answer.
	long status;          // 0: there was none
	struct buffer answer; // the body of every other answer
	char etag[STORE_ETAG_SIZE];
	char content_type[STORE_CONTENT_TYPE_SIZE];
	char cache_control[STORE_CONTENT_TYPE_SIZE];
	int64_t content_length;      // -1: not announced
	int64_t whole_length;        // of a ranged answer: the object's; -1: not said
	int64_t modified_us;         // 0: not said
	int64_t date_us;             // 0: not said
	struct store_pair *metadata; // x-amz-meta-*, names in lower case without it
	size_t metadata_count;
	struct arena *memory; // of metadata; NULL: the caller does not want it

	// While it runs.
	uint64_t sent;     // bytes of body handed to libcurl
	struct err failed; // why a callback of ours ended the transfer
	struct curl_slist *list;
	char curl_error[CURL_ERROR_SIZE];
};
void transport_exchange_done(struct transport_exchange *exchange);

// How a transfer ended, apart from what the answer says.
enum transport_end {
	TRANSPORT_ANSWERED, // a whole answer is there: look at status
	TRANSPORT_UNSENT,   // nobody heard of the request
	TRANSPORT_LOST,     // it was sent, wholly or in part; the answer is missing or cut short
	TRANSPORT_STALLED,  // the same, because nothing moved for too long
	TRANSPORT_LATE,     // the same, because the deadline passed
	TRANSPORT_STOPPED,  // a callback of ours ended it: see exchange->failed
};

// Does one exchange on this thread; err gets a text unless answered. Any thread.
enum transport_end transport_run(struct transport *transport, struct transport_exchange *exchange, struct err *err);

// Does many on this thread, at most parallel at a time; ret_ends[i] and errs[i] belong to exchanges[i].
void transport_run_many(struct transport *transport, struct transport_exchange **exchanges, size_t count,
                        unsigned parallel, enum transport_end *ret_ends, struct err *errs);
