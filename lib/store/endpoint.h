// The address of a store, taken apart: "http://127.0.0.1:8084" or "https://s3.eu-central-1.amazonaws.com".
#pragma once

#include "base/error.h"

struct endpoint {
	char scheme[6];   // "http" or "https"
	char host[300];   // as the Host header has it: with the port unless it is the scheme's own
	char origin[310]; // scheme://host, without a slash
};

// RC_INVALID for anything but scheme://host[:port][/]: no user, path, query; host as letters, digits, '-', '.', or an
// IPv6 address in brackets.
enum rc endpoint_parse(const char *text, struct endpoint *ret_endpoint, struct err *err) MUST_CHECK;
