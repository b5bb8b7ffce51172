// JSON answers in pieces: what is written for this answer, and between it kept texts, which are sent from where they
// lie. A page of media is mostly such texts: copying and hashing them for each answer would cost more than all the
// rest.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/json_write.h"

struct http_request;
struct variant_text;

// A text stands before the byte `at` of what is written.
struct reply_cut {
	size_t at;
	const struct variant_text *text;
};

struct reply_pieces {
	struct buffer out;
	struct json_write json; // writes into out
	struct reply_cut *cuts;
	size_t count;
	size_t room;
};

// room: texts that will be added at most. reply_pieces_answer gives everything back. Without memory the answer is a
// 500.
void reply_pieces_init(struct reply_pieces *pieces, size_t room);

// The text as the next value of the array that json is in. Takes a hold of its own.
void reply_pieces_add(struct reply_pieces *pieces, const struct variant_text *text);

// As reply_json (reply.h): 200, or 304 when the caller has it. The ETag is made of the texts' fingerprints.
void reply_pieces_answer(struct http_request *request, int64_t version, struct reply_pieces *pieces);

// The same with another status and no ETag.
void reply_pieces_answer_as(struct http_request *request, unsigned status, struct reply_pieces *pieces);
