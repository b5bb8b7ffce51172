// Configuration as a value: one INI file (libinih), SAFELIGHT_<SECTION>_<KEY> over it, secrets also from <key>_file.
//
// settings.def is the only list of options: it makes this struct, --help-config, --check-config, the sample file and
// the docs page.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "base/limits.h"

#define SETTING_TYPE_TEXT char *
#define SETTING_TYPE_SECRET char *
#define SETTING_TYPE_INT int64_t
#define SETTING_TYPE_BOOL bool

// One [pool.NAME] section: a set of decoder workers with its own lane subjects and limits.
struct pool_settings {
	char *name;
#define POOL_SETTING(key, kind, initial, least, most, unit, text) SETTING_TYPE_##kind key;
#include "base/settings.def"
#undef POOL_SETTING
};

// One line of a [preset.NAME] section, read by media/preset_set.h.
struct preset_line {
	char *preset;
	char *key;
	char *value;
	int line; // in settings.file
};

// One [class.NAME] section: what accounts of that class may upload. Accounts of other classes count as "standard".
struct class_settings {
	char *name;
#define CLASS_SETTING(key, kind, initial, least, most, unit, text) SETTING_TYPE_##kind key;
#include "base/settings.def"
#undef CLASS_SETTING
};

struct settings {
	char *file; // where it was read from; NULL when defaults only
#define SETTING(section, key, kind, initial, least, most, unit, text) SETTING_TYPE_##kind section##_##key;
#include "base/settings.def"
#undef SETTING
	struct pool_settings pools[LIMIT_POOLS];
	size_t pool_count;
	struct preset_line preset_lines[LIMIT_PRESET_LINES];
	size_t preset_line_count;
	struct class_settings classes[LIMIT_CLASSES];
	size_t class_count;
};

// Defaults, then file (NULL: none), then the environment. On failure err has "file:line: what is wrong". An unknown
// section or key, a value out of range, a key given twice, a secret file that others may read: all refused. Caller
// frees with settings_free.
enum rc settings_load(const char *file, struct settings **ret_settings, struct err *err) MUST_CHECK;
// The same for a process that may not read every secret: `secrets` names those that it does as a space-separated list
// of section.key, or section.* for all of a section; other secrets stay "" and their files are not opened. NULL: all.
enum rc settings_load_for(const char *file, const char *secrets, struct settings **ret_settings,
                          struct err *err) MUST_CHECK;
void settings_free(struct settings *settings);

// A pool by name; NULL when there is none.
const struct pool_settings *settings_find_pool(const struct settings *settings, const char *name);

// An account class by name; "standard" (which is always there) when there is none.
const struct class_settings *settings_find_class(const struct settings *settings, const char *name);

// Print the effective values as an INI file, secrets as "(set)" or "(unset)".
void settings_print(const struct settings *settings, FILE *out);

// Print every option with default, range, unit and sentence, as a commented INI file.
void settings_print_help(FILE *out);
