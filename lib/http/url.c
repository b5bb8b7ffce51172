// URLs by libcurl's parser.
#include "http/url.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool read_parts(CURLU *url, struct http_url *ret_url)
{
	char *scheme = NULL, *port = NULL, *host = NULL;
	bool good = curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
	            curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
	            curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK && host[0] != '\0' &&
	            strtoul(port, NULL, 10) != 0 && (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
	if (good)
		*ret_url = (struct http_url){ .is_https = strcmp(scheme, "https") == 0,
			                      .port = (unsigned)strtoul(port, NULL, 10) };
	curl_free(scheme);
	curl_free(port);
	curl_free(host);
	return good;
}

bool http_url_parse(const char *text, struct http_url *ret_url)
{
	// An empty fragment libcurl does not tell from none.
	for (const char *at = text; *at != '\0'; at++)
		if ((unsigned char)*at <= ' ' || (unsigned char)*at >= 0x7f || *at == '#')
			return false;
	// libcurl takes "https:/host", too.
	if (strncasecmp(text, "http://", 7) != 0 && strncasecmp(text, "https://", 8) != 0)
		return false;
	CURLU *url = curl_url();
	bool good = url != NULL && curl_url_set(url, CURLUPART_URL, text, CURLU_DISALLOW_USER) == CURLUE_OK &&
	            read_parts(url, ret_url);
	curl_url_cleanup(url);
	return good;
}
