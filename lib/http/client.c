// The HTTP client: a bounded set of libcurl handles, each with its kept-alive connections.
#include "http/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/address.h"

#define CLIENT_CONNECTIONS 4
#define CLIENT_CONNECT_MS 2000

struct http_client {
	int64_t connect_ms;
	bool public_only;
	bool http2;
	struct address_networks allowed;
	atomic_bool is_aborted;
	char *user_agent;
	pthread_mutex_t lock; // guards what follows
	pthread_cond_t freed;
	size_t idle_count;
	CURL *idle[];
};

// What libcurl's callbacks need of one call.
struct transfer {
	const struct http_client *client;
	const struct http_call *call;
	struct http_reply *reply;
	bool address_refused;
	bool too_long;
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void start_curl(void)
{
	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

enum rc http_client_new(const struct http_client_config *config, struct http_client **ret_client, struct err *err)
{
	(void)pthread_once(&curl_once, start_curl);
	struct address_networks allowed = { .count = 0 };
	if (config->allowed_networks != NULL &&
	    address_networks_parse(config->allowed_networks, &allowed, err) != RC_OK)
		return RC_INVALID;
	unsigned connections = config->connections == 0 ? CLIENT_CONNECTIONS : config->connections;
	struct http_client *client = calloc(1, sizeof *client + connections * sizeof client->idle[0]);
	if (client == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for the HTTP client");
	client->connect_ms = config->connect_ms == 0 ? CLIENT_CONNECT_MS : config->connect_ms;
	client->public_only = config->public_only;
	client->http2 = config->http2;
	client->allowed = allowed;
	client->user_agent = strdup(config->user_agent == NULL ? "safelight" : config->user_agent);
	(void)pthread_mutex_init(&client->lock, NULL);
	pthread_condattr_t monotonic;
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&client->freed, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	while (client->idle_count < connections && (client->idle[client->idle_count] = curl_easy_init()) != NULL)
		client->idle_count++;
	if (client->idle_count < connections || client->user_agent == NULL) {
		http_client_free(client);
		return err_set(err, RC_NO_MEMORY, "no memory for the HTTP client");
	}
	*ret_client = client;
	return RC_OK;
}

void http_client_free(struct http_client *client)
{
	if (client == NULL)
		return;
	for (size_t i = 0; i < client->idle_count; i++)
		curl_easy_cleanup(client->idle[i]);
	(void)pthread_mutex_destroy(&client->lock);
	(void)pthread_cond_destroy(&client->freed);
	free(client->user_agent);
	free(client);
}

void http_client_abort(struct http_client *client)
{
	atomic_store(&client->is_aborted, true);
}

void http_reply_done(struct http_reply *reply)
{
	buffer_done(&reply->body);
}

// ---- turns --------------------------------------------------------------------------------------------------------

// A handle, or NULL when none came free by the deadline.
static CURL *take_handle(struct http_client *client, struct deadline deadline)
{
	struct timespec until = { .tv_sec = deadline.at_us / 1000000, .tv_nsec = deadline.at_us % 1000000 * 1000 };
	CURL *handle = NULL;
	(void)pthread_mutex_lock(&client->lock);
	int waited = 0;
	while (client->idle_count == 0 && waited != ETIMEDOUT)
		waited = pthread_cond_timedwait(&client->freed, &client->lock, &until);
	if (client->idle_count > 0)
		handle = client->idle[--client->idle_count]; // the last one used: its connection is warm
	(void)pthread_mutex_unlock(&client->lock);
	return handle;
}

static void give_handle(struct http_client *client, CURL *handle)
{
	curl_easy_reset(handle); // keeps connections and DNS cache
	(void)pthread_mutex_lock(&client->lock);
	client->idle[client->idle_count++] = handle;
	(void)pthread_cond_signal(&client->freed);
	(void)pthread_mutex_unlock(&client->lock);
}

// ---- libcurl's callbacks --------------------------------------------------------------------------------------------

static size_t take_body(char *data, size_t size, size_t count, void *context)
{
	struct transfer *transfer = context;
	buffer_append(&transfer->reply->body, data, size * count);
	if (buffer_ok(&transfer->reply->body))
		return size * count;
	transfer->too_long = true;
	return 0;
}

static size_t take_header(char *data, size_t size, size_t count, void *context)
{
	struct transfer *transfer = context;
	struct http_reply *reply = transfer->reply;
	const char *wanted = transfer->call->want_header;
	size_t length = size * count;
	size_t name_length = wanted == NULL ? 0 : strlen(wanted);
	if (length >= 5 && memcmp(data, "HTTP/", 5) == 0)
		reply->header[0] = '\0'; // a new head: the one before was interim
	if (wanted == NULL || length <= name_length || data[name_length] != ':' ||
	    strncasecmp(data, wanted, name_length) != 0)
		return length;
	const char *value = data + name_length + 1;
	const char *end = data + length;
	while (value < end && (*value == ' ' || *value == '\t'))
		value++;
	while (end > value && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' '))
		end--;
	size_t value_length = (size_t)(end - value);
	if (value_length >= sizeof reply->header)
		return length;
	memcpy(reply->header, value, value_length);
	reply->header[value_length] = '\0';
	return length;
}

// Sees the very address that is connected to, so that no name can resolve to one thing here and another there.
static curl_socket_t open_public_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct transfer *transfer = context;
	if (purpose != CURLSOCKTYPE_IPCXN ||
	    (!address_is_public(&address->addr) && !address_is_in(&transfer->client->allowed, &address->addr))) {
		transfer->address_refused = true;
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static int look_whether_to_abort(void *context, curl_off_t total_in, curl_off_t in, curl_off_t total_out,
                                 curl_off_t out)
{
	const struct transfer *transfer = context;
	(void)total_in, (void)in, (void)total_out, (void)out;
	return atomic_load(&transfer->client->is_aborted);
}

// ---- one call -------------------------------------------------------------------------------------------------------

static bool set_method(CURL *handle, const struct http_call *call)
{
	if (strcmp(call->method, "HEAD") == 0)
		return curl_easy_setopt(handle, CURLOPT_NOBODY, 1L) == CURLE_OK;
	bool has_body = call->body != NULL || strcmp(call->method, "POST") == 0 || strcmp(call->method, "PUT") == 0;
	return (!has_body ||
	        (curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_length) == CURLE_OK &&
	         curl_easy_setopt(handle, CURLOPT_POSTFIELDS, call->body == NULL ? "" : call->body) == CURLE_OK)) &&
	       curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, call->method) == CURLE_OK;
}

static bool set_limits(const struct http_client *client, CURL *handle, struct deadline deadline)
{
	int64_t left_ms = deadline_left_ms(deadline);
	if (left_ms < 1)
		left_ms = 1; // 0 would mean no limit
	return curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, (long)left_ms) == CURLE_OK &&
	       curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, (long)client->connect_ms) == CURLE_OK &&
	       curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	       curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
	       curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
	       curl_easy_setopt(handle, CURLOPT_PROXY, "") == CURLE_OK && // not even from the environment
	       curl_easy_setopt(handle, CURLOPT_USERAGENT, client->user_agent) == CURLE_OK;
}

// TLS agrees on it by itself. Without TLS it has to be known before, and libcurl 7.88 fails to use such a connection
// again ("Error in the HTTP2 framing layer").
static bool set_http2(CURL *handle, const char *url)
{
	if (strncasecmp(url, "https:", 6) == 0)
		return curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS) == CURLE_OK;
	return curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE) == CURLE_OK &&
	       curl_easy_setopt(handle, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK &&
	       curl_easy_setopt(handle, CURLOPT_FORBID_REUSE, 1L) == CURLE_OK;
}

static bool set_callbacks(const struct http_client *client, CURL *handle, struct transfer *transfer)
{
	if (client->public_only &&
	    (curl_easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, open_public_socket) != CURLE_OK ||
	     curl_easy_setopt(handle, CURLOPT_OPENSOCKETDATA, transfer) != CURLE_OK))
		return false;
	if (client->http2 && !set_http2(handle, transfer->call->url))
		return false;
	return curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
	       curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, look_whether_to_abort) == CURLE_OK &&
	       curl_easy_setopt(handle, CURLOPT_XFERINFODATA, transfer) == CURLE_OK &&
	       curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
	       curl_easy_setopt(handle, CURLOPT_WRITEDATA, transfer) == CURLE_OK &&
	       curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, take_header) == CURLE_OK &&
	       curl_easy_setopt(handle, CURLOPT_HEADERDATA, transfer) == CURLE_OK;
}

// The call's headers, and "Expect:" so that no body waits for a 100. NULL without memory.
static struct curl_slist *make_headers(const struct http_call *call)
{
	struct curl_slist *list = curl_slist_append(NULL, "Expect:");
	for (const char *const *one = call->headers; list != NULL && one != NULL && *one != NULL; one++) {
		struct curl_slist *longer = curl_slist_append(list, *one);
		if (longer == NULL)
			curl_slist_free_all(list);
		list = longer;
	}
	return list;
}

static enum rc rc_of(CURL *handle, CURLcode code, const struct transfer *transfer)
{
	curl_off_t connect_us = 0;
	(void)curl_easy_getinfo(handle, CURLINFO_CONNECT_TIME_T, &connect_us);
	if (code == CURLE_OK)
		return RC_OK;
	if (transfer->too_long)
		return RC_LIMIT;
	if (transfer->address_refused)
		return RC_DENIED;
	switch (code) {
	case CURLE_UNSUPPORTED_PROTOCOL: // the URL's scheme, or an answer without a head
		return connect_us > 0 ? RC_CORRUPT : RC_INVALID;
	case CURLE_URL_MALFORMAT:
		return RC_INVALID;
	case CURLE_OPERATION_TIMEDOUT:
		return RC_TIMEOUT;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
		return RC_UNAVAILABLE;
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_BAD_CONTENT_ENCODING:
		return RC_CORRUPT;
	case CURLE_OUT_OF_MEMORY:
		return RC_NO_MEMORY;
	default:
		return RC_UNKNOWN; // cut off somewhere after connecting
	}
}

static enum rc perform(const struct http_client *client, CURL *handle, const struct http_call *call,
                       struct deadline deadline, struct http_reply *reply, struct err *err)
{
	struct transfer transfer = { .client = client, .call = call, .reply = reply };
	struct curl_slist *headers = make_headers(call);
	bool good = headers != NULL && curl_easy_setopt(handle, CURLOPT_URL, call->url) == CURLE_OK &&
	            curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers) == CURLE_OK && set_method(handle, call) &&
	            set_limits(client, handle, deadline) && set_callbacks(client, handle, &transfer);
	CURLcode code = good ? curl_easy_perform(handle) : CURLE_OUT_OF_MEMORY;
	long status = 0;
	(void)curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
	curl_slist_free_all(headers);
	enum rc rc = rc_of(handle, code, &transfer);
	if (rc != RC_OK)
		return err_set(err, rc, "%s: %s", call->method, curl_easy_strerror(code));
	reply->status = (unsigned)status;
	return RC_OK;
}

enum rc http_client_call(struct http_client *client, const struct http_call *call, struct http_reply *ret_reply,
                         struct err *err)
{
	struct deadline deadline = deadline_after_ms(call->timeout_ms);
	CURL *handle = take_handle(client, deadline);
	if (handle == NULL)
		return err_set(err, RC_BUSY, "%s: all connections are in use", call->method);
	struct http_reply reply = { .status = 0 };
	buffer_init(&reply.body, call->response_limit);
	enum rc rc = deadline_passed(deadline) ? err_set(err, RC_BUSY, "%s: no time left", call->method)
	                                       : perform(client, handle, call, deadline, &reply, err);
	give_handle(client, handle);
	if (rc != RC_OK) {
		http_reply_done(&reply);
		return rc;
	}
	*ret_reply = reply;
	return RC_OK;
}
