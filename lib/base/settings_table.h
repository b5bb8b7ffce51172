// The option table as data, shared by the files that load and print settings; not for other modules.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct settings;

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
	size_t offset; // of the value within struct settings, or the struct of its named section
};

extern const struct option SETTINGS_OPTIONS[];
extern const size_t SETTINGS_OPTION_COUNT;

// Sections of which there may be several, as [prefix.NAME]: arrays within struct settings, whose elements begin with
// their name.
struct section_family {
	const char *prefix;
	const char *first; // the name that is there by default
	const char *text;  // of --help-config
	const struct option *options;
	size_t option_count;
	size_t offset;       // of the array within struct settings
	size_t size;         // of an element
	size_t count_offset; // of the number of elements within struct settings
	size_t most;         // elements
};
#define SETTINGS_FAMILY_COUNT 2
extern const struct section_family SETTINGS_FAMILIES[SETTINGS_FAMILY_COUNT];

// The index-th section of a family, and how many there are.
void *section_at(const struct section_family *family, const struct settings *settings, size_t index);
size_t *section_count(const struct section_family *family, const struct settings *settings);
const char *section_name(const void *section);

// Where option's value lies in the struct at base.
void *option_place(const struct option *option, void *base);

// NULL when there is none of that name.
const struct option *option_find(const struct option *options, size_t count, const char *section, const char *key);
