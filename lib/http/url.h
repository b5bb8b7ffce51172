// Taking URLs of strangers apart, by libcurl, so that what is checked is what will be called.
#pragma once

#include <stdbool.h>

struct http_url {
	bool is_https; // else http
	unsigned port; // as written, or the scheme's
};

// False for what is no absolute http or https URL with a host, for user names, passwords and fragments in it, and for
// white space and control characters. Any thread.
bool http_url_parse(const char *text, struct http_url *ret_url);
