// Ranged reads into a digest.
#include "ingest/hash_object.h"

#include "base/buffer.h"
#include "base/settings.h"
#include "ingest/ingest.h"
#include "store/store.h"

#define PIECE_BYTES (4 * INT64_C(1024) * 1024)

static enum rc read_all(struct ingest *ingest, const char *key, const char *etag, int64_t size,
                        struct deadline deadline, struct buffer *piece, struct digest_stream *stream, struct err *err)
{
	for (int64_t at = 0; at < size; at += (int64_t)piece->length) {
		int64_t length = size - at < PIECE_BYTES ? size - at : PIECE_BYTES;
		const struct store_target target = { .bucket = ingest->settings->store_originals_bucket,
			                             .key = key,
			                             .timeout_ms = ingest_store_ms(ingest, deadline) };
		const struct store_get_options options = { .if_match = etag,
			                                   .first = (uint64_t)at,
			                                   .length = (uint64_t)length };
		if (ingest->is_stopping || deadline_passed(deadline))
			return err_set(err, RC_UNAVAILABLE, "hashing was given up after %lld bytes", (long long)at);
		enum rc rc = store_get(ingest->store, &target, &options, piece, NULL, err);
		if (rc != RC_OK)
			return rc;
		if ((int64_t)piece->length != length)
			return err_set(err, RC_CONFLICT, "the object is shorter than it was");
		digest_stream_update(stream, buffer_text(piece), piece->length);
	}
	return RC_OK;
}

enum rc hash_object(struct ingest *ingest, const char *key, const char *etag, int64_t size, struct deadline deadline,
                    uint8_t ret_sha256[SHA256_SIZE], struct err *err)
{
	struct buffer piece;
	struct digest_stream *stream = digest_stream_new(DIGEST_SHA256);
	if (stream == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for a digest");
	buffer_init(&piece, PIECE_BYTES);
	enum rc rc = read_all(ingest, key, etag, size, deadline, &piece, stream, err);
	if (rc == RC_OK)
		digest_stream_finish(stream, ret_sha256);
	digest_stream_free(stream);
	buffer_done(&piece);
	return rc;
}
