// Amazon SNS' messages over HTTP(S): the envelope read, the text that is signed, and which URLs may be believed. Pure.
// (SNS developer guide: "Parsing Amazon SNS message formats", "Verifying the signatures of Amazon SNS messages".)
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

struct arena;

#define SNS_SIGNATURE_BYTES 512

enum sns_kind { SNS_NOTIFICATION, SNS_SUBSCRIPTION, SNS_UNSUBSCRIPTION };

struct sns_envelope {
	enum sns_kind kind;
	const char *topic; // ARN
	const char *message_id;
	const char *message;
	const char *subject; // NULL: none
	const char *timestamp;
	const char *token; // of confirmations; NULL otherwise, as the next
	const char *subscribe_url;
	const char *certificate_url;
	bool is_sha256; // SignatureVersion 2; else 1, which is SHA-1
	uint8_t signature[SNS_SIGNATURE_BYTES];
	size_t signature_length;
};

// Texts live in the arena. RC_INVALID: not JSON, or a member is missing or of another kind; RC_NO_MEMORY.
enum rc sns_envelope_read(const char *data, size_t length, struct arena *arena, struct sns_envelope *ret_envelope,
                          struct err *err) MUST_CHECK;

// Append what was signed.
void sns_envelope_append_signed(const struct sns_envelope *envelope, struct buffer *out);

// True for https://sns.<region>.amazonaws.com/… (or .com.cn) without user, port or fragment. other: an origin
// ("http://127.0.0.1:1234") that is believed instead, for tests; "" for none.
bool sns_url_is_trusted(const char *url, const char *other);

// True when the ARN stands in a comma-separated list.
bool sns_topic_is_listed(const char *topic, const char *list);
