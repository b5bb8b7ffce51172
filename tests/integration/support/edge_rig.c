// Starting nginx for the edge's tests, and talking to it.
#include "tests/integration/support/edge_rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "tests/unit/cmocka_all.h"

#define DEFAULT_PORT 21600
#define PORT_BLOCKS 20
#define REPLY_BYTES_MAX (4 * 1024 * 1024)
#define KEYS "k1:202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"

extern char **environ;

static void write_file(const char *folder, const char *name, const char *text)
{
	char path[512];
	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	CLEANUP(close_descriptor) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(file_write_all(fd, text, strlen(text), NULL), RC_OK);
}

// error_log: where its standard error goes; NULL: to ours.
static pid_t start_program(const char *const *arguments, const char *error_log)
{
	pid_t pid;
	posix_spawn_file_actions_t actions;
	assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
	if (error_log != NULL)
		(void)posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, error_log,
		                                       O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (posix_spawnp(&pid, arguments[0], &actions, NULL, (char *const *)arguments, environ) != 0)
		fail_msg("%s does not start", arguments[0]);
	(void)posix_spawn_file_actions_destroy(&actions);
	return pid;
}

void edge_rig_read_log(const struct edge_rig *rig, const char *name, struct buffer *out)
{
	char path[256];
	CLEANUP(free_pointer) char *text = NULL;
	size_t length;
	(void)snprintf(path, sizeof(path), "%s/%s", rig->folder, name);
	assert_int_equal(file_read(path, 16 << 20, &text, &length, NULL), RC_OK);
	buffer_append(out, text, length);
	assert_true(buffer_ok(out));
}

// Its exit status, once it has ended by itself.
static int run_program(const char *const *arguments, const char *error_log)
{
	int status;
	pid_t pid = start_program(arguments, error_log);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int render(const struct edge_rig *rig, const char *folder, const char *error_log)
{
	char config[256];
	(void)snprintf(config, sizeof(config), "%s/safelight.conf", rig->folder);
	return run_program((const char *const[]){ "cdn-config/render.sh", "--config", config, "--out", folder,
	                                          "--module", rig->module, NULL },
	                   error_log);
}

int edge_rig_render(const struct edge_rig *rig)
{
	char folder[256], log[256];
	(void)snprintf(folder, sizeof(folder), "%s/again", rig->folder);
	(void)snprintf(log, sizeof(log), "%s/render.log", rig->folder);
	(void)unlink(log);
	return render(rig, folder, log);
}

static void write_configuration(struct edge_rig *rig, const char *edge_settings)
{
	char text[4096];
	(void)snprintf(text, sizeof(text),
	               "[store]\nendpoint = http://127.0.0.1:%u\npublic_endpoint = http://127.0.0.1:%u/\n"
	               "cors_origins = http://127.0.0.1:%u, https://app.example\n"
	               "[ingest]\nlisten = 127.0.0.1:%u\n[api]\nlisten = 127.0.0.1:%u\n"
	               "[transcoder]\nlisten = 127.0.0.1:%u\n"
	               "[cdn]\npublic_url = http://127.0.0.1:%u\nkeys_file = %s/keys\npurge_token_file = %s/token\n"
	               "[edge]\nlisten = 127.0.0.1:%u ; a comment\nadmin_listen = 127.0.0.1:%u\n"
	               "access_key = edge\nsecret_key_file = %s/secret\n%s",
	               rig->store.port, rig->port, rig->port, rig->ingest.port, rig->api.port, rig->port + 5, rig->port,
	               rig->folder, rig->folder, rig->port, rig->admin_port, rig->folder, edge_settings);
	write_file(rig->folder, "safelight.conf", text);
	write_file(rig->folder, "keys", KEYS);
	write_file(rig->folder, "token", EDGE_PURGE_TOKEN "\n");
	write_file(rig->folder, "secret", "secret-of-the-test\n");
}

// The rendered file with one directive exchanged.
static void change_configuration(const struct edge_rig *rig, const char *from, const char *to)
{
	char path[512];
	CLEANUP(free_pointer) char *text = NULL;
	size_t length;
	(void)snprintf(path, sizeof(path), "%s/nginx.conf", rig->folder);
	assert_int_equal(file_read(path, 1 << 20, &text, &length, NULL), RC_OK);
	char *at = strstr(text, from);
	assert_non_null(at);
	struct buffer out;
	buffer_init(&out, 1 << 20);
	buffer_append(&out, text, (size_t)(at - text));
	buffer_append_text(&out, to);
	buffer_append_text(&out, at + strlen(from));
	write_file(rig->folder, "nginx.conf", buffer_text(&out));
	buffer_done(&out);
}

static void wait_for_edge(struct edge_rig *rig)
{
	for (int waited = 0; waited < 10000; waited += 20) {
		struct edge_reply reply = edge_request(rig->admin_port, "GET", "/healthz", NULL);
		unsigned status = reply.status;
		edge_reply_done(&reply);
		if (status == 200)
			return;
		clock_sleep_ms(20);
	}
	fail_msg("nginx does not answer on port %u", rig->admin_port);
}

// The module stands beside the test in its build folder.
static void find_module(char *ret_path, size_t size)
{
	char self[400];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	assert_true(length > 0);
	self[length] = '\0';
	char *end = strstr(self, "/tests/integration/");
	assert_non_null(end);
	*end = '\0';
	(void)snprintf(ret_path, size, "%s/lib/ngx_http_safelight_module.so", self);
}

static bool is_port_free(uint16_t port)
{
	int yes = 1;
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CLEANUP(close_descriptor) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	return bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
}

// The first of ten ports of which those that the rig uses are free.
static uint16_t find_ports(void)
{
	const char *base = getenv("EDGE_TEST_PORT");
	uint16_t first = base != NULL ? (uint16_t)strtoul(base, NULL, 10) : DEFAULT_PORT;
	for (uint16_t port = first; port < first + 10 * PORT_BLOCKS; port = (uint16_t)(port + 10)) {
		bool is_free = true;
		for (uint16_t i = 0; i < 10 && is_free; i++)
			is_free = is_port_free((uint16_t)(port + i));
		if (is_free)
			return port;
	}
	fail_msg("no ten free ports from %u on; set EDGE_TEST_PORT", first);
	return 0;
}

void edge_rig_start(struct edge_rig *rig, const char *cache_valid)
{
	edge_rig_start_with(rig, cache_valid, "");
}

void edge_rig_start_with(struct edge_rig *rig, const char *cache_valid, const char *edge_settings)
{
	uint16_t port = find_ports();
	*rig = (struct edge_rig){ .port = port, .admin_port = (uint16_t)(port + 9) };
	(void)snprintf(rig->folder, sizeof(rig->folder), "/tmp/safelight-edge-XXXXXX");
	assert_non_null(mkdtemp(rig->folder));
	find_module(rig->module, sizeof(rig->module));
	edge_origin_start(&rig->ingest, "ingest", (uint16_t)(port + 1));
	edge_origin_start(&rig->api, "api", (uint16_t)(port + 2));
	edge_origin_start(&rig->store, "store", (uint16_t)(port + 4));
	write_configuration(rig, edge_settings);
	assert_int_equal(delivery_keys_parse(KEYS, &rig->keys, NULL), RC_OK);

	assert_int_equal(render(rig, rig->folder, NULL), 0);
	if (cache_valid != NULL)
		change_configuration(rig, "proxy_cache_valid 200 30d;", cache_valid);
	// As it will be in production: a master that keeps its rights, workers that have none.
	char error_log[256];
	(void)snprintf(error_log, sizeof(error_log), "%s/error.log", rig->folder);
	rig->nginx = start_program(
	        (const char *const[]){ "nginx", "-p", rig->folder, "-c", "nginx.conf", "-g", "daemon off;", NULL },
	        error_log);
	wait_for_edge(rig);
	edge_rig_fresh_media(rig);
}

static int find_complaints(const struct edge_rig *rig)
{
	static const char *const complaints[] = { "[alert]", "Sanitizer", "runtime error" };
	int result = 0;
	struct buffer log;
	buffer_init(&log, 16 << 20);
	edge_rig_read_log(rig, "error.log", &log);
	for (size_t i = 0; i < sizeof(complaints) / sizeof(complaints[0]); i++) {
		const char *at = strstr(buffer_text(&log), complaints[i]);
		if (at == NULL)
			continue;
		print_error("nginx: %.*s\n", (int)strcspn(at, "\n"), at);
		result = -1;
	}
	buffer_done(&log);
	return result;
}

int edge_rig_stop(struct edge_rig *rig)
{
	if (rig->nginx > 0) {
		int status;
		(void)kill(rig->nginx, SIGTERM);
		(void)waitpid(rig->nginx, &status, 0);
	}
	edge_origin_stop(&rig->store);
	edge_origin_stop(&rig->ingest);
	edge_origin_stop(&rig->api);
	delivery_keys_wipe(&rig->keys);
	int result = find_complaints(rig);
	if (getenv("EDGE_TEST_KEEP") == NULL)
		(void)run_program((const char *const[]){ "rm", "-rf", "--", rig->folder, NULL }, NULL);
	return result;
}

// The pids of nginx's workers, in one text.
static void list_workers(const struct edge_rig *rig, char *ret_text, size_t size)
{
	char path[96];
	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", rig->nginx, rig->nginx);
	CLEANUP(close_descriptor) int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd >= 0 ? read(fd, ret_text, size - 1) : 0;
	ret_text[length > 0 ? length : 0] = '\0';
}

// True when none of the processes named in the text are alive any more (the old cache manager and loader included).
static bool are_gone(const char *pids)
{
	char *end;
	for (const char *at = pids; *at != '\0'; at = end) {
		long pid = strtol(at, &end, 10);
		if (end == at)
			return true;
		if (pid > 0 && kill((pid_t)pid, 0) == 0)
			return false;
		end += strspn(end, " \n");
	}
	return true;
}

void edge_rig_rotate(struct edge_rig *rig, const char *keys)
{
	char before[256];
	list_workers(rig, before, sizeof(before));
	write_file(rig->folder, "keys", keys);
	assert_int_equal(kill(rig->nginx, SIGHUP), 0);
	for (int waited = 0; !are_gone(before); waited += 20) {
		if (waited > 15000)
			fail_msg("nginx's old workers do not end: %s", before);
		clock_sleep_ms(20);
	}
	wait_for_edge(rig);
}

void edge_rig_try_rotate(struct edge_rig *rig, const char *keys)
{
	write_file(rig->folder, "keys", keys);
	assert_int_equal(kill(rig->nginx, SIGHUP), 0);
	bool is_refused = false;
	for (int waited = 0; !is_refused && waited < 5000; waited += 20) {
		struct buffer log;
		buffer_init(&log, 16 << 20);
		edge_rig_read_log(rig, "error.log", &log);
		is_refused = strstr(buffer_text(&log), "expected 64 hex digits") != NULL;
		buffer_done(&log);
		clock_sleep_ms(20);
	}
	assert_true(is_refused);
}

void edge_rig_fresh_media(struct edge_rig *rig)
{
	rig->media_id = uuid_new();
	edge_origin_reset(&rig->store);
}

void edge_rig_sign(struct edge_rig *rig, const char *variant, enum media_format format, int64_t lifetime,
                   char ret_url[DELIVERY_URL_SIZE])
{
	struct delivery_grant grant = { .media_id = rig->media_id, .generation = 1, .format = format };
	(void)snprintf(grant.variant, sizeof(grant.variant), "%s", variant);
	grant.formats = format == FORMAT_NONE ? FORMAT_SET_DELIVERY : 0;
	grant.expiry = lifetime != 0 ? clock_now_us() / 1000000 + lifetime : DELIVERY_FOREVER;
	(void)delivery_sign(&rig->keys, &grant, ret_url);
}

void edge_reply_done(struct edge_reply *reply)
{
	free(reply->head);
	free(reply->body);
	*reply = (struct edge_reply){ 0 };
}

static int connect_to(uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	struct timeval patience = { .tv_sec = 20 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

static struct edge_reply parse_reply(const struct buffer *bytes)
{
	struct edge_reply reply = { 0 };
	char *body = bytes->length > 0 ? strstr(bytes->data, "\r\n\r\n") : NULL;
	if (body == NULL || sscanf(bytes->data, "HTTP/1.1 %u", &reply.status) != 1)
		return reply;
	body += 4;
	reply.length = bytes->length - (size_t)(body - bytes->data);
	reply.head = strndup(bytes->data, (size_t)(body - bytes->data));
	reply.body = malloc(reply.length + 1);
	if (reply.head == NULL || reply.body == NULL)
		abort();
	memcpy(reply.body, body, reply.length);
	reply.body[reply.length] = '\0';
	return reply;
}

// True when the body that the head declares is there: the server may take its time to close.
static bool is_complete(const struct buffer *bytes)
{
	const char *body = bytes->length > 0 ? strstr(bytes->data, "\r\n\r\n") : NULL;
	const char *declared = body != NULL ? strcasestr(bytes->data, "\r\ncontent-length: ") : NULL;
	if (declared == NULL || declared > body)
		return false;
	size_t length = strtoul(declared + strlen("\r\ncontent-length: "), NULL, 10);
	return bytes->length >= (size_t)(body + 4 - bytes->data) + length;
}

struct edge_reply edge_send(uint16_t port, const char *bytes, size_t length)
{
	struct edge_reply reply = { 0 };
	CLEANUP(close_descriptor) int fd = connect_to(port);
	if (fd < 0)
		return reply;
	while (length > 0) {
		ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
		if (sent <= 0)
			break; // refused early: the answer is there to read
		bytes += sent;
		length -= (size_t)sent;
	}
	struct buffer all;
	buffer_init(&all, REPLY_BYTES_MAX);
	char piece[16384];
	ssize_t got;
	while (!is_complete(&all) && (got = recv(fd, piece, sizeof(piece), 0)) > 0)
		buffer_append(&all, piece, (size_t)got);
	reply = parse_reply(&all);
	buffer_done(&all);
	return reply;
}

struct edge_reply edge_request(uint16_t port, const char *method, const char *target, const char *headers)
{
	struct buffer request;
	buffer_init(&request, 2 * 1024 * 1024);
	buffer_append_format(&request, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n", method, target);
	buffer_append_text(&request, headers != NULL ? headers : "");
	buffer_append_text(&request, "\r\n");
	struct edge_reply reply = edge_send(port, request.data, request.length);
	buffer_done(&request);
	return reply;
}

struct edge_reply edge_get(struct edge_rig *rig, const char *target, const char *headers)
{
	return edge_request(rig->port, "GET", target, headers);
}

bool edge_reply_names(const struct edge_reply *reply, const char *name)
{
	char wanted[128];
	(void)snprintf(wanted, sizeof(wanted), "\r\n%s:", name);
	return reply->head != NULL && strcasestr(reply->head, wanted) != NULL;
}

bool edge_reply_has(const struct edge_reply *reply, const char *name, const char *value)
{
	char wanted[512];
	(void)snprintf(wanted, sizeof(wanted), "\r\n%s: %s\r\n", name, value);
	return reply->head != NULL && strcasestr(reply->head, wanted) != NULL;
}

void edge_assert_problem(const struct edge_reply *reply, unsigned status, const char *slug)
{
	if (reply->status != status)
		fail_msg("status %u instead of %u: %s", reply->status, status, reply->body != NULL ? reply->body : "");
	if (!edge_reply_has(reply, "Content-Type", "application/problem+json") ||
	    !edge_reply_has(reply, "Cache-Control", "no-store") ||
	    !edge_reply_has(reply, "X-Content-Type-Options", "nosniff") || !edge_reply_names(reply, "X-Request-Id") ||
	    edge_reply_names(reply, "ETag") || strstr(reply->head, "secret-internals") != NULL ||
	    strstr(reply->body, "<Error>") != NULL)
		fail_msg("not the headers or body of a problem: %s%s", reply->head, reply->body);
	json_t *body = json_loadb(reply->body, reply->length, JSON_REJECT_DUPLICATES, NULL);
	char type[128];
	(void)snprintf(type, sizeof(type), "/problems/%s", slug);
	if (!json_is_object(body) || json_integer_value(json_object_get(body, "status")) != (json_int_t)status ||
	    !json_is_string(json_object_get(body, "type")) || !json_is_string(json_object_get(body, "request_id")) ||
	    strcmp(json_string_value(json_object_get(body, "type")), type) != 0)
		fail_msg("not the problem %s: %s", slug, reply->body);
	json_decref(body);
}

void edge_assert_cache(struct edge_rig *rig, const char *target, const char *headers, const char *cache)
{
	struct edge_reply reply = edge_get(rig, target, headers);
	if (reply.status != 200 || !edge_reply_has(&reply, "X-Cache", cache))
		fail_msg("not 200 %s: %u %s", cache, reply.status, reply.head != NULL ? reply.head : "");
	edge_reply_done(&reply);
}
