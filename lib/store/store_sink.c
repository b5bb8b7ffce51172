// Sinks of a get.
#include "store/store_sink.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/crypto.h"

void store_sink_reset(struct store_sink *sink)
{
	if (sink->buffer != NULL)
		buffer_clear(sink->buffer);
	if (sink->hash != NULL && sink->length > 0) {
		uint8_t digest[SHA256_SIZE];
		digest_stream_finish(sink->hash, digest);
	}
	sink->length = 0;
}

enum rc store_sink_expect(const struct store_sink *sink, uint64_t total, struct err *err)
{
	if (total <= sink->limit)
		return RC_OK;
	return err_set(err, RC_LIMIT, "the object has %" PRIu64 " bytes, more than %" PRIu64, total, sink->limit);
}

static enum rc write_file(struct store_sink *sink, const char *data, size_t length, struct err *err)
{
	for (size_t done = 0; done < length;) {
		ssize_t written = pwrite(sink->fd, data + done, length - done, (off_t)(sink->length + done));
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return err_set(err, RC_INTERNAL, "the object cannot be written down: %s", strerror(errno));
		done += (size_t)written;
	}
	return RC_OK;
}

enum rc store_sink_write(struct store_sink *sink, const void *data, size_t length, struct err *err)
{
	enum rc rc = store_sink_expect(sink, sink->length + length, err);
	if (rc != RC_OK)
		return rc;
	if (sink->buffer != NULL) {
		buffer_append(sink->buffer, data, length);
		if (!buffer_ok(sink->buffer))
			return err_set(err, RC_NO_MEMORY, "no memory for the object");
	} else {
		rc = write_file(sink, data, length, err);
		if (rc != RC_OK)
			return rc;
	}
	if (sink->hash != NULL)
		digest_stream_update(sink->hash, data, length);
	sink->length += length;
	return RC_OK;
}
