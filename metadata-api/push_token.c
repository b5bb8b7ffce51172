// Keeping a provider's token.
#include "metadata-api/push_token.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

void push_token_init(struct push_token *token)
{
	(void)pthread_mutex_init(&token->lock, NULL);
	token->text = NULL;
	token->until_us = 0;
}

void push_token_done(struct push_token *token)
{
	(void)pthread_mutex_destroy(&token->lock);
	free(token->text);
}

// The lock is held.
static enum rc renew_text(struct push_token *token, push_token_renew *renew, void *context, struct err *err)
{
	char *text = NULL;
	int64_t lives_us = 0;
	enum rc rc = renew(context, &text, &lives_us, err);
	if (rc != RC_OK)
		return rc;
	free(token->text);
	token->text = text;
	token->until_us = clock_monotonic_us() + lives_us;
	return RC_OK;
}

enum rc push_token_line(struct push_token *token, const char *scheme, push_token_renew *renew, void *context,
                        char **ret_line, struct err *err)
{
	enum rc rc = RC_OK;
	(void)pthread_mutex_lock(&token->lock);
	if (token->text == NULL || clock_monotonic_us() >= token->until_us)
		rc = renew_text(token, renew, context, err);
	if (rc == RC_OK && asprintf(ret_line, "Authorization: %s %s", scheme, token->text) < 0)
		rc = err_set(err, RC_NO_MEMORY, "no memory for a header");
	(void)pthread_mutex_unlock(&token->lock);
	return rc;
}

void push_token_forget(struct push_token *token)
{
	(void)pthread_mutex_lock(&token->lock);
	token->until_us = 0;
	(void)pthread_mutex_unlock(&token->lock);
}
