// Filling and naming errors.
#include "base/error.h"

#include <stdio.h>
#include <string.h>

enum rc err_set_va(struct err *err, enum rc rc, const char *format, va_list arguments)
{
	if (err != NULL) {
		err->rc = rc;
		(void)vsnprintf(err->text, sizeof err->text, format, arguments);
	}
	return rc;
}

// (In parentheses: for the analyser it is a macro, see error.h.)
enum rc(err_set)(struct err *err, enum rc rc, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	err_set_va(err, rc, format, arguments);
	va_end(arguments);
	return rc;
}

enum rc err_prefix(struct err *err, enum rc rc_fallback, const char *format, ...)
{
	if (err == NULL)
		return rc_fallback;
	char joined[2 * ERR_TEXT_SIZE];
	va_list arguments;
	va_start(arguments, format);
	(void)vsnprintf(joined, ERR_TEXT_SIZE, format, arguments);
	va_end(arguments);
	size_t length = strlen(joined);
	(void)snprintf(joined + length, sizeof joined - length, ": %s", err->text);
	joined[ERR_TEXT_SIZE - 1] = '\0'; // a longer text is cut by design
	memcpy(err->text, joined, ERR_TEXT_SIZE);
	return err->rc;
}

const char *rc_name(enum rc rc)
{
	switch (rc) {
	case RC_OK:
		return "ok";
	case RC_INVALID:
		return "invalid";
	case RC_DENIED:
		return "denied";
	case RC_NOT_FOUND:
		return "not_found";
	case RC_EXISTS:
		return "exists";
	case RC_CONFLICT:
		return "conflict";
	case RC_LIMIT:
		return "limit";
	case RC_BUSY:
		return "busy";
	case RC_TIMEOUT:
		return "timeout";
	case RC_UNAVAILABLE:
		return "unavailable";
	case RC_UNKNOWN:
		return "unknown_outcome";
	case RC_CORRUPT:
		return "corrupt";
	case RC_NO_MEMORY:
		return "no_memory";
	case RC_INTERNAL:
		return "internal";
	}
	return "unlisted";
}

int rc_is_transient(enum rc rc)
{
	return rc == RC_BUSY || rc == RC_TIMEOUT || rc == RC_UNAVAILABLE;
}
