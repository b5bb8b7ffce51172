// Entity tags; for lib/http alone.
#pragma once

#include <stdbool.h>

// True when the list (the value of If-None-Match) holds etag under weak comparison, or is "*" (RFC 9110 §13.1.2).
bool etag_list_holds(const char *list, const char *etag);
