// URLs by libcurl's parser.
#include "http/url.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

static bool read_parts(CURLU *url, struct http_url *ret_url)
{
	char *scheme = NULL, *port = NULL, *host = NULL, *fragment = NULL;
	bool good = curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
	            curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
	            curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK && host[0] != '\0' &&
	            curl_url_get(url, CURLUPART_FRAGMENT, &fragment, 0) == CURLUE_NO_FRAGMENT &&
	            (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
	if (good)
		*ret_url = (struct http_url){ .is_https = strcmp(scheme, "https") == 0,
			                      .port = (unsigned)strtoul(port, NULL, 10) };
	curl_free(scheme);
	curl_free(port);
	curl_free(host);
	curl_free(fragment);
	return good;
}

bool http_url_parse(const char *text, struct http_url *ret_url)
{
	for (const char *at = text; *at != '\0'; at++)
		if ((unsigned char)*at <= ' ' || (unsigned char)*at >= 0x7f)
			return false;
	if (strstr(text, "://") == NULL)
		return false;
	CURLU *url = curl_url();
	bool good = url != NULL && curl_url_set(url, CURLUPART_URL, text, CURLU_DISALLOW_USER) == CURLUE_OK &&
	            read_parts(url, ret_url);
	curl_url_cleanup(url);
	return good;
}
