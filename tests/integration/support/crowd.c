// Many readers at once.
#include "tests/integration/support/crowd.h"

#include <pthread.h>

#include "tests/integration/support/http.h"
#include "tests/unit/cmocka_all.h"

struct readers {
	const char *const *urls;
	size_t url_count;
	int each;
	size_t next;
	struct test_crowd crowd;
};

static void *read_them(void *argument)
{
	struct readers *readers = argument;
	for (int i = 0; i < readers->each; i++) {
		struct test_reply reply;
		size_t turn = __atomic_fetch_add(&readers->next, 1, __ATOMIC_RELAXED);
		test_http(&(struct test_call){ .url = readers->urls[turn % readers->url_count] }, &reply);
		__atomic_fetch_add(reply.status == 200   ? &readers->crowd.shown
		                   : reply.status == 403 ? &readers->crowd.refused
		                                         : &readers->crowd.other,
		                   1, __ATOMIC_RELAXED);
		test_reply_done(&reply);
	}
	return NULL;
}

struct test_crowd test_crowd_send(const char *const *urls, size_t url_count, int each)
{
	struct readers readers = { .urls = urls, .url_count = url_count, .each = each };
	pthread_t threads[TEST_CROWD_THREADS];
	for (int i = 0; i < TEST_CROWD_THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_them, &readers), 0);
	for (int i = 0; i < TEST_CROWD_THREADS; i++)
		(void)pthread_join(threads[i], NULL);
	return readers.crowd;
}
