// Reading server-sent events on a thread, by libcurl.
#include "tests/integration/support/events.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/settings.h"
#include "tests/integration/support/http.h"
#include "tests/integration/support/stack.h"
#include "tests/unit/cmocka_all.h"

#define EVENTS_MAX 20000
#define LINE_BYTES (1024 * 1024)

struct test_events {
	char url[200];
	char token[4096];
	char last_id[80];
	pthread_t thread;
	atomic_bool stops;
	atomic_uint status;
	atomic_bool has_ended;
	// The thread's.
	struct buffer line;
	struct test_event event;
	// Shared.
	pthread_mutex_t lock;
	struct test_event *all;
	size_t count;
	size_t beats;
	char id[40];
};

static void end_block(struct test_events *events)
{
	(void)pthread_mutex_lock(&events->lock);
	if (events->event.id[0] != '\0')
		(void)snprintf(events->id, sizeof events->id, "%s", events->event.id);
	if (events->event.name[0] != '\0' && events->count < EVENTS_MAX)
		events->all[events->count++] = events->event;
	else
		json_decref(events->event.data);
	(void)pthread_mutex_unlock(&events->lock);
	memset(&events->event, 0, sizeof events->event);
}

static void take_line(struct test_events *events, const char *line)
{
	struct test_event *event = &events->event;
	if (*line == '\0') {
		end_block(events);
	} else if (*line == ':') {
		(void)pthread_mutex_lock(&events->lock);
		events->beats++;
		(void)pthread_mutex_unlock(&events->lock);
	} else if (strncmp(line, "event: ", 7) == 0) {
		(void)snprintf(event->name, sizeof event->name, "%s", line + 7);
	} else if (strncmp(line, "id: ", 4) == 0) {
		(void)snprintf(event->id, sizeof event->id, "%s", line + 4);
	} else if (strncmp(line, "data: ", 6) == 0) {
		event->data = json_loads(line + 6, 0, NULL);
	}
}

static size_t take(char *data, size_t size, size_t count, void *context)
{
	struct test_events *events = context;
	for (size_t i = 0; i < size * count; i++) {
		if (data[i] != '\n') {
			buffer_append_char(&events->line, data[i]);
			continue;
		}
		take_line(events, buffer_text(&events->line));
		buffer_clear(&events->line);
	}
	return size * count;
}

static size_t take_header(char *data, size_t size, size_t count, void *context)
{
	struct test_events *events = context;
	unsigned status;
	if (sscanf(data, "HTTP/1.1 %u", &status) == 1)
		atomic_store(&events->status, status);
	return size * count;
}

static int look_whether_to_stop(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	struct test_events *events = context;
	(void)a, (void)b, (void)c, (void)d;
	return atomic_load(&events->stops);
}

static void *follow(void *argument)
{
	struct test_events *events = argument;
	char line[4200];
	CURL *curl = curl_easy_init();
	(void)snprintf(line, sizeof line, "Authorization: Bearer %s", events->token);
	struct curl_slist *headers = curl_slist_append(NULL, line);
	(void)snprintf(line, sizeof line, "Last-Event-ID: %s", events->last_id);
	if (events->last_id[0] != '\0')
		headers = curl_slist_append(headers, line);
	(void)curl_easy_setopt(curl, CURLOPT_URL, events->url);
	(void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, events);
	(void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
	(void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, events);
	(void)curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	(void)curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, look_whether_to_stop);
	(void)curl_easy_setopt(curl, CURLOPT_XFERINFODATA, events);
	(void)curl_easy_perform(curl);
	curl_easy_cleanup(curl);
	curl_slist_free_all(headers);
	atomic_store(&events->has_ended, true);
	return NULL;
}

static bool has_answer(void *context)
{
	struct test_events *events = context;
	return atomic_load(&events->status) != 0 || atomic_load(&events->has_ended);
}

struct test_events *test_events_open(const char *address, const char *token, const char *last_id)
{
	struct test_events *events = calloc(1, sizeof *events);
	assert_non_null(events);
	events->all = calloc(EVENTS_MAX, sizeof *events->all);
	assert_non_null(events->all);
	(void)snprintf(events->url, sizeof events->url, "%s/v1/events",
	               *address == '\0' ? test_stack_settings()->cdn_public_url : address);
	(void)snprintf(events->token, sizeof events->token, "%s", token);
	(void)snprintf(events->last_id, sizeof events->last_id, "%s", last_id == NULL ? "" : last_id);
	buffer_init(&events->line, LINE_BYTES);
	(void)pthread_mutex_init(&events->lock, NULL);
	assert_int_equal(pthread_create(&events->thread, NULL, follow, events), 0);
	test_wait(has_answer, events, 10000, "an answer to GET /v1/events");
	return events;
}

void test_events_close(struct test_events *events)
{
	if (events == NULL)
		return;
	atomic_store(&events->stops, true);
	(void)pthread_join(events->thread, NULL);
	for (size_t i = 0; i < events->count; i++)
		json_decref(events->all[i].data);
	json_decref(events->event.data);
	buffer_done(&events->line);
	(void)pthread_mutex_destroy(&events->lock);
	free(events->all);
	free(events);
}

unsigned test_events_status(struct test_events *events)
{
	return atomic_load(&events->status);
}

size_t test_events_count(struct test_events *events)
{
	(void)pthread_mutex_lock(&events->lock);
	size_t count = events->count;
	(void)pthread_mutex_unlock(&events->lock);
	return count;
}

size_t test_events_beats(struct test_events *events)
{
	(void)pthread_mutex_lock(&events->lock);
	size_t beats = events->beats;
	(void)pthread_mutex_unlock(&events->lock);
	return beats;
}

struct awaiting {
	struct test_events *events;
	size_t count;
};

static bool has_so_many(void *context)
{
	struct awaiting *awaiting = context;
	return test_events_count(awaiting->events) >= awaiting->count;
}

void test_events_await(struct test_events *events, size_t count, int64_t timeout_ms)
{
	struct awaiting awaiting = { events, count };
	char what[60];
	(void)snprintf(what, sizeof what, "%zu events", count);
	test_wait(has_so_many, &awaiting, timeout_ms, what);
}

static bool has_ended(void *context)
{
	struct test_events *events = context;
	return atomic_load(&events->has_ended);
}

void test_events_await_end(struct test_events *events, int64_t timeout_ms)
{
	test_wait(has_ended, events, timeout_ms, "the end of the events");
}

const struct test_event *test_events_at(struct test_events *events, size_t index)
{
	assert_true(index < test_events_count(events));
	return &events->all[index];
}

void test_events_last_id(struct test_events *events, char ret_id[40])
{
	(void)pthread_mutex_lock(&events->lock);
	memcpy(ret_id, events->id, sizeof events->id);
	(void)pthread_mutex_unlock(&events->lock);
}

// ---- further instances --------------------------------------------------------------------------------------------

unsigned test_port_find(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	(void)close(fd);
	return ntohs(address.sin_port);
}

static void become_api(const char *program, const char *listen, const char *log, const char *const *with)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (freopen(log, "ae", stderr) == NULL || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		_exit(126);
	(void)setenv("SAFELIGHT_API_LISTEN", listen, 1);
	for (; with != NULL && *with != NULL; with += 2)
		(void)setenv(with[0], with[1], 1);
	(void)execl(program, program, (char *)NULL);
	_exit(127);
}

static bool is_ready(void *context)
{
	struct test_api *api = context;
	struct test_reply reply;
	char url[80];
	(void)snprintf(url, sizeof url, "%s/readyz", api->address);
	test_http_json("GET", url, NULL, NULL, &reply);
	bool ready = reply.status == 200;
	test_reply_done(&reply);
	return ready;
}

void test_api_start(const char *const *with, struct test_api *ret_api)
{
	char program[4200], listen[40];
	char *build_path = test_stack_path("build_dir"), *log = test_stack_path("logs/api-of-test.log");
	size_t length;
	char *build = test_file_read(build_path, &length);
	build[strcspn(build, "\n")] = '\0';
	(void)snprintf(program, sizeof program, "%s/bin/safelight-api", build);
	(void)snprintf(listen, sizeof listen, "127.0.0.1:%u", test_port_find());
	(void)snprintf(ret_api->address, sizeof ret_api->address, "http://%s", listen);
	ret_api->process = fork();
	assert_true(ret_api->process >= 0);
	if (ret_api->process == 0)
		become_api(program, listen, log, with);
	free(build);
	free(build_path);
	free(log);
	test_wait(is_ready, ret_api, 20000, "another metadata-api");
}

int test_api_stop(struct test_api *api)
{
	int status = -1;
	assert_int_equal(kill(api->process, SIGTERM), 0);
	assert_int_equal(waitpid(api->process, &status, 0), api->process);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
