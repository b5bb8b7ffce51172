// Redis, where one is configured.
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/settings.h"
#include "cache/cache.h"
#include "safelightctl/command.h"
#include "safelightctl/doctor.h"

// A person waits: longer than the services give it.
#define CONNECT_MS 2000
#define STRANGER_MS 1000
#define STEP_MS 10
#define INFO_BYTES 8192

// What INFO says; written by the link's thread before is_said, and not after cache_close().
struct info {
	atomic_bool is_said;
	enum rc rc;
	char text[INFO_BYTES];
};

static void take_info(void *context, const struct cache_reply *reply)
{
	struct info *info = context;
	size_t length = reply->length < sizeof info->text ? reply->length : sizeof info->text - 1;
	info->rc = reply->rc;
	if (reply->rc == RC_OK && reply->data != NULL)
		memcpy(info->text, reply->data, length);
	atomic_store(&info->is_said, true);
}

static struct cache *open_link(const struct settings *settings, const char *user, const char *password,
                               int64_t timeout_ms, struct err *err)
{
	const struct cache_options options = { .name = "ctl",
		                               .url = settings->redis_url,
		                               .user = user,
		                               .password = password,
		                               .key = settings->redis_key,
		                               .timeout_ms = timeout_ms };
	struct cache *cache = NULL;
	return cache_open(&options, &cache, err) == RC_OK ? cache : NULL;
}

static bool comes_up(struct cache *cache, int64_t within_ms)
{
	const struct deadline deadline = deadline_after_ms(within_ms);
	while (!cache_is_up(cache) && !deadline_passed(deadline))
		clock_sleep_ms(STEP_MS);
	return cache_is_up(cache);
}

// "maxmemory:104857600\r\n": the value of a line, up to its end. false: there is none.
static bool find_value(const char *text, const char *name, char *ret_value, size_t size)
{
	const char *at = strstr(text, name);
	size_t length = at == NULL ? 0 : strcspn(at + strlen(name), "\r\n");
	if (at == NULL || length >= size)
		return false;
	memcpy(ret_value, at + strlen(name), length);
	ret_value[length] = '\0';
	return true;
}

// Without a limit it grows until the system kills it, and with `noeviction` it refuses all writes at its limit.
static void judge_memory(struct doctor *doctor, const struct info *info)
{
	char most[32] = "", policy[64] = "";
	bool is_known = info->rc == RC_OK && find_value(info->text, "\nmaxmemory:", most, sizeof most) &&
	                find_value(info->text, "\nmaxmemory_policy:", policy, sizeof policy);
	bool is_bounded = strtoll(most, NULL, 10) > 0, gives_way = strcmp(policy, "noeviction") != 0;
	doctor_add(doctor, "redis: memory", is_known && is_bounded && gives_way,
	           is_known ? "set maxmemory 100mb and maxmemory-policy volatile-ttl in redis.conf"
	                    : "allow [redis] user the INFO command",
	           "%s",
	           !is_known     ? "it does not tell"
	           : !is_bounded ? "no limit"
	           : gives_way   ? policy
	                         : "noeviction");
}

// Whoever reaches it without the password must be turned away. (A socket has the file system's permissions.)
static void check_stranger(struct doctor *doctor)
{
	const struct settings *settings = doctor->call->settings;
	struct err err = { 0 };
	struct cache *cache =
	        strncmp(settings->redis_url, "unix:", 5) == 0 ? NULL : open_link(settings, "", "", STRANGER_MS, &err);
	if (cache == NULL)
		return;
	bool is_in = comes_up(cache, STRANGER_MS);
	cache_close(cache);
	doctor_add(doctor, "redis: password", !is_in,
	           "set requirepass in redis.conf, and [redis] password_file the same", "%s",
	           is_in ? "anybody may connect" : "a stranger is turned away");
}

void doctor_check_redis(struct doctor *doctor)
{
	const struct settings *settings = doctor->call->settings;
	const struct cache_word words[] = { cache_word("INFO"), cache_word("memory") };
	struct info info = { .rc = RC_UNAVAILABLE };
	struct err err = { 0 };
	if (settings->redis_url[0] == '\0') {
		doctor_add(doctor, "redis", true, "", "none is configured: each instance limits by itself");
		return;
	}
	struct cache *cache = open_link(settings, settings->redis_user, settings->redis_password, CONNECT_MS, &err);
	if (cache == NULL) {
		doctor_add(doctor, "redis", false, "mend [redis] in the configuration", "%s", err.text);
		return;
	}
	bool is_up = comes_up(cache, CONNECT_MS);
	doctor_add(doctor, "redis", is_up, "start redis-server; check [redis] url, user and password", "%s %s",
	           settings->redis_url, is_up ? "answers" : "does not: each instance limits by itself");
	if (is_up) {
		cache_call(cache, words, sizeof words / sizeof words[0], take_info, &info);
		for (int i = 0; i < CONNECT_MS / STEP_MS && !atomic_load(&info.is_said); i++)
			clock_sleep_ms(STEP_MS);
	}
	cache_close(cache);
	if (!is_up)
		return;
	judge_memory(doctor, &info);
	check_stranger(doctor);
}
