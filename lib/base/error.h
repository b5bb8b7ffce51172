// The one error type: a small result code for programs and a text for people.
//
// Two tiers, never mixed: assert() is for bugs of ours and stays on in release builds; enum rc is for the world.
// Libraries fill a struct err and return its code; only services log it.
#pragma once

#include <stdarg.h>

// Result codes. The list is closed: modules map their own world onto it and put the rest in the text.
enum rc {
	RC_OK = 0,
	RC_INVALID,     // the caller's input is wrong; the text says how to mend it
	RC_DENIED,      // not allowed (bad signature, bad credentials, forbidden)
	RC_NOT_FOUND,   // the thing does not exist (or is not the caller's)
	RC_EXISTS,      // the thing exists already
	RC_CONFLICT,    // the thing is in another state or version than the call needs
	RC_LIMIT,       // over a limit: bytes, pixels, quota, count
	RC_BUSY,        // we are overloaded: try again later, nothing was done
	RC_TIMEOUT,     // the deadline passed; whether the other side acted is unknown
	RC_UNAVAILABLE, // a dependency is down or answered with a transient failure
	RC_UNKNOWN,     // the connection was lost after sending: the effect may have happened, re-read before retrying
	RC_CORRUPT,     // bytes from outside do not follow their format or protocol
	RC_NO_MEMORY,   // allocation failed or an arena's cap was reached
	RC_INTERNAL,    // anything else
};

// Room for one line of text; longer texts are cut.
#define ERR_TEXT_SIZE 384

// Caller-owned; zero-initialise. Functions take struct err *, which may be NULL when the caller wants only the code.
struct err {
	enum rc rc;
	char text[ERR_TEXT_SIZE];
};

// Fill err (if not NULL) and return rc, so that `return err_set(err, RC_X, "...")` reads as one line.
enum rc err_set(struct err *err, enum rc rc, const char *format, ...) __attribute__((format(printf, 3, 4)));

#ifdef __clang_analyzer__
// The analyser cannot look into error.c: tell it that what is returned is what was given.
#define err_set(err, rc, ...) ((void)(err_set)((err), (rc), __VA_ARGS__), (rc))
#endif

// The same with a va_list.
enum rc err_set_va(struct err *err, enum rc rc, const char *format, va_list arguments)
        __attribute__((format(printf, 3, 0)));

// Put "context: " before the text that err already has; returns err->rc (or rc_fallback when err is NULL).
enum rc err_prefix(struct err *err, enum rc rc_fallback, const char *format, ...) __attribute__((format(printf, 3, 4)));

// A stable lower_snake_case name, for logs and metrics labels. Never NULL.
const char *rc_name(enum rc rc);

// True for codes after which the same call may succeed later without being changed: busy, timeout, unavailable.
// RC_UNKNOWN is not among them: the effect may have happened, so the caller must look first.
int rc_is_transient(enum rc rc);

// Every fallible call's result must be looked at; ignored on purpose is written (void)call().
#define MUST_CHECK __attribute__((warn_unused_result))
