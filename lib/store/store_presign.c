// Presigned requests: checks, dispatch, freeing. The drivers sign.
#include "store/store_presign.h"

#include "base/arena.h"
#include "store/store_driver.h"

#define SECONDS_MAX 604800

static enum rc check_seconds(int64_t seconds, struct err *err)
{
	if (seconds >= 1 && seconds <= SECONDS_MAX)
		return RC_OK;
	return err_set(err, RC_INVALID, "a presigned request lasts 1 to %d seconds, not %lld", SECONDS_MAX,
	               (long long)seconds);
}

enum rc store_presign_request(struct store *store, const struct store_presign *presign,
                              struct store_signed_request *ret_request, struct err *err)
{
	const char *key = presign->key != NULL && presign->key[0] != '\0' ? presign->key : NULL;
	enum rc rc = store_check_names(presign->bucket, key, err);
	if (rc == RC_OK)
		rc = check_seconds(presign->seconds, err);
	if (rc != RC_OK)
		return rc;
	int64_t now_us = presign->now_us != 0 ? presign->now_us : clock_now_us();
	return store->driver->presign(store->self, presign, now_us, ret_request, err);
}

void store_signed_request_done(struct store_signed_request *signed_request)
{
	arena_free(signed_request->memory);
	*signed_request = (struct store_signed_request){ 0 };
}

enum rc store_presign_form(struct store *store, const struct store_form_options *options, struct store_form *ret_form,
                           struct err *err)
{
	if (store->driver->presign_form == NULL)
		return store_cannot(store, "sign POST forms", err);
	enum rc rc = options->key == NULL ? err_set(err, RC_INVALID, "a form needs a key")
	                                  : store_check_names(options->bucket, options->key, err);
	if (rc == RC_OK)
		rc = check_seconds(options->seconds, err);
	if (rc == RC_OK && options->least_bytes > options->most_bytes)
		rc = err_set(err, RC_INVALID, "the form's least size is above its most");
	if (rc != RC_OK)
		return rc;
	int64_t now_us = options->now_us != 0 ? options->now_us : clock_now_us();
	return store->driver->presign_form(store->self, options, now_us, ret_form, err);
}

void store_form_done(struct store_form *form)
{
	arena_free(form->memory);
	*form = (struct store_form){ 0 };
}
