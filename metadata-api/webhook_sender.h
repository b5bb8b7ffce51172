// Posts what waits for webhooks (Standard Webhooks 1.0.0). Every metadata-api does; the database deals the work out.
//
// An endpoint has one post under way at a time and a thread of many, so a slow one delays nobody but itself; endpoints
// that failed last time share a quarter of the threads.
#pragma once

#include "base/error.h"

struct api;
struct webhook_sender;

// RC_INVALID (webhook.private_networks), RC_NO_MEMORY, RC_UNAVAILABLE.
enum rc webhook_sender_new(struct api *api, struct webhook_sender **ret_sender, struct err *err) MUST_CHECK;

// Something may be due: look now. Accepts NULL. Any thread; does not block.
void webhook_sender_wake(struct webhook_sender *sender);

// Breaks off posts under way (they are made again when their leases end). Accepts NULL.
void webhook_sender_free(struct webhook_sender *sender);
