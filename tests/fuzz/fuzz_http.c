// Small texts of requests: paths, header values, tokens, traceparents, entity tags, URLs and networks that people give.
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "http/address.h"
#include "http/etag.h"
#include "http/text.h"
#include "http/url.h"
#include "tests/fuzz/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_grammars(const char *text)
{
	if (text_is_token(text))
		assert(text[0] != '\0' && strpbrk(text, " \t\r\n\"(),/:;<=>?@[\\]{}") == NULL &&
		       text_is_field_value(text));
	if (text_is_path(text))
		assert(text[0] == '/' && strpbrk(text, "?# \r\n\t\\\"<>^`{|}") == NULL && text_is_field_value(text));
	if (text_is_field_value(text))
		assert(strpbrk(text, "\r\n\x7f") == NULL);
	if (text_is_traceparent(text))
		assert(strlen(text) == 55 && strncmp(text, "00-", 3) == 0);
}

static void check_url(const char *text)
{
	struct http_url url;
	if (!http_url_parse(text, &url))
		return;
	assert(url.port >= 1 && url.port <= 65535);
	assert(strpbrk(text, " \t\r\n#") == NULL);
	const char *authority = strstr(text, "://") + 3;
	assert(memchr(authority, '@', strcspn(authority, "/?")) == NULL);
	assert(strncasecmp(text, url.is_https ? "https:" : "http:", url.is_https ? 6 : 5) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct address_networks networks;
	char *text = fuzz_text(data, size);
	if (text == NULL)
		return 0;
	check_grammars(text);
	check_url(text);
	// What is one tag is found in a list of it alone.
	(void)etag_list_holds(text, "\"v1\"");
	if (text[0] == '"' && strlen(text) >= 2 && strchr(text + 1, '"') == text + strlen(text) - 1 &&
	    text_is_field_value(text))
		(void)etag_list_holds("\"a\", W/\"b\"", text);
	if (address_networks_parse(text, &networks, NULL) == RC_OK) {
		assert(networks.count <= ADDRESS_NETWORKS_MAX);
		for (size_t i = 0; i < networks.count; i++)
			assert(networks.items[i].bits <= 128);
	}
	free(text);
	return 0;
}
