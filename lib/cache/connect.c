// Where Redis is, and getting there.
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "cache/cache_private.h"

#define CONNECT_MS 1000
#define DEFAULT_PORT 6379

static enum rc refuse(struct err *err)
{
	return err_set(err, RC_INVALID,
	               "it has to look like redis://host:6379, redis://host:6379/2 or unix:/path; user and "
	               "password stand in options of their own");
}

// A whole number up to most, followed by `end` or the text's end. False otherwise.
static bool parse_number(const char *text, char end, long most, int *ret_number, const char **ret_rest)
{
	char *rest;
	if (*text < '0' || *text > '9')
		return false;
	long number = strtol(text, &rest, 10);
	if (number > most || (*rest != end && *rest != '\0'))
		return false;
	*ret_number = (int)number;
	*ret_rest = rest;
	return true;
}

enum rc cache_address_parse(const char *url, struct cache_address *ret_address, struct err *err)
{
	struct cache_address address = { .port = DEFAULT_PORT };
	if (strncmp(url, "unix:/", 6) == 0 && strlen(url) < sizeof address.host + 5) {
		address.port = 0;
		(void)snprintf(address.host, sizeof address.host, "%s", url + 5);
		*ret_address = address;
		return RC_OK;
	}
	if (strncmp(url, "redis://", 8) != 0)
		return refuse(err);
	const char *at = url + 8;
	bool is_bracketed = *at == '[';
	at += is_bracketed;
	size_t length = strcspn(at, is_bracketed ? "]" : ":/");
	if (length == 0 || length >= sizeof address.host || memchr(at, '@', length) != NULL)
		return refuse(err);
	memcpy(address.host, at, length);
	at += length;
	if (is_bracketed && *at++ != ']')
		return refuse(err);
	if (*at == ':' && (!parse_number(at + 1, '/', 65535, &address.port, &at) || address.port == 0))
		return refuse(err);
	if (*at == '/' && at[1] != '\0' && !parse_number(at + 1, '\0', 100000, &address.database, &at))
		return refuse(err);
	if (*at != '\0' && strcmp(at, "/") != 0)
		return refuse(err);
	*ret_address = address;
	return RC_OK;
}

static bool is_connected(struct cache *cache, struct deadline deadline)
{
	int failure = 0;
	socklen_t size = sizeof failure;
	const int on = 1;
	// A wake-up is no reason to give up.
	while (cache_link_wait(cache, POLLOUT, deadline_left_ms(deadline)) == 0)
		if (deadline_passed(deadline))
			return false;
	if (cache->address.port != 0)
		(void)setsockopt(cache->link->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return getsockopt(cache->link->fd, SOL_SOCKET, SO_ERROR, &failure, &size) == 0 && failure == 0;
}

// Who we are, which database, and whether it is there: returns how many replies are to come.
static int append_greeting(struct cache *cache)
{
	int count = 1;
	if (cache->password[0] != '\0' && cache->user[0] != '\0')
		count += redisAppendCommand(cache->link, "AUTH %s %s", cache->user, cache->password) == REDIS_OK;
	else if (cache->password[0] != '\0')
		count += redisAppendCommand(cache->link, "AUTH %s", cache->password) == REDIS_OK;
	if (cache->address.database != 0)
		count += redisAppendCommand(cache->link, "SELECT %d", cache->address.database) == REDIS_OK;
	(void)redisAppendCommand(cache->link, "PING");
	return count;
}

static bool greet(struct cache *cache, struct deadline deadline)
{
	int all_written = 0;
	for (int missing = append_greeting(cache); missing > 0;) {
		void *reply = NULL;
		if (!all_written && redisBufferWrite(cache->link, &all_written) != REDIS_OK)
			return false;
		if (redisGetReplyFromReader(cache->link, &reply) != REDIS_OK)
			return false;
		if (reply != NULL) {
			bool is_error = ((redisReply *)reply)->type == REDIS_REPLY_ERROR;
			freeReplyObject(reply);
			if (is_error)
				return false;
			missing--;
			continue;
		}
		if (deadline_passed(deadline))
			return false;
		short ready = cache_link_wait(cache, (short)(POLLIN | (all_written ? 0 : POLLOUT)),
		                              deadline_left_ms(deadline));
		if ((ready & (POLLIN | POLLHUP | POLLERR)) != 0 && redisBufferRead(cache->link) != REDIS_OK)
			return false;
		if (cache->link->reader->len > CACHE_REPLY_BYTES)
			return false;
	}
	return true;
}

bool cache_link_connect(struct cache *cache)
{
	struct deadline deadline = deadline_after_ms(CONNECT_MS);
	const struct cache_address *address = &cache->address;
	cache->link = address->port == 0 ? redisConnectUnixNonBlock(address->host)
	                                 : redisConnectNonBlock(address->host, address->port);
	return cache->link != NULL && cache->link->err == 0 && is_connected(cache, deadline) && greet(cache, deadline);
}
