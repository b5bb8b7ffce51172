// The option table as data, shared by the files that load and print settings; not for other modules.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum option_kind { OPTION_TEXT, OPTION_SECRET, OPTION_INT, OPTION_BOOL };

struct option {
	const char *section;
	const char *key;
	enum option_kind kind;
	const char *initial;
	int64_t least;
	int64_t most;
	const char *unit;
	const char *text;
	size_t offset; // of the value within struct settings / struct pool_settings
};

extern const struct option SETTINGS_OPTIONS[];
extern const size_t SETTINGS_OPTION_COUNT;
extern const struct option SETTINGS_POOL_OPTIONS[];
extern const size_t SETTINGS_POOL_OPTION_COUNT;

// Where option's value lies in the struct at base.
void *option_place(const struct option *option, void *base);

// NULL when there is none of that name.
const struct option *option_find(const struct option *options, size_t count, const char *section, const char *key);
