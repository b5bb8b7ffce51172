// Opens the listening socket ourselves, so that a taken port is an error with a name.
#include "http/listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"

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

enum rc listener_open(const char *address, int *ret_descriptor, uint16_t *ret_port, struct err *err)
{
	struct addrinfo *info = NULL;
	enum rc rc = resolve(address, &info, err);
	if (rc != RC_OK)
		return rc;
	const int on = 1;
	CLEANUP(close_descriptor)
	int descriptor = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	// Accepted sockets inherit TCP_NODELAY.
	bool open = descriptor >= 0 && setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
	            setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 &&
	            bind(descriptor, info->ai_addr, info->ai_addrlen) == 0 && listen(descriptor, LISTENER_BACKLOG) == 0;
	int failure = errno;
	freeaddrinfo(info);
	errno = failure;
	if (!open)
		return bind_failed(address, err);
	struct sockaddr_storage bound = { .ss_family = AF_UNSPEC };
	socklen_t size = sizeof bound;
	if (getsockname(descriptor, (struct sockaddr *)&bound, &size) != 0)
		return bind_failed(address, err);
	// The port stands at the same place in both families.
	struct sockaddr_in as_four;
	memcpy(&as_four, &bound, sizeof as_four);
	*ret_port = ntohs(as_four.sin_port);
	*ret_descriptor = descriptor;
	descriptor = -1;
	return RC_OK;
}
