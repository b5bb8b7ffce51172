// Opens the listening socket ourselves, so that a taken port is an error with a name.
#include "http/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/service_manager.h"

#define LISTENER_BACKLOG 1024

static enum rc resolve(const char *address, struct addrinfo **ret_info, struct err *err)
{
	char host[64];
	const char *colon = strrchr(address, ':');
	size_t length = colon == NULL ? sizeof host : (size_t)(colon - address);
	if (length >= sizeof host || colon[1] == '\0')
		return err_set(err, RC_INVALID, "\"%s\" is not address:port", address);
	memcpy(host, address, length);
	host[length] = '\0';
	char *name = host;
	if (length >= 2 && host[0] == '[' && host[length - 1] == ']') {
		host[length - 1] = '\0';
		name++;
	}
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		                        .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV };
	int failure = getaddrinfo(name, colon + 1, &hints, ret_info);
	if (failure != 0)
		return err_set(err, RC_INVALID, "\"%s\" is not address:port: %s", address, gai_strerror(failure));
	return RC_OK;
}

static enum rc bind_failed(const char *address, struct err *err)
{
	enum rc rc = errno == EADDRINUSE ? RC_EXISTS : errno == EACCES ? RC_DENIED : RC_INVALID;
	return err_set(err, rc, "cannot listen on %s: %s", address, strerror(errno));
}

// The port stands at the same place in both families.
static uint16_t port_of(const struct sockaddr_storage *address)
{
	struct sockaddr_in as_four;
	memcpy(&as_four, address, sizeof as_four);
	return ntohs(as_four.sin_port);
}

static bool same_address(const struct sockaddr_storage *bound, const struct addrinfo *wanted)
{
	if (bound->ss_family != wanted->ai_family)
		return false;
	if (bound->ss_family == AF_INET) {
		struct sockaddr_in ours, theirs;
		memcpy(&ours, wanted->ai_addr, sizeof ours);
		memcpy(&theirs, bound, sizeof theirs);
		return ours.sin_port == theirs.sin_port && ours.sin_addr.s_addr == theirs.sin_addr.s_addr;
	}
	struct sockaddr_in6 ours, theirs;
	memcpy(&ours, wanted->ai_addr, sizeof ours);
	memcpy(&theirs, bound, sizeof theirs);
	return ours.sin6_port == theirs.sin6_port &&
	       memcmp(&ours.sin6_addr, &theirs.sin6_addr, sizeof ours.sin6_addr) == 0;
}

// The manager's socket on that address, ready for an event loop; -1 when there is none.
static int inherit(const struct addrinfo *info)
{
	const int on = 1;
	int first = 0;
	int count = service_manager_sockets(&first);
	for (int descriptor = first; descriptor < first + count; descriptor++) {
		struct sockaddr_storage bound = { .ss_family = AF_UNSPEC };
		socklen_t size = sizeof bound;
		if (getsockname(descriptor, (struct sockaddr *)&bound, &size) != 0 || !same_address(&bound, info))
			continue;
		(void)fcntl(descriptor, F_SETFL, O_NONBLOCK);
		(void)setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		return descriptor;
	}
	return -1;
}

// Binds and listens; -1 with errno set.
static int bind_and_listen(const struct addrinfo *info)
{
	const int on = 1;
	int descriptor = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	// Accepted sockets inherit TCP_NODELAY.
	if (descriptor >= 0 && setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
	    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 &&
	    bind(descriptor, info->ai_addr, info->ai_addrlen) == 0 && listen(descriptor, LISTENER_BACKLOG) == 0)
		return descriptor;
	int failure = errno;
	close_descriptor(&descriptor);
	errno = failure;
	return -1;
}

enum rc listener_open(const char *address, struct listener *ret_listener, struct err *err)
{
	struct addrinfo *info = NULL;
	enum rc rc = resolve(address, &info, err);
	if (rc != RC_OK)
		return rc;
	CLEANUP(close_descriptor) int descriptor = inherit(info);
	bool is_inherited = descriptor >= 0;
	if (!is_inherited)
		descriptor = bind_and_listen(info);
	int failure = errno;
	freeaddrinfo(info);
	errno = failure;
	struct sockaddr_storage bound = { .ss_family = AF_UNSPEC };
	socklen_t size = sizeof bound;
	if (descriptor < 0 || getsockname(descriptor, (struct sockaddr *)&bound, &size) != 0)
		return bind_failed(address, err);
	*ret_listener = (struct listener){ descriptor, port_of(&bound), is_inherited };
	descriptor = -1;
	return RC_OK;
}
