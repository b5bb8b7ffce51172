// Speaking tus.
#include "tests/integration/support/tus.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "tests/unit/cmocka_all.h"

#define HEADERS_MAX 8

void tus_call(const struct test_account *account, const char *base, const char *method, const char *path,
              const void *body, size_t length, struct test_reply *ret_reply, ...)
{
	const char *headers[HEADERS_MAX + 1] = { "Tus-Resumable: 1.0.0" };
	char url[512];
	size_t count = 1;
	va_list arguments;
	va_start(arguments, ret_reply);
	for (const char *line; (line = va_arg(arguments, const char *)) != NULL && count < HEADERS_MAX;)
		headers[count++] = line;
	va_end(arguments);
	(void)snprintf(url, sizeof url, "%s%s", base, path);
	test_http(&(struct test_call){ .method = method,
	                               .url = url,
	                               .token = account == NULL ? NULL : account->access_token,
	                               .body = body,
	                               .length = length,
	                               .headers = headers },
	          ret_reply);
}

void tus_create(const struct test_account *account, const char *filename, const char *content_type, size_t size,
                char ret_path[64])
{
	struct test_reply reply;
	char name[256], type[256], metadata[600], length[64];
	encode_base64(filename, strlen(filename), name);
	encode_base64(content_type, strlen(content_type), type);
	(void)snprintf(metadata, sizeof metadata, "Upload-Metadata: filename %s,filetype %s,is_new", name, type);
	(void)snprintf(length, sizeof length, "Upload-Length: %zu", size);
	tus_call(account, "", "POST", "/files", NULL, 0, &reply, metadata, length, NULL);
	test_assert_status(&reply, 201);
	test_reply_header(&reply, "Location", ret_path, 64);
	test_reply_done(&reply);
}

static int64_t offset_of(const struct test_reply *reply)
{
	char text[32];
	test_reply_header(reply, "Upload-Offset", text, sizeof text);
	return text[0] == '\0' ? -1 : strtoll(text, NULL, 10);
}

unsigned tus_patch(const struct test_account *account, const char *base, const char *path, int64_t offset,
                   const void *data, size_t length, int64_t *ret_offset)
{
	struct test_reply reply;
	char line[64];
	(void)snprintf(line, sizeof line, "Upload-Offset: %lld", (long long)offset);
	tus_call(account, base, "PATCH", path, data, length, &reply, line,
	         "Content-Type: application/offset+octet-stream", NULL);
	unsigned status = reply.status;
	*ret_offset = offset_of(&reply);
	test_reply_done(&reply);
	return status;
}

int64_t tus_offset(const struct test_account *account, const char *path)
{
	struct test_reply reply;
	tus_call(account, "", "HEAD", path, NULL, 0, &reply, NULL);
	test_assert_status(&reply, 200);
	int64_t offset = offset_of(&reply);
	test_reply_done(&reply);
	return offset;
}

int tus_open_patch(const struct test_account *account, uint16_t port, const char *path, int64_t offset, size_t promised)
{
	char head[4096];
	struct sockaddr_in address = { .sin_family = AF_INET,
		                       .sin_port = htons(port),
		                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int connection = socket(AF_INET, SOCK_STREAM, 0);
	assert_true(connection >= 0);
	assert_int_equal(connect(connection, (struct sockaddr *)&address, sizeof address), 0);
	int length = snprintf(head, sizeof head,
	                      "PATCH %s HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer %s\r\nTus-Resumable: 1.0.0\r\n"
	                      "Content-Type: application/offset+octet-stream\r\nUpload-Offset: %lld\r\n"
	                      "Content-Length: %zu\r\n\r\n",
	                      path, account->access_token, (long long)offset, promised);
	assert_true(length > 0 && (size_t)length < sizeof head);
	assert_true(tus_send(connection, head, (size_t)length));
	return connection;
}

bool tus_send(int connection, const void *data, size_t length)
{
	const char *at = data;
	while (length > 0) {
		ssize_t sent = send(connection, at, length, MSG_NOSIGNAL);
		if (sent <= 0)
			return false;
		at += sent;
		length -= (size_t)sent;
	}
	return true;
}

void tus_resume(const struct test_account *account, const char *path, const char *data, size_t size, int64_t timeout_ms)
{
	struct deadline deadline = deadline_after_ms(timeout_ms);
	unsigned status = 0;
	for (;;) {
		struct test_reply reply;
		tus_call(account, "", "HEAD", path, NULL, 0, &reply, NULL);
		int64_t offset = reply.status == 200 ? offset_of(&reply) : -1, next = -1;
		test_reply_done(&reply);
		if (offset >= 0)
			status = tus_patch(account, "", path, offset, data + offset, size - (size_t)offset, &next);
		if (offset == (int64_t)size || (status == 204 && next == (int64_t)size))
			return;
		if (deadline_passed(deadline))
			fail_msg("not resumed within %lld ms: %u at %lld", (long long)timeout_ms, status,
			         (long long)offset);
		clock_sleep_ms(200);
	}
}
