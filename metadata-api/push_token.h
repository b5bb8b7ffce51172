// A bearer token that a push provider takes for a while: kept, and renewed when its time is over.
#pragma once

#include <pthread.h>
#include <stdint.h>

#include "base/error.h"

struct push_token {
	pthread_mutex_t lock; // guards what follows
	char *text;
	int64_t until_us; // monotonic
};

// Make a new one: *ret_text malloc'ed, *ret_lives_us how long it may be used from now on. One thread at a time; may
// block.
typedef enum rc push_token_renew(void *context, char **ret_text, int64_t *ret_lives_us, struct err *err);

void push_token_init(struct push_token *token);
void push_token_done(struct push_token *token);

// "Authorization: <scheme> …", malloc'ed, with the present token or else a new one; scheme as the provider spells it.
// Any thread; blocks as renew does.
enum rc push_token_line(struct push_token *token, const char *scheme, push_token_renew *renew, void *context,
                        char **ret_line, struct err *err) MUST_CHECK;

// The provider has withdrawn it: the next call renews it. Any thread.
void push_token_forget(struct push_token *token);
