// Calls on many objects: put_many, delete_many, list.
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "store/store_driver.h"

static const struct store_list_options NO_LIST_OPTIONS = { 0 };

struct put_many_call {
	struct store_put_item **items; // those that are still to be stored
	size_t count;
	unsigned parallel;
};

static void put_one_by_one(struct store *store, const struct put_many_call *call, struct deadline deadline)
{
	for (size_t i = 0; i < call->count; i++) {
		struct store_put_item *item = call->items[i];
		item->rc = store->driver->put(store->self, &item->target, &item->body, &item->options, deadline,
		                              item->etag, &item->err);
	}
}

static bool may_repeat_item(const struct store_put_item *item)
{
	bool harmless = item->options.idempotent && !item->options.only_if_absent;
	return item->rc == RC_UNAVAILABLE || (item->rc == RC_UNKNOWN && harmless);
}

// One round over the unfinished items. Afterwards those that deserve another are at the front of the list.
static enum rc attempt_put_many(struct store *store, void *context, struct deadline deadline, struct err *err)
{
	struct put_many_call *call = context;
	if (store->driver->put_many != NULL)
		store->driver->put_many(store->self, call->items, call->count, call->parallel, deadline);
	else
		put_one_by_one(store, call, deadline);
	size_t again = 0;
	for (size_t i = 0; i < call->count; i++)
		if (may_repeat_item(call->items[i]))
			call->items[again++] = call->items[i];
	call->count = again;
	return again == 0 ? RC_OK : err_set(err, RC_UNAVAILABLE, "%zu objects are not stored yet", again);
}

static enum rc check_items(struct store_put_item *items, size_t count, struct err *err)
{
	enum rc rc = RC_OK;
	for (size_t i = 0; i < count; i++) {
		items[i].err = (struct err){ 0 };
		items[i].rc = store_check_names(items[i].target.bucket, items[i].target.key, &items[i].err);
		if (items[i].rc == RC_OK)
			items[i].rc = store_check_put_options(&items[i].options, &items[i].err);
		if (rc == RC_OK && items[i].rc != RC_OK)
			rc = err_set(err, items[i].rc, "%s", items[i].err.text);
	}
	for (size_t i = 0; i < count && rc != RC_OK; i++)
		if (items[i].rc == RC_OK)
			items[i].rc =
			        err_set(&items[i].err, RC_INVALID, "not sent: another object of the call is refused");
	return rc;
}

static enum rc first_failure(struct store_put_item *items, size_t count, struct err *err)
{
	enum rc rc = RC_OK;
	for (size_t i = 0; i < count; i++) {
		struct store_put_item *item = &items[i];
		// The same as for a single idempotent put: an unknown outcome is a plain failure.
		if (item->rc == RC_UNKNOWN && item->options.idempotent && !item->options.only_if_absent)
			item->rc = item->err.rc = RC_UNAVAILABLE;
		if (rc == RC_OK && item->rc != RC_OK)
			rc = err_set(err, item->rc, "%s: %s", item->target.key, item->err.text);
	}
	return rc;
}

enum rc store_put_many(struct store *store, struct store_put_item *items, size_t count, unsigned parallel,
                       int64_t timeout_ms, struct err *err)
{
	enum rc rc = check_items(items, count, err);
	if (rc != RC_OK || count == 0)
		return rc;
	struct store_put_item **list = calloc(count, sizeof *list);
	if (list == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for %zu objects", count);
	for (size_t i = 0; i < count; i++)
		list[i] = &items[i];
	struct put_many_call call = { .items = list, .count = count, .parallel = parallel > 0 ? parallel : 1 };
	rc = store_run(store, STORE_CALL_PUT, STORE_REPEAT_UNDONE, timeout_ms, attempt_put_many, &call, NULL);
	free(list);
	// What failed for good does not fail the round, so the items decide.
	enum rc item_rc = first_failure(items, count, err);
	return item_rc != RC_OK ? item_rc : rc;
}

struct delete_many_call {
	const char *bucket;
	const char *const *keys;
	size_t count;
	size_t deleted;
};

static enum rc remove_one_by_one(struct store *store, struct delete_many_call *call, struct deadline deadline,
                                 struct err *err)
{
	enum rc rc = RC_OK;
	call->deleted = 0;
	for (size_t i = 0; i < call->count; i++) {
		struct store_target target = { .bucket = call->bucket, .key = call->keys[i] };
		enum rc one = store->driver->remove(store->self, &target, deadline, rc == RC_OK ? err : NULL);
		if (one == RC_OK)
			call->deleted++;
		else if (rc == RC_OK)
			rc = one;
	}
	return rc;
}

static enum rc attempt_remove_many(struct store *store, void *context, struct deadline deadline, struct err *err)
{
	struct delete_many_call *call = context;
	call->deleted = 0;
	if (store->driver->remove_many == NULL)
		return remove_one_by_one(store, call, deadline, err);
	return store->driver->remove_many(store->self, call->bucket, call->keys, call->count, deadline, &call->deleted,
	                                  err);
}

enum rc store_delete_many(struct store *store, const char *bucket, const char *const *keys, size_t count,
                          int64_t timeout_ms, size_t *ret_deleted, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		enum rc rc = store_check_names(bucket, keys[i], err);
		if (rc != RC_OK)
			return rc;
	}
	size_t deleted = 0;
	enum rc first = RC_OK;
	for (size_t at = 0; at < count; at += STORE_LIST_PAGE) {
		size_t left = count - at;
		struct delete_many_call call = { .bucket = bucket,
			                         .keys = keys + at,
			                         .count = left < STORE_LIST_PAGE ? left : STORE_LIST_PAGE };
		enum rc rc = store_run(store, STORE_CALL_DELETE, STORE_REPEAT_ANY, timeout_ms, attempt_remove_many,
		                       &call, first == RC_OK ? err : NULL);
		deleted += call.deleted;
		if (first == RC_OK)
			first = rc;
	}
	if (ret_deleted != NULL)
		*ret_deleted = deleted;
	return first;
}

struct list_call {
	const char *bucket;
	struct store_list_options options;
	struct store_page page;
};

static enum rc attempt_list(struct store *store, void *context, struct deadline deadline, struct err *err)
{
	struct list_call *call = context;
	return store->driver->list(store->self, call->bucket, &call->options, deadline, &call->page, err);
}

enum rc store_list(struct store *store, const char *bucket, const struct store_list_options *options,
                   struct store_page *ret_page, struct err *err)
{
	struct list_call call = { .bucket = bucket, .options = options == NULL ? NO_LIST_OPTIONS : *options };
	if (call.options.page_size == 0 || call.options.page_size > STORE_LIST_PAGE)
		call.options.page_size = STORE_LIST_PAGE;
	if (call.options.prefix == NULL)
		call.options.prefix = "";
	enum rc rc = store_check_names(bucket, NULL, err);
	if (rc == RC_OK)
		rc = store_run(store, STORE_CALL_LIST, STORE_REPEAT_ANY, call.options.timeout_ms, attempt_list, &call,
		               err);
	if (rc == RC_OK)
		*ret_page = call.page;
	return rc;
}

void store_page_done(struct store_page *page)
{
	arena_free(page->memory);
	*page = (struct store_page){ 0 };
}
