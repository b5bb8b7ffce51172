// The headers of S3 answers.
#include "store/transport_headers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "store/transport.h"

#define METADATA_PREFIX "x-amz-meta-"
#define METADATA_MAX 64

static void begin_answer(struct transport_exchange *exchange, const char *line)
{
	const char *space = strchr(line, ' ');
	exchange->status = space == NULL ? 0 : strtol(space + 1, NULL, 10);
	exchange->etag[0] = '\0';
	exchange->content_type[0] = '\0';
	exchange->cache_control[0] = '\0';
	exchange->content_length = -1;
	exchange->whole_length = -1;
	exchange->modified_us = 0;
	exchange->date_us = 0;
	exchange->metadata = NULL;
	exchange->metadata_count = 0;
}

static void take_text(char *ret_text, size_t size, const char *value)
{
	size_t length = strlen(value);
	if (length >= size)
		length = 0; // cut values would be wrong ones
	memcpy(ret_text, value, length);
	ret_text[length] = '\0';
}

static void take_etag(struct transport_exchange *exchange, char *value)
{
	size_t length = strlen(value);
	if (length >= 2 && value[0] == '"' && value[length - 1] == '"') {
		value[length - 1] = '\0';
		value++;
	}
	take_text(exchange->etag, sizeof exchange->etag, value);
}

static int64_t parse_number(const char *text)
{
	if (text[0] < '0' || text[0] > '9')
		return -1;
	char *end;
	errno = 0;
	long long number = strtoll(text, &end, 10);
	return errno == 0 && *end == '\0' ? number : -1;
}

static int64_t parse_date(const char *text)
{
	time_t seconds = curl_getdate(text, NULL);
	return seconds <= 0 ? 0 : (int64_t)seconds * 1000000;
}

static void take_metadata(struct transport_exchange *exchange, const char *name, const char *value)
{
	if (exchange->memory == NULL || exchange->metadata_count == METADATA_MAX)
		return;
	if (exchange->metadata == NULL)
		exchange->metadata = arena_alloc(exchange->memory, METADATA_MAX * sizeof exchange->metadata[0]);
	char *own_name = arena_copy_text(exchange->memory, name);
	char *own_value = arena_copy_text(exchange->memory, value);
	if (exchange->metadata == NULL || own_name == NULL || own_value == NULL)
		return;
	for (char *at = own_name; *at != '\0'; at++)
		if (*at >= 'A' && *at <= 'Z')
			*at = (char)(*at - 'A' + 'a');
	exchange->metadata[exchange->metadata_count++] = (struct store_pair){ own_name, own_value };
}

static void take_named(struct transport_exchange *exchange, const char *name, char *value)
{
	if (strcasecmp(name, "etag") == 0)
		take_etag(exchange, value);
	else if (strcasecmp(name, "content-type") == 0)
		take_text(exchange->content_type, sizeof exchange->content_type, value);
	else if (strcasecmp(name, "cache-control") == 0)
		take_text(exchange->cache_control, sizeof exchange->cache_control, value);
	else if (strcasecmp(name, "content-length") == 0)
		exchange->content_length = parse_number(value);
	else if (strcasecmp(name, "content-range") == 0 && strchr(value, '/') != NULL)
		exchange->whole_length = parse_number(strchr(value, '/') + 1);
	else if (strcasecmp(name, "last-modified") == 0)
		exchange->modified_us = parse_date(value);
	else if (strcasecmp(name, "date") == 0)
		exchange->date_us = parse_date(value);
	else if (strncasecmp(name, METADATA_PREFIX, strlen(METADATA_PREFIX)) == 0)
		take_metadata(exchange, name + strlen(METADATA_PREFIX), value);
}

void transport_take_header(struct transport_exchange *exchange, const char *line, size_t length)
{
	char text[8 * 1024 + 1];
	while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r' || line[length - 1] == ' '))
		length--;
	if (length >= sizeof text)
		return;
	memcpy(text, line, length);
	text[length] = '\0';
	if (strncmp(text, "HTTP/", 5) == 0) {
		begin_answer(exchange, text);
		return;
	}
	char *colon = strchr(text, ':');
	if (colon == NULL)
		return;
	*colon = '\0';
	char *value = colon + 1;
	while (*value == ' ' || *value == '\t')
		value++;
	take_named(exchange, text, value);
}
