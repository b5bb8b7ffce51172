// Starting the stand-ins and asking them.
#include "tests/integration/support/receivers.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/integration/support/events.h"
#include "tests/integration/support/http.h"
#include "tests/integration/support/stack.h"
#include "tests/unit/cmocka_all.h"

static bool answers(void *context)
{
	struct test_receivers *receivers = context;
	struct test_reply reply;
	test_http_json("GET", receivers->address, NULL, NULL, &reply);
	bool is_there = reply.status == 200;
	test_reply_done(&reply);
	return is_there;
}

void test_receivers_start(struct test_receivers *ret_receivers)
{
	char port[16];
	int ends[2];
	(void)snprintf(port, sizeof port, "%u", test_port_find());
	(void)snprintf(ret_receivers->address, sizeof ret_receivers->address, "http://127.0.0.1:%s", port);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0); // else a service started by a test keeps it open
	ret_receivers->process = fork();
	assert_true(ret_receivers->process >= 0);
	if (ret_receivers->process == 0) {
		(void)dup2(ends[0], STDIN_FILENO);
		(void)execlp("python3", "python3", "tests/integration/receivers.py", port, (char *)NULL);
		_exit(127);
	}
	(void)close(ends[0]);
	ret_receivers->input = ends[1];
	test_wait(answers, ret_receivers, 20000, "the receivers");
}

void test_receivers_stop(struct test_receivers *receivers)
{
	int status;
	(void)close(receivers->input);
	(void)waitpid(receivers->process, &status, 0);
}

static json_t *read_log(const struct test_receivers *receivers, struct test_reply *reply)
{
	char url[80];
	(void)snprintf(url, sizeof url, "%s/log", receivers->address);
	test_http_json("GET", url, NULL, NULL, reply);
	test_assert_status(reply, 200);
	return reply->json;
}

static json_t *find(json_t *log, const char *path, size_t index, size_t *ret_count)
{
	size_t at, count = 0;
	json_t *post, *found = NULL;
	json_array_foreach(log, at, post)
	{
		if (strcmp(test_json_text(post, "path"), path) != 0)
			continue;
		if (count++ == index)
			found = post;
	}
	*ret_count = count;
	return found;
}

size_t test_receivers_count(const struct test_receivers *receivers, const char *path)
{
	struct test_reply reply;
	size_t count;
	(void)find(read_log(receivers, &reply), path, 0, &count);
	test_reply_done(&reply);
	return count;
}

struct awaiting {
	const struct test_receivers *receivers;
	const char *path;
	size_t count;
};

static bool has_so_many(void *context)
{
	struct awaiting *awaiting = context;
	return test_receivers_count(awaiting->receivers, awaiting->path) >= awaiting->count;
}

void test_receivers_await(const struct test_receivers *receivers, const char *path, size_t count, int64_t timeout_ms)
{
	struct awaiting awaiting = { receivers, path, count };
	char what[100];
	(void)snprintf(what, sizeof what, "%zu posts to %s", count, path);
	test_wait(has_so_many, &awaiting, timeout_ms, what);
}

json_t *test_receivers_post(const struct test_receivers *receivers, const char *path, size_t index)
{
	struct test_reply reply;
	size_t count;
	json_t *post = json_incref(find(read_log(receivers, &reply), path, index, &count));
	test_reply_done(&reply);
	assert_non_null(post);
	return post;
}

size_t test_receivers_verified(const struct test_receivers *receivers, const char *path, const char *secret)
{
	char url[400];
	struct test_reply reply;
	char *escaped = curl_easy_escape(NULL, secret, 0);
	(void)snprintf(url, sizeof url, "%s/verified?path=%s&secret=%s", receivers->address, path, escaped);
	curl_free(escaped);
	test_http_json("GET", url, NULL, NULL, &reply);
	test_assert_status(&reply, 200);
	size_t count = strtoul(reply.body, NULL, 10);
	test_reply_done(&reply);
	return count;
}

int test_receivers_ask_reference(const json_t *post, const char *secret)
{
	int ends[2], status;
	json_t *question = json_pack("{s:s, s:O, s:O}", "secret", secret, "headers", json_object_get(post, "headers"),
	                             "body", json_object_get(post, "body"));
	assert_non_null(question);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid_t library = fork();
	assert_true(library >= 0);
	if (library == 0) {
		(void)dup2(ends[0], STDIN_FILENO);
		(void)execl("tests/webhooks/verify.sh", "verify.sh", (char *)NULL);
		_exit(127);
	}
	(void)close(ends[0]);
	assert_int_equal(json_dumpfd(question, ends[1], 0), 0);
	(void)close(ends[1]);
	json_decref(question);
	assert_int_equal(waitpid(library, &status, 0), library);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}
