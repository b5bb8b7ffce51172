// Carries push messages to devices. Every metadata-api does; the database deals the work out.
#pragma once

#include "base/error.h"

struct api;
struct push_sender;

// RC_INVALID: what [push] says cannot be used. RC_NO_MEMORY, RC_UNAVAILABLE.
enum rc push_sender_new(struct api *api, struct push_sender **ret_sender, struct err *err) MUST_CHECK;

// Something may be due. Accepts NULL. Any thread; does not block.
void push_sender_wake(struct push_sender *sender);

// Breaks off what is under way. Accepts NULL.
void push_sender_free(struct push_sender *sender);
