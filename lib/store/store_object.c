// Calls on single objects: checks of arguments, then attempts by the driver.
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/crypto.h"
#include "store/store_driver.h"
#include "store/store_sink.h"

#define METADATA_MAX 40

static const struct store_put_options NO_PUT_OPTIONS = { 0 };
static const struct store_get_options NO_GET_OPTIONS = { 0 };

enum rc store_check_put_options(const struct store_put_options *options, struct err *err)
{
	if (options->metadata_count > METADATA_MAX)
		return err_set(err, RC_INVALID, "more than %d metadata entries", METADATA_MAX);
	for (size_t i = 0; i < options->metadata_count; i++)
		for (const char *at = options->metadata[i].value; *at != '\0'; at++)
			if (*at < ' ' || *at > '~')
				return err_set(err, RC_INVALID, "the metadata value of %.60s is not printable ASCII",
				               options->metadata[i].name);
	return RC_OK;
}

static enum store_repeat put_repeat(const struct store_put_options *options)
{
	// A repeated conditional put would meet the object of its own first try.
	return options->idempotent && !options->only_if_absent ? STORE_REPEAT_ANY : STORE_REPEAT_UNDONE;
}

struct put_call {
	const struct store_target *target;
	const struct store_body *body;
	const struct store_put_options *options;
	char etag[STORE_ETAG_SIZE];
};

static enum rc attempt_put(struct store *store, void *context, struct deadline deadline, struct err *err)
{
	struct put_call *call = context;
	return store->driver->put(store->self, call->target, call->body, call->options, deadline, call->etag, err);
}

enum rc store_put(struct store *store, const struct store_target *target, const struct store_body *body,
                  const struct store_put_options *options, char ret_etag[STORE_ETAG_SIZE], struct err *err)
{
	struct put_call call = { .target = target,
		                 .body = body,
		                 .options = options == NULL ? &NO_PUT_OPTIONS : options };
	enum rc rc = store_check_names(target->bucket, target->key, err);
	if (rc == RC_OK)
		rc = store_check_put_options(call.options, err);
	if (rc == RC_OK)
		rc = store_run(store, STORE_CALL_PUT, put_repeat(call.options), target->timeout_ms, attempt_put, &call,
		               err);
	if (rc == RC_OK && ret_etag != NULL)
		memcpy(ret_etag, call.etag, sizeof call.etag);
	return rc;
}

struct head_call {
	const struct store_target *target;
	struct store_object object;
};

static enum rc attempt_head(struct store *store, void *context, struct deadline deadline, struct err *err)
{
	struct head_call *call = context;
	return store->driver->head(store->self, call->target, deadline, &call->object, err);
}

enum rc store_head(struct store *store, const struct store_target *target, struct store_object *ret_object,
                   struct err *err)
{
	struct head_call call = { .target = target };
	enum rc rc = store_check_names(target->bucket, target->key, err);
	if (rc == RC_OK)
		rc = store_run(store, STORE_CALL_HEAD, STORE_REPEAT_ANY, target->timeout_ms, attempt_head, &call, err);
	if (rc == RC_OK)
		*ret_object = call.object;
	return rc;
}

void store_object_done(struct store_object *object)
{
	arena_free(object->memory);
	*object = (struct store_object){ 0 };
}

const char *store_object_metadata(const struct store_object *object, const char *name)
{
	for (size_t i = 0; i < object->metadata_count; i++)
		if (strcmp(object->metadata[i].name, name) == 0)
			return object->metadata[i].value;
	return NULL;
}

struct get_call {
	const struct store_target *target;
	const struct store_get_options *options;
	struct store_sink *sink;
	struct store_object object;
};

static enum rc attempt_get(struct store *store, void *context, struct deadline deadline, struct err *err)
{
	struct get_call *call = context;
	store_sink_reset(call->sink);
	return store->driver->get(store->self, call->target, call->options, call->sink, deadline, &call->object, err);
}

static enum rc get_into(struct store *store, const struct store_target *target, const struct store_get_options *options,
                        struct store_sink *sink, struct store_object *ret_object, struct err *err)
{
	struct get_call call = { .target = target,
		                 .options = options == NULL ? &NO_GET_OPTIONS : options,
		                 .sink = sink };
	enum rc rc = store_check_names(target->bucket, target->key, err);
	if (rc == RC_OK)
		rc = store_run(store, STORE_CALL_GET, STORE_REPEAT_ANY, target->timeout_ms, attempt_get, &call, err);
	if (rc != RC_OK)
		return rc;
	if (ret_object != NULL)
		*ret_object = call.object;
	else
		store_object_done(&call.object);
	return RC_OK;
}

enum rc store_get(struct store *store, const struct store_target *target, const struct store_get_options *options,
                  struct buffer *out, struct store_object *ret_object, struct err *err)
{
	struct store_sink sink = { .buffer = out, .fd = -1, .limit = out->limit };
	return get_into(store, target, options, &sink, ret_object, err);
}

enum rc store_get_file(struct store *store, const struct store_target *target, const struct store_get_options *options,
                       int fd, uint64_t limit, uint8_t ret_sha256[32], uint64_t *ret_length,
                       struct store_object *ret_object, struct err *err)
{
	struct store_sink sink = { .fd = fd, .limit = limit };
	if (ret_sha256 != NULL) {
		sink.hash = digest_stream_new(DIGEST_SHA256);
		if (sink.hash == NULL)
			return err_set(err, RC_NO_MEMORY, "no memory for a hash");
	}
	enum rc rc = get_into(store, target, options, &sink, ret_object, err);
	if (rc == RC_OK && ret_sha256 != NULL)
		digest_stream_finish(sink.hash, ret_sha256);
	if (rc == RC_OK && ret_length != NULL)
		*ret_length = sink.length;
	digest_stream_free(sink.hash);
	return rc;
}

static enum rc attempt_remove(struct store *store, void *context, struct deadline deadline, struct err *err)
{
	return store->driver->remove(store->self, context, deadline, err);
}

enum rc store_delete(struct store *store, const struct store_target *target, struct err *err)
{
	struct store_target copy = *target;
	enum rc rc = store_check_names(target->bucket, target->key, err);
	if (rc == RC_OK)
		rc = store_run(store, STORE_CALL_DELETE, STORE_REPEAT_ANY, target->timeout_ms, attempt_remove, &copy,
		               err);
	return rc;
}

struct copy_call {
	const struct store_target *from;
	const char *source_etag;
	const struct store_target *to;
	char etag[STORE_ETAG_SIZE];
};

static enum rc attempt_copy(struct store *store, void *context, struct deadline deadline, struct err *err)
{
	struct copy_call *call = context;
	return store->driver->copy(store->self, call->from, call->source_etag, call->to, deadline, call->etag, err);
}

enum rc store_copy(struct store *store, const struct store_target *from, const char *source_etag,
                   const struct store_target *to, char ret_etag[STORE_ETAG_SIZE], struct err *err)
{
	struct copy_call call = { .from = from, .source_etag = source_etag, .to = to };
	enum rc rc = store_check_names(from->bucket, from->key, err);
	if (rc == RC_OK)
		rc = store_check_names(to->bucket, to->key, err);
	if (rc == RC_OK)
		rc = store_run(store, STORE_CALL_COPY, STORE_REPEAT_ANY, to->timeout_ms, attempt_copy, &call, err);
	if (rc == RC_OK && ret_etag != NULL)
		memcpy(ret_etag, call.etag, sizeof call.etag);
	return rc;
}
