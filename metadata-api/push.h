// Push messages: what one says, and who carries it.
#pragma once

#include "base/error.h"
#include "base/uuid.h"

struct buffer;
struct settings;

struct push_message {
	struct uuid notification_id;
	const char *platform; // "fcm", "apns", "webpush"
	const char *token;    // of the device; a secret
	const char *kind;     // of the notification: "media.ready"
	const char *title;
	const char *body;
	const char *subject_name; // "media_id", "item_id", "webhook_id"
	const char *subject_id;
};

enum push_result {
	PUSH_SENT,
	PUSH_INVALID, // the token is nobody's (any more): forget the device
	PUSH_LATER,   // try again
	PUSH_REFUSED, // this message will never be taken
};

// A way to devices. Each implementation has these as its first member.
struct push_adapter {
	// err says why, unless PUSH_SENT; it names neither token nor credentials. Any thread; blocks for
	// PUSH_TIMEOUT_MS at most, and not at all once aborted.
	enum push_result (*send)(struct push_adapter *adapter, const struct push_message *message, struct err *err);
	void (*abort)(struct push_adapter *adapter);
	void (*free)(struct push_adapter *adapter);
};

#define PUSH_TIMEOUT_MS 10000

// Each gives NULL with RC_OK when its section is not configured. RC_INVALID: what is configured cannot be used.
enum rc push_webhook_new(const struct settings *settings, struct push_adapter **ret_adapter,
                         struct err *err) MUST_CHECK;
enum rc push_fcm_new(const struct settings *settings, struct push_adapter **ret_adapter, struct err *err) MUST_CHECK;
enum rc push_apns_new(const struct settings *settings, struct push_adapter **ret_adapter, struct err *err) MUST_CHECK;
