// One libcurl handle and one exchange: options, callbacks, and the reading of the end.
#include "store/transport_easy.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "store/store_sink.h"
#include "store/transport_headers.h"

#define CONNECT_MS 5000
// Slower links than that cannot carry photos.
#define STALL_BYTES_PER_SECOND 1024L
// Shorter bodies are sent without asking the store first: Ceph's RGW sends no 100 for DeleteObjects, so each would wait
// for libcurl's whole second.
#define EXPECT_BYTES (64 * 1024)
// libcurl polls twice for each buffer that it sends; one that leaves the processor's cache would cost more than that.
#define UPLOAD_BUFFER_BYTES (512L * 1024)

static size_t read_file(struct transport_exchange *exchange, char *ret_data, size_t size)
{
	const struct store_body *body = exchange->body;
	ssize_t got;
	do
		got = pread(body->fd, ret_data, size, (off_t)(body->offset + exchange->sent));
	while (got < 0 && errno == EINTR);
	if (got > 0)
		return (size_t)got;
	(void)err_set(&exchange->failed, RC_INVALID, "the file to send %s",
	              got == 0 ? "is shorter than promised" : strerror(errno));
	return CURL_READFUNC_ABORT;
}

static size_t on_read(char *ret_data, size_t size, size_t count, void *context)
{
	struct transport_exchange *exchange = context;
	const struct store_body *body = exchange->body;
	size_t wanted = size * count;
	if (wanted > body->length - exchange->sent)
		wanted = (size_t)(body->length - exchange->sent);
	if (wanted == 0)
		return 0;
	if (body->data != NULL)
		memcpy(ret_data, (const char *)body->data + exchange->sent, wanted);
	else
		wanted = read_file(exchange, ret_data, wanted);
	if (wanted != CURL_READFUNC_ABORT)
		exchange->sent += wanted;
	return wanted;
}

// libcurl sends again from the start when a kept connection turns out to be closed.
static int on_seek(void *context, curl_off_t offset, int origin)
{
	struct transport_exchange *exchange = context;
	if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > exchange->body->length)
		return CURL_SEEKFUNC_CANTSEEK;
	exchange->sent = (uint64_t)offset;
	return CURL_SEEKFUNC_OK;
}

static size_t take_answer(struct transport_exchange *exchange, const char *data, size_t length)
{
	buffer_append(&exchange->answer, data, length);
	if (buffer_ok(&exchange->answer))
		return length;
	(void)err_set(&exchange->failed, RC_LIMIT, "the store's answer is longer than %d bytes", TRANSPORT_BODY_LIMIT);
	return 0;
}

static size_t on_write(char *data, size_t size, size_t count, void *context)
{
	struct transport_exchange *exchange = context;
	size_t length = size * count;
	bool success = exchange->status >= 200 && exchange->status < 300;
	if (exchange->sink == NULL || !success)
		return take_answer(exchange, data, length);
	// What is announced to be too long is not even begun.
	if (exchange->sink->length == 0 && exchange->content_length > 0 &&
	    store_sink_expect(exchange->sink, (uint64_t)exchange->content_length, &exchange->failed) != RC_OK)
		return 0;
	return store_sink_write(exchange->sink, data, length, &exchange->failed) == RC_OK ? length : 0;
}

static size_t on_header(char *data, size_t size, size_t count, void *context)
{
	transport_take_header(context, data, size * count);
	return size * count;
}

static enum rc set_headers(CURL *handle, struct transport_exchange *exchange, struct err *err)
{
	curl_slist_free_all(exchange->list);
	exchange->list = NULL;
	struct buffer line;
	buffer_init(&line, 16 * 1024);
	bool fits = true;
	if (exchange->body != NULL && exchange->body->length <= EXPECT_BYTES) {
		exchange->list = curl_slist_append(NULL, "Expect:");
		fits = exchange->list != NULL;
	}
	for (size_t i = 0; i < exchange->header_count && fits; i++) {
		buffer_clear(&line);
		buffer_append_format(&line, "%s: %s", exchange->headers[i].name, exchange->headers[i].value);
		struct curl_slist *longer =
		        buffer_ok(&line) ? curl_slist_append(exchange->list, buffer_text(&line)) : NULL;
		fits = longer != NULL;
		if (fits)
			exchange->list = longer;
	}
	buffer_done(&line);
	if (!fits || curl_easy_setopt(handle, CURLOPT_HTTPHEADER, exchange->list) != CURLE_OK)
		return err_set(err, RC_NO_MEMORY, "no memory for the request's headers");
	return RC_OK;
}

// Options of libcurl fail without memory alone; the sum of the results says whether all held.
#define SET(option, value) (failed |= curl_easy_setopt(handle, (option), (value)) != CURLE_OK)

static bool set_method(CURL *handle, const struct transport_exchange *exchange)
{
	bool failed = false;
	if (exchange->body != NULL) {
		SET(CURLOPT_UPLOAD, 1L);
		SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)exchange->body->length);
		SET(CURLOPT_READFUNCTION, on_read);
		SET(CURLOPT_READDATA, exchange);
		SET(CURLOPT_SEEKFUNCTION, on_seek);
		SET(CURLOPT_SEEKDATA, exchange);
		SET(CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BUFFER_BYTES);
	} else if (strcmp(exchange->method, "HEAD") == 0) {
		SET(CURLOPT_NOBODY, 1L);
	}
	SET(CURLOPT_CUSTOMREQUEST, exchange->method);
	return !failed;
}

static bool set_limits(CURL *handle, const struct transport_exchange *exchange)
{
	bool failed = false;
	long left_ms = (long)deadline_left_ms(exchange->deadline);
	SET(CURLOPT_TIMEOUT_MS, left_ms > 0 ? left_ms : 1L); // 0 would mean for ever
	SET(CURLOPT_CONNECTTIMEOUT_MS, left_ms > 0 && left_ms < CONNECT_MS ? left_ms : (long)CONNECT_MS);
	if (exchange->stall_seconds > 0) {
		SET(CURLOPT_LOW_SPEED_LIMIT, STALL_BYTES_PER_SECOND);
		SET(CURLOPT_LOW_SPEED_TIME, (long)exchange->stall_seconds);
	}
	return !failed;
}

enum rc transport_prepare(CURL *handle, struct transport_exchange *exchange, struct err *err)
{
	exchange->status = 0;
	exchange->sent = 0;
	exchange->failed = (struct err){ 0 };
	exchange->curl_error[0] = '\0';
	buffer_done(&exchange->answer);
	buffer_init(&exchange->answer, TRANSPORT_BODY_LIMIT);
	bool failed = false;
	SET(CURLOPT_URL, exchange->url);
	SET(CURLOPT_PATH_AS_IS, 1L); // keys may hold dot segments
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_PROXY, ""); // where signed requests go is said by our configuration alone
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_NOPROGRESS, 1L);
	SET(CURLOPT_ERRORBUFFER, exchange->curl_error);
	SET(CURLOPT_PRIVATE, exchange);
	SET(CURLOPT_BUFFERSIZE, 128L * 1024);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_WRITEFUNCTION, on_write);
	SET(CURLOPT_WRITEDATA, exchange);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, exchange);
	failed = !set_method(handle, exchange) || failed;
	failed = !set_limits(handle, exchange) || failed;
	if (failed)
		return err_set(err, RC_INTERNAL, "libcurl refuses an option");
	return set_headers(handle, exchange, err);
}

static bool was_sent(CURL *handle)
{
	long sent = 0;
	return curl_easy_getinfo(handle, CURLINFO_REQUEST_SIZE, &sent) == CURLE_OK && sent > 0;
}

static enum transport_end conclude_failure(CURL *handle, CURLcode result, struct transport_exchange *exchange,
                                           struct err *err)
{
	if (exchange->failed.rc != RC_OK) {
		(void)err_set(err, exchange->failed.rc, "%s", exchange->failed.text);
		return TRANSPORT_STOPPED;
	}
	const char *text = exchange->curl_error[0] != '\0' ? exchange->curl_error : curl_easy_strerror(result);
	// libcurl's clock and ours do not agree to the millisecond.
	bool late = deadline_left_ms(exchange->deadline) <= 5;
	(void)err_set(err, late ? RC_TIMEOUT : RC_UNAVAILABLE, "no answer from the store: %s", text);
	if (!was_sent(handle))
		return TRANSPORT_UNSENT;
	if (late)
		return TRANSPORT_LATE;
	return result == CURLE_OPERATION_TIMEDOUT ? TRANSPORT_STALLED : TRANSPORT_LOST;
}

enum transport_end transport_conclude(CURL *handle, CURLcode result, struct transport_exchange *exchange,
                                      struct err *err)
{
	if (result != CURLE_OK)
		return conclude_failure(handle, result, exchange, err);
	const struct store_sink *sink = exchange->sink;
	bool success = exchange->status >= 200 && exchange->status < 300;
	// Without an announced length nothing tells a whole body from a cut one.
	if (sink != NULL && success && (uint64_t)exchange->content_length != sink->length) {
		(void)err_set(err, RC_UNAVAILABLE, "the store's answer was cut short");
		return TRANSPORT_LOST;
	}
	return TRANSPORT_ANSWERED;
}
