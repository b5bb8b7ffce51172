// The failure-injecting store: a driver whose calls go to another store's driver, unless a plan says otherwise.
#include "store/store_flaky.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "store/store_driver.h"
#include "store/store_sink.h"

struct plan {
	unsigned skip;  // calls to let pass first
	unsigned times; // calls to fail after that
	enum store_failure_moment moment;
	enum rc rc;
};

struct flaky {
	struct store *inner;
	pthread_mutex_t lock;
	struct plan plans[STORE_CALL_COUNT];
	unsigned calls[STORE_CALL_COUNT];
};

// Counts the call and says whether, and when, it fails.
static bool take_plan(struct flaky *flaky, enum store_call call, enum store_failure_moment *ret_moment, enum rc *ret_rc)
{
	(void)pthread_mutex_lock(&flaky->lock);
	struct plan *plan = &flaky->plans[call];
	flaky->calls[call]++;
	bool fails = plan->times > 0 && plan->skip == 0;
	if (fails)
		plan->times--;
	else if (plan->skip > 0)
		plan->skip--;
	*ret_moment = plan->moment;
	*ret_rc = plan->rc;
	(void)pthread_mutex_unlock(&flaky->lock);
	return fails;
}

// What a wrapped call does after the plan was asked: proceed, or the answer to give.
struct verdict {
	bool skip;  // do not call the inner driver
	bool spoil; // call it, then answer rc
	enum rc rc;
};

static struct verdict ask(struct flaky *flaky, enum store_call call)
{
	enum store_failure_moment moment;
	enum rc rc;
	bool fails = take_plan(flaky, call, &moment, &rc);
	return (struct verdict){ .skip = fails && moment == STORE_FAIL_BEFORE,
		                 .spoil = fails && moment == STORE_FAIL_AFTER,
		                 .rc = rc };
}

static enum rc injected(struct verdict verdict, struct err *err)
{
	return err_set(err, verdict.rc, "a failure was injected %s the call", verdict.skip ? "before" : "after");
}

// The inner driver's answer, or the injected one when that did succeed.
static enum rc settle(struct verdict verdict, enum rc rc, struct err *err)
{
	return rc == RC_OK && verdict.spoil ? injected(verdict, err) : rc;
}

static void flaky_free(void *self)
{
	struct flaky *flaky = self;
	store_free(flaky->inner);
	(void)pthread_mutex_destroy(&flaky->lock);
	free(flaky);
}

static int64_t flaky_clock_skew_ms(const void *self)
{
	const struct flaky *flaky = self;
	return store_clock_skew_ms(flaky->inner);
}

static enum rc flaky_put(void *self, const struct store_target *target, const struct store_body *body,
                         const struct store_put_options *options, struct deadline deadline,
                         char ret_etag[STORE_ETAG_SIZE], struct err *err)
{
	struct flaky *flaky = self;
	const struct store *inner = flaky->inner;
	struct verdict verdict = ask(flaky, STORE_CALL_PUT);
	if (verdict.skip)
		return injected(verdict, err);
	enum rc rc = inner->driver->put(inner->self, target, body, options, deadline, ret_etag, err);
	return settle(verdict, rc, err);
}

static enum rc flaky_head(void *self, const struct store_target *target, struct deadline deadline,
                          struct store_object *ret_object, struct err *err)
{
	struct flaky *flaky = self;
	const struct store *inner = flaky->inner;
	struct verdict verdict = ask(flaky, STORE_CALL_HEAD);
	if (verdict.skip)
		return injected(verdict, err);
	enum rc rc = inner->driver->head(inner->self, target, deadline, ret_object, err);
	if (rc == RC_OK && verdict.spoil)
		store_object_done(ret_object);
	return settle(verdict, rc, err);
}

static enum rc flaky_get(void *self, const struct store_target *target, const struct store_get_options *options,
                         struct store_sink *sink, struct deadline deadline, struct store_object *ret_object,
                         struct err *err)
{
	struct flaky *flaky = self;
	const struct store *inner = flaky->inner;
	struct verdict verdict = ask(flaky, STORE_CALL_GET);
	if (verdict.skip)
		return injected(verdict, err);
	enum rc rc = inner->driver->get(inner->self, target, options, sink, deadline, ret_object, err);
	if (rc == RC_OK && verdict.spoil)
		store_object_done(ret_object);
	return settle(verdict, rc, err);
}

static enum rc flaky_remove(void *self, const struct store_target *target, struct deadline deadline, struct err *err)
{
	struct flaky *flaky = self;
	const struct store *inner = flaky->inner;
	struct verdict verdict = ask(flaky, STORE_CALL_DELETE);
	if (verdict.skip)
		return injected(verdict, err);
	return settle(verdict, inner->driver->remove(inner->self, target, deadline, err), err);
}

static enum rc flaky_list(void *self, const char *bucket, const struct store_list_options *options,
                          struct deadline deadline, struct store_page *ret_page, struct err *err)
{
	struct flaky *flaky = self;
	const struct store *inner = flaky->inner;
	struct verdict verdict = ask(flaky, STORE_CALL_LIST);
	if (verdict.skip)
		return injected(verdict, err);
	enum rc rc = inner->driver->list(inner->self, bucket, options, deadline, ret_page, err);
	if (rc == RC_OK && verdict.spoil)
		store_page_done(ret_page);
	return settle(verdict, rc, err);
}

static enum rc flaky_copy(void *self, const struct store_target *from, const char *source_etag,
                          const struct store_target *to, struct deadline deadline, char ret_etag[STORE_ETAG_SIZE],
                          struct err *err)
{
	struct flaky *flaky = self;
	const struct store *inner = flaky->inner;
	struct verdict verdict = ask(flaky, STORE_CALL_COPY);
	if (verdict.skip)
		return injected(verdict, err);
	enum rc rc = inner->driver->copy(inner->self, from, source_etag, to, deadline, ret_etag, err);
	return settle(verdict, rc, err);
}

static enum rc flaky_upload_create(void *self, const struct store_target *target,
                                   const struct store_put_options *options, struct deadline deadline,
                                   char ret_upload_id[STORE_UPLOAD_ID_SIZE], struct err *err)
{
	struct flaky *flaky = self;
	const struct store *inner = flaky->inner;
	struct verdict verdict = ask(flaky, STORE_CALL_UPLOAD_CREATE);
	if (verdict.skip)
		return injected(verdict, err);
	enum rc rc = inner->driver->upload_create(inner->self, target, options, deadline, ret_upload_id, err);
	return settle(verdict, rc, err);
}

static enum rc flaky_upload_put_part(void *self, const struct store_target *target, const char *upload_id,
                                     unsigned number, const struct store_body *body, const uint8_t *content_md5,
                                     struct deadline deadline, char ret_etag[STORE_ETAG_SIZE], struct err *err)
{
	struct flaky *flaky = self;
	const struct store *inner = flaky->inner;
	struct verdict verdict = ask(flaky, STORE_CALL_UPLOAD_PUT_PART);
	if (verdict.skip)
		return injected(verdict, err);
	enum rc rc = inner->driver->upload_put_part(inner->self, target, upload_id, number, body, content_md5, deadline,
	                                            ret_etag, err);
	return settle(verdict, rc, err);
}

static enum rc flaky_upload_list_parts(void *self, const struct store_target *target, const char *upload_id,
                                       unsigned after, struct deadline deadline, struct store_parts *ret_parts,
                                       unsigned *ret_last, struct err *err)
{
	struct flaky *flaky = self;
	const struct store *inner = flaky->inner;
	struct verdict verdict = ask(flaky, STORE_CALL_UPLOAD_LIST_PARTS);
	if (verdict.skip)
		return injected(verdict, err);
	enum rc rc = inner->driver->upload_list_parts(inner->self, target, upload_id, after, deadline, ret_parts,
	                                              ret_last, err);
	if (rc == RC_OK && verdict.spoil)
		store_parts_done(ret_parts);
	return settle(verdict, rc, err);
}

static enum rc flaky_upload_complete(void *self, const struct store_target *target, const char *upload_id,
                                     const struct store_part *parts, size_t count, struct deadline deadline,
                                     char ret_etag[STORE_ETAG_SIZE], struct err *err)
{
	struct flaky *flaky = self;
	const struct store *inner = flaky->inner;
	struct verdict verdict = ask(flaky, STORE_CALL_UPLOAD_COMPLETE);
	if (verdict.skip)
		return injected(verdict, err);
	enum rc rc =
	        inner->driver->upload_complete(inner->self, target, upload_id, parts, count, deadline, ret_etag, err);
	return settle(verdict, rc, err);
}

static enum rc flaky_upload_abort(void *self, const struct store_target *target, const char *upload_id,
                                  struct deadline deadline, struct err *err)
{
	struct flaky *flaky = self;
	const struct store *inner = flaky->inner;
	struct verdict verdict = ask(flaky, STORE_CALL_UPLOAD_ABORT);
	if (verdict.skip)
		return injected(verdict, err);
	return settle(verdict, inner->driver->upload_abort(inner->self, target, upload_id, deadline, err), err);
}

static enum rc flaky_upload_list(void *self, const char *bucket, const struct store_list_options *options,
                                 struct deadline deadline, struct store_upload_page *ret_page, struct err *err)
{
	struct flaky *flaky = self;
	const struct store *inner = flaky->inner;
	struct verdict verdict = ask(flaky, STORE_CALL_UPLOAD_LIST);
	if (verdict.skip)
		return injected(verdict, err);
	enum rc rc = inner->driver->upload_list(inner->self, bucket, options, deadline, ret_page, err);
	if (rc == RC_OK && verdict.spoil)
		store_upload_page_done(ret_page);
	return settle(verdict, rc, err);
}

static enum rc flaky_presign(void *self, const struct store_presign *presign, int64_t now_us,
                             struct store_signed_request *ret_request, struct err *err)
{
	const struct store *inner = ((struct flaky *)self)->inner;
	return inner->driver->presign(inner->self, presign, now_us, ret_request, err);
}

static enum rc flaky_presign_form(void *self, const struct store_form_options *options, int64_t now_us,
                                  struct store_form *ret_form, struct err *err)
{
	const struct store *inner = ((struct flaky *)self)->inner;
	if (inner->driver->presign_form == NULL)
		return store_cannot(inner, "sign POST forms", err);
	return inner->driver->presign_form(inner->self, options, now_us, ret_form, err);
}

static const struct store_driver flaky_driver = {
	.name = "flaky",
	.free = flaky_free,
	.clock_skew_ms = flaky_clock_skew_ms,
	.put = flaky_put,
	.head = flaky_head,
	.get = flaky_get,
	.remove = flaky_remove,
	.list = flaky_list,
	.copy = flaky_copy,
	.upload_create = flaky_upload_create,
	.upload_put_part = flaky_upload_put_part,
	.upload_list_parts = flaky_upload_list_parts,
	.upload_complete = flaky_upload_complete,
	.upload_abort = flaky_upload_abort,
	.upload_list = flaky_upload_list,
	.presign = flaky_presign,
	.presign_form = flaky_presign_form,
};

struct store *store_flaky_new(struct store **inner)
{
	struct store *store = calloc(1, sizeof *store);
	struct flaky *flaky = calloc(1, sizeof *flaky);
	if (store == NULL || flaky == NULL) {
		free(store);
		free(flaky);
		return NULL;
	}
	assert((*inner)->driver->upload_create != NULL); // the wrapper passes every call on: sigv4 stores alone
	(void)pthread_mutex_init(&flaky->lock, NULL);
	store->driver = &flaky_driver;
	store->self = flaky;
	store->timeout_ms = (*inner)->timeout_ms;
	store->retry = (*inner)->retry;
	flaky->inner = *inner;
	*inner = NULL;
	return store;
}

void store_flaky_fail(struct store *store, enum store_call call, unsigned nth, unsigned times,
                      enum store_failure_moment moment, enum rc rc)
{
	struct flaky *flaky = store->self;
	assert(nth >= 1 && rc != RC_OK);
	(void)pthread_mutex_lock(&flaky->lock);
	flaky->plans[call] = (struct plan){ .skip = nth - 1, .times = times, .moment = moment, .rc = rc };
	(void)pthread_mutex_unlock(&flaky->lock);
}

unsigned store_flaky_calls(struct store *store, enum store_call call)
{
	struct flaky *flaky = store->self;
	(void)pthread_mutex_lock(&flaky->lock);
	unsigned calls = flaky->calls[call];
	(void)pthread_mutex_unlock(&flaky->lock);
	return calls;
}
