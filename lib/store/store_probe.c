// What a store really does, tried out on objects that are removed again.
#include <stdio.h>

#include "base/buffer.h"
#include "base/crypto.h"
#include "base/encoding.h"
#include "store/content_md5.h"
#include "store/store_admin.h"
#include "store/store_driver.h"

static const char CONTENT[] = "safelight probe";

struct probe {
	struct store *store;
	struct store *remover;
	struct store_target target;
	struct store_target copy;
	char key[64];
	char copy_key[72];
	char etag[STORE_ETAG_SIZE];
	struct store_capabilities found;
};

static const struct store_body BODY = { .data = CONTENT, .fd = -1, .length = sizeof CONTENT - 1 };

// Some other object's ETag.
static const char WRONG_ETAG[] = "00000000000000000000000000000000";

// A refusal is what a capability shows itself by; that the driver or the store cannot even be asked (RC_INVALID) is a
// plain no. Everything else teaches nothing.
static enum rc judge(enum rc rc, enum rc refusal, bool *ret_held, struct err *err)
{
	if (rc == refusal || rc == RC_OK || rc == RC_INVALID) {
		*ret_held = rc == refusal;
		return RC_OK;
	}
	return err_prefix(err, rc, "the store cannot be probed");
}

static enum rc probe_put_if_absent(struct probe *probe, struct err *err)
{
	struct store_put_options options = { .only_if_absent = true };
	enum rc rc = store_put(probe->store, &probe->target, &BODY, &options, NULL, err);
	return judge(rc, RC_EXISTS, &probe->found.put_if_absent, err);
}

static enum rc probe_content_md5(struct probe *probe, struct err *err)
{
	uint8_t wrong[MD5_SIZE] = { 0 };
	struct store_put_options options = { .content_md5 = wrong };
	enum rc rc = store_put(probe->store, &probe->copy, &BODY, &options, NULL, err);
	if (rc != RC_OK && rc != RC_INVALID)
		return err_prefix(err, rc, "the store cannot be probed");
	probe->found.content_md5 = rc == RC_INVALID;
	return RC_OK;
}

static enum rc probe_get_if_match(struct probe *probe, struct err *err)
{
	struct buffer out;
	buffer_init(&out, 4096);
	struct store_get_options options = { .if_match = WRONG_ETAG };
	enum rc rc = store_get(probe->store, &probe->target, &options, &out, NULL, err);
	buffer_done(&out);
	return judge(rc, RC_CONFLICT, &probe->found.get_if_match, err);
}

static enum rc probe_copy_if_match(struct probe *probe, struct err *err)
{
	enum rc rc = store_copy(probe->store, &probe->target, WRONG_ETAG, &probe->copy, NULL, err);
	return judge(rc, RC_CONFLICT, &probe->found.copy_if_match, err);
}

static enum rc probe_multipart(struct probe *probe, struct err *err)
{
	char upload_id[STORE_UPLOAD_ID_SIZE];
	enum rc rc = store_upload_create(probe->store, &probe->copy, NULL, upload_id, err);
	probe->found.multipart = rc == RC_OK;
	if (rc == RC_OK)
		return store_upload_abort(probe->remover, &probe->copy, upload_id, err);
	return rc == RC_INVALID ? RC_OK : err_prefix(err, rc, "the store cannot be probed");
}

static enum rc run_probes(struct probe *probe, struct err *err)
{
	static enum rc (*const probes[])(struct probe *, struct err *) = { probe_put_if_absent, probe_content_md5,
		                                                           probe_get_if_match, probe_copy_if_match,
		                                                           probe_multipart };
	enum rc rc = store_put(probe->store, &probe->target, &BODY, NULL, probe->etag, err);
	for (size_t i = 0; rc == RC_OK && i < sizeof probes / sizeof probes[0]; i++)
		rc = probes[i](probe, err);
	return rc;
}

static void name_objects(struct probe *probe, const char *bucket)
{
	uint8_t bytes[16];
	char text[2 * sizeof bytes + 1];
	random_fill(bytes, sizeof bytes);
	encode_hex(bytes, sizeof bytes, text);
	(void)snprintf(probe->key, sizeof probe->key, ".probe/%s", text);
	(void)snprintf(probe->copy_key, sizeof probe->copy_key, "%s-copy", probe->key);
	probe->target = (struct store_target){ .bucket = bucket, .key = probe->key };
	probe->copy = (struct store_target){ .bucket = bucket, .key = probe->copy_key };
}

enum rc store_probe(struct store *store, struct store *remover, const char *bucket,
                    struct store_capabilities *ret_capabilities, struct err *err)
{
	struct probe probe = { .store = store, .remover = remover };
	name_objects(&probe, bucket);
	enum rc rc = run_probes(&probe, err);
	// Tidy up whatever came of it; the first failure is the one that is told.
	enum rc removed = store_delete(remover, &probe.target, rc == RC_OK ? err : NULL);
	enum rc copy_removed = store_delete(remover, &probe.copy, rc == RC_OK && removed == RC_OK ? err : NULL);
	if (rc == RC_OK)
		rc = removed != RC_OK ? removed : copy_removed;
	if (rc == RC_OK)
		*ret_capabilities = probe.found;
	return rc;
}
