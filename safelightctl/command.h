// One command of safelightctl: a file each, listed in main.c.
#pragma once

#include "base/error.h"

struct settings;

struct command {
	const char *name;    // "migrate", "store init": one or two words
	const char *summary; // one line for --help
	// argument_count arguments after the name. Prints its result on stdout. RC_INVALID: wrong arguments (exit
	// status 64).
	enum rc (*run)(const struct settings *settings, int argument_count, char **arguments, struct err *err);
};

extern const struct command command_migrate;
extern const struct command command_store_init;
