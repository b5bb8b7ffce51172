// ETag and If-None-Match.
#include "http/etag.h"

#include <string.h>

#include "http/request_priv.h"
#include "http/respond.h"

static const char *without_weakness(const char *etag)
{
	return strncmp(etag, "W/", 2) == 0 ? etag + 2 : etag;
}

bool etag_list_holds(const char *list, const char *etag)
{
	const char *wanted = without_weakness(etag);
	size_t length = strlen(wanted);
	list += strspn(list, " \t,");
	if (strcmp(list, "*") == 0)
		return true;
	while (*list != '\0') {
		const char *opaque = without_weakness(list);
		const char *end = *opaque == '"' ? strchr(opaque + 1, '"') : NULL;
		if (end == NULL)
			return false; // malformed: answer in full
		if ((size_t)(end + 1 - opaque) == length && memcmp(opaque, wanted, length) == 0)
			return true;
		list = end + 1;
		list += strspn(list, " \t,");
	}
	return false;
}

bool http_request_if_none_match(struct http_request *request, const char *etag)
{
	http_respond_header(request, "ETag", etag);
	const char *list = http_request_header(request, "If-None-Match");
	if (list == NULL || !etag_list_holds(list, etag))
		return false;
	http_respond_empty(request, 304);
	return true;
}
