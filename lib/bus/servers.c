// The list of servers: nats://host:port, comma-separated.
#include "bus/bus_private.h"

#include <stdlib.h>
#include <string.h>

static bool is_port(const char *text)
{
	size_t length = strlen(text);
	if (length == 0 || length > 5 || strspn(text, "0123456789") != length)
		return false;
	long port = strtol(text, NULL, 10);
	return port >= 1 && port <= 65535;
}

// Split "host", "host:port" or "[address]:port" in place.
static bool split_address(char *address, char **ret_host, const char **ret_port)
{
	char *host = address;
	char *rest = NULL;
	if (address[0] == '[') {
		char *end = strchr(address, ']');
		if (end == NULL)
			return false;
		*end = '\0';
		host = address + 1;
		rest = end + 1;
	} else {
		rest = address + strcspn(address, ":");
	}
	const char *port = "4222";
	if (*rest == ':') {
		*rest = '\0';
		port = rest + 1;
	} else if (*rest != '\0') {
		return false;
	}
	if (host[0] == '\0' || strlen(host) >= BUS_HOST_SIZE || !is_port(port))
		return false;
	*ret_host = host;
	*ret_port = port;
	return true;
}

static enum rc parse_one(char *url, struct bus_server *server, struct err *err)
{
	static const char scheme[] = "nats://";
	char *address = url;
	if (strncmp(url, "tls://", 6) == 0)
		return err_set(err, RC_INVALID,
		               "bus url: TLS is not safe with this nats.c; put stunnel or nginx in between");
	if (strncmp(url, scheme, sizeof(scheme) - 1) == 0)
		address = url + sizeof(scheme) - 1;
	else if (strstr(url, "://") != NULL)
		return err_set(err, RC_INVALID, "bus url: want nats://host:port");
	if (strchr(address, '@') != NULL)
		return err_set(err, RC_INVALID, "bus url: credentials belong into the token setting, not into the URL");
	size_t length = strlen(address);
	if (length > 0 && address[length - 1] == '/')
		address[length - 1] = '\0';
	char *host = NULL;
	const char *port = NULL;
	if (!split_address(address, &host, &port))
		return err_set(err, RC_INVALID, "bus url: want nats://host:port, comma-separated");
	memcpy(server->host, host, strlen(host) + 1);
	memcpy(server->port, port, strlen(port) + 1);
	return RC_OK;
}

enum rc bus_servers_parse(const char *list, struct bus_server *servers, size_t *ret_count, struct err *err)
{
	char *copy = strdup(list);
	if (copy == NULL)
		return err_set(err, RC_NO_MEMORY, "bus url: no memory");
	enum rc rc = RC_OK;
	size_t count = 0;
	char *place = NULL;
	for (char *url = strtok_r(copy, ", ", &place); url != NULL && rc == RC_OK; url = strtok_r(NULL, ", ", &place)) {
		if (count == BUS_SERVERS_MAX)
			rc = err_set(err, RC_INVALID, "bus url: more than %d servers", BUS_SERVERS_MAX);
		else
			rc = parse_one(url, &servers[count++], err);
	}
	free(copy);
	if (rc == RC_OK && count == 0)
		rc = err_set(err, RC_INVALID, "bus url: no server named");
	if (rc == RC_OK)
		*ret_count = count;
	return rc;
}
