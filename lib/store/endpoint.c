// Endpoints.
#include "store/endpoint.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_host(const char *host, size_t length)
{
	bool bracketed = length > 2 && host[0] == '[' && host[length - 1] == ']';
	for (size_t i = 0; i < length; i++) {
		char character = host[i];
		bool alphanumeric = (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
		                    (character >= '0' && character <= '9');
		bool edge = bracketed && (i == 0 || i == length - 1);
		if (!alphanumeric && character != '-' && character != '.' && !edge && !(bracketed && character == ':'))
			return false;
	}
	return length > 0 && length <= 253;
}

// The port after the colon; 0 when it is none.
static unsigned parse_port(const char *text, size_t length)
{
	unsigned port = 0;
	if (length == 0 || length > 5)
		return 0;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return 0;
		port = port * 10 + (unsigned)(text[i] - '0');
	}
	return port <= 65535 ? port : 0;
}

static bool parse_authority(const char *authority, size_t length, const char *scheme, struct endpoint *ret_endpoint)
{
	size_t host_length = length;
	const char *colon = memrchr(authority, ':', length);
	unsigned port = 0;
	if (colon != NULL && memchr(colon, ']', length - (size_t)(colon - authority)) == NULL) {
		host_length = (size_t)(colon - authority);
		port = parse_port(colon + 1, length - host_length - 1);
		if (port == 0)
			return false;
	}
	if (!is_host(authority, host_length))
		return false;
	// Clients leave the scheme's own port away from the Host header; what is signed must look the same.
	bool own = port == 0 || (strcmp(scheme, "http") == 0 && port == 80) ||
	           (strcmp(scheme, "https") == 0 && port == 443);
	struct endpoint *endpoint = ret_endpoint;
	(void)snprintf(endpoint->scheme, sizeof endpoint->scheme, "%s", scheme);
	if (own)
		(void)snprintf(endpoint->host, sizeof endpoint->host, "%.*s", (int)host_length, authority);
	else
		(void)snprintf(endpoint->host, sizeof endpoint->host, "%.*s:%u", (int)host_length, authority, port);
	(void)snprintf(endpoint->origin, sizeof endpoint->origin, "%s://%s", scheme, endpoint->host);
	return true;
}

enum rc endpoint_parse(const char *text, struct endpoint *ret_endpoint, struct err *err)
{
	const char *scheme = strncmp(text, "http://", 7) == 0    ? "http"
	                     : strncmp(text, "https://", 8) == 0 ? "https"
	                                                         : "";
	const char *authority = text + strlen(scheme) + 3;
	struct endpoint endpoint;
	if (scheme[0] != '\0') {
		size_t length = strcspn(authority, "/");
		bool ends = authority[length] == '\0' || authority[length + 1] == '\0';
		if (ends && parse_authority(authority, length, scheme, &endpoint)) {
			*ret_endpoint = endpoint;
			return RC_OK;
		}
	}
	return err_set(err, RC_INVALID, "\"%.200s\" is no store address like http://127.0.0.1:8084", text);
}
