// LISTEN on a channel with a thread and connection of its own, reconnecting for ever.
//
// NOTIFY is a hint: notifications are lost while disconnected, so a poll must stand behind it. The callback is also
// called after each (re)connection, since something may have been missed.
#pragma once

#include "base/error.h"
#include "db/options.h"

struct db_listener;

// payload is "" after a (re)connection. On the listener's thread: be quick (set an eventfd, signal a condition).
typedef void db_notification(void *context, const char *payload);

// channel: lower-case letters, digits, underscores. Returns at once, connects in the background. RC_INVALID. At start.
enum rc db_listener_new(const struct db_options *options, const char *channel, db_notification *callback, void *context,
                        struct db_listener **ret_listener, struct err *err) MUST_CHECK;

// Ends the thread; no callback comes after it. Accepts NULL. Not from the callback.
void db_listener_free(struct db_listener *listener);
