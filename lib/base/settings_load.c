// Settings from defaults, one INI file and the environment, in this order.
#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/settings.h"
#include "base/settings_table.h"

// One loading: what for, where a value comes from (for messages), and the keys seen (none may be given twice).
struct loading {
	struct settings *settings;
	const char *secrets; // which are read (settings_load_for); NULL: all
	const char *file;
	FILE *stream;
	int line;
	char seen[512][96];
	size_t seen_count;
	struct err *err;
	enum rc rc;
};

static bool parse_int(const char *text, int64_t *ret_value)
{
	char *end;
	errno = 0;
	long long value = strtoll(text, &end, 10);
	if (errno != 0 || end == text)
		return false;
	int shift = *end == 'k' || *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;
	if (shift > 0)
		end++;
	if (*end != '\0' || value < 0 || value > (INT64_MAX >> shift))
		return false;
	*ret_value = (int64_t)value << shift;
	return true;
}

static enum rc set_text(char **place, const char *value, struct err *err)
{
	char *copy = strdup(value);
	if (copy == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory");
	free(*place);
	*place = copy;
	return RC_OK;
}

static enum rc option_set(const struct option *option, void *base, const char *value, struct err *err)
{
	void *place = option_place(option, base);
	int64_t number;
	switch (option->kind) {
	case OPTION_TEXT:
	case OPTION_SECRET:
		return set_text(place, value, err);
	case OPTION_INT:
		if (!parse_int(value, &number) || number < option->least || number > option->most)
			return err_set(err, RC_INVALID, "[%s] %s = %s: must be a whole number from %lld to %lld %s",
			               option->section, option->key, value, (long long)option->least,
			               (long long)option->most, option->unit);
		*(int64_t *)place = number;
		return RC_OK;
	case OPTION_BOOL:
		if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
			return err_set(err, RC_INVALID, "[%s] %s = %s: must be true or false", option->section,
			               option->key, value);
		*(bool *)place = value[0] == 't';
		return RC_OK;
	}
	return err_set(err, RC_INTERNAL, "[%s] %s has no kind", option->section, option->key);
}

static enum rc option_set_from_file(const struct option *option, void *base, const char *path, struct err *err)
{
	CLEANUP(free_pointer) char *text = NULL;
	enum rc rc = file_read_secret(path, &text, err);
	if (rc != RC_OK)
		return err_prefix(err, rc, "[%s] %s_file", option->section, option->key);
	return set_text(option_place(option, base), text, err);
}

static enum rc defaults_set(const struct option *options, size_t count, void *base, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		enum rc rc = option_set(&options[i], base, options[i].initial, err);
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

static enum rc section_find_or_add(struct settings *settings, const struct section_family *family, const char *name,
                                   void **ret_section, struct err *err)
{
	size_t *section_number = section_count(family, settings);
	for (size_t i = 0; i < *section_number; i++) {
		*ret_section = section_at(family, settings, i);
		if (strcmp(section_name(*ret_section), name) == 0)
			return RC_OK;
	}
	// (A pool's name becomes a NATS subject token and a metrics label.)
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
	if (length == 0 || name[length] != '\0' || length > 32)
		return err_set(err, RC_INVALID, "[%s.%s]: a %s's name is 1 to 32 of a-z, 0-9 and _", family->prefix,
		               name, family->prefix);
	if (*section_number == family->most)
		return err_set(err, RC_LIMIT, "[%s.%s]: there are %zu of them already", family->prefix, name,
		               family->most);
	*ret_section = section_at(family, settings, *section_number);
	enum rc rc = set_text((char **)*ret_section, name, err);
	if (rc == RC_OK) {
		(*section_number)++;
		rc = defaults_set(family->options, family->option_count, *ret_section, err);
	}
	return rc;
}

// The family of a section's name, and what stands behind its dot; NULL: none.
static const struct section_family *family_of(const char *section, const char **ret_name)
{
	for (size_t i = 0; i < SETTINGS_FAMILY_COUNT; i++) {
		size_t length = strlen(SETTINGS_FAMILIES[i].prefix);
		if (strncmp(section, SETTINGS_FAMILIES[i].prefix, length) != 0 || section[length] != '.')
			continue;
		*ret_name = section + length + 1;
		return &SETTINGS_FAMILIES[i];
	}
	return NULL;
}

// Finds the option and the struct it lies in; *ret_is_file when the key was <key>_file of a secret.
static enum rc option_resolve(struct settings *settings, const char *section, const char *key,
                              const struct option **ret_option, void **ret_base, bool *ret_is_file, struct err *err)
{
	const struct option *options = SETTINGS_OPTIONS;
	size_t count = SETTINGS_OPTION_COUNT;
	*ret_base = settings;
	const char *name = NULL;
	const struct section_family *family = family_of(section, &name);
	if (family != NULL) {
		enum rc rc = section_find_or_add(settings, family, name, ret_base, err);
		if (rc != RC_OK)
			return rc;
		options = family->options;
		count = family->option_count;
		section = family->prefix;
	}
	*ret_is_file = false;
	*ret_option = option_find(options, count, section, key);
	size_t length = strlen(key);
	if (*ret_option == NULL && length > 5 && strcmp(key + length - 5, "_file") == 0) {
		char plain[64];
		(void)snprintf(plain, sizeof plain, "%.*s", (int)(length - 5), key);
		*ret_option = option_find(options, count, section, plain);
		*ret_is_file = *ret_option != NULL && (*ret_option)->kind == OPTION_SECRET;
		if (!*ret_is_file)
			*ret_option = NULL;
	}
	if (*ret_option == NULL)
		return err_set(err, RC_INVALID, "[%s] %s: there is no such option", section, key);
	return RC_OK;
}

// True when the list names section.key or section.*.
static bool is_listed(const char *secrets, const struct option *option)
{
	char exact[96], all[96];
	(void)snprintf(exact, sizeof exact, "%s.%s", option->section, option->key);
	(void)snprintf(all, sizeof all, "%s.*", option->section);
	for (const char *at = secrets; at != NULL; at = strchr(at, ' ')) {
		at += strspn(at, " ");
		size_t length = strcspn(at, " ");
		if ((length == strlen(exact) && strncmp(at, exact, length) == 0) ||
		    (length == strlen(all) && strncmp(at, all, length) == 0))
			return true;
	}
	return false;
}

// What presets mean is not ours to know: their lines are kept.
static enum rc keep_preset_line(struct loading *loading, const char *preset, const char *key, const char *value)
{
	struct settings *settings = loading->settings;
	if (settings->preset_line_count == LIMIT_PRESET_LINES)
		return err_set(loading->err, RC_LIMIT, "[preset.%s] %s: there are %d lines of presets already", preset,
		               key, LIMIT_PRESET_LINES);
	struct preset_line *line = &settings->preset_lines[settings->preset_line_count++];
	line->line = loading->line;
	enum rc rc = set_text(&line->preset, preset, loading->err);
	if (rc == RC_OK)
		rc = set_text(&line->key, key, loading->err);
	return rc == RC_OK ? set_text(&line->value, value, loading->err) : rc;
}

static enum rc assign(struct loading *loading, const char *section, const char *key, const char *value)
{
	if (strncmp(section, "preset.", 7) == 0)
		return keep_preset_line(loading, section + 7, key, value);
	struct err *err = loading->err;
	const struct option *option;
	void *base;
	bool is_file;
	enum rc rc = option_resolve(loading->settings, section, key, &option, &base, &is_file, err);
	if (rc != RC_OK)
		return rc;
	if (option->kind == OPTION_SECRET && loading->secrets != NULL && !is_listed(loading->secrets, option))
		return RC_OK;
	return is_file ? option_set_from_file(option, base, value, err) : option_set(option, base, value, err);
}

static bool remember(struct loading *loading, const char *section, const char *key)
{
	char name[96];
	(void)snprintf(name, sizeof name, "%s.%s", section, key);
	for (size_t i = 0; i < loading->seen_count; i++)
		if (strcmp(loading->seen[i], name) == 0)
			return false;
	if (loading->seen_count < sizeof loading->seen / sizeof loading->seen[0])
		memcpy(loading->seen[loading->seen_count++], name, sizeof name);
	return true;
}

// libinih's callback: 1 goes on, 0 is an error (the first one is kept).
static int on_pair(void *context, const char *section, const char *key, const char *value)
{
	struct loading *loading = context;
	if (loading->rc != RC_OK)
		return 0;
	if (!remember(loading, section, key))
		loading->rc = err_set(loading->err, RC_INVALID, "[%s] %s is given twice", section, key);
	else
		loading->rc = assign(loading, section, key, value);
	if (loading->rc != RC_OK)
		err_prefix(loading->err, loading->rc, "%s:%d", loading->file, loading->line);
	return loading->rc == RC_OK;
}

// Debian's libinih does not tell its handler the line, so the reader counts.
static char *read_line(char *line, int size, void *context)
{
	struct loading *loading = context;
	loading->line++;
	return fgets(line, size, loading->stream);
}

static enum rc load_file(struct loading *loading, const char *file)
{
	CLEANUP(close_stream) FILE *stream = fopen(file, "re");
	if (stream == NULL)
		return err_set(loading->err, RC_NOT_FOUND, "%s: %s", file, strerror(errno));
	loading->file = file;
	loading->stream = stream;
	int broken_line = ini_parse_stream(read_line, loading, on_pair, loading);
	loading->stream = NULL;
	if (loading->rc != RC_OK)
		return loading->rc;
	if (broken_line > 0)
		return err_set(loading->err, RC_INVALID, "%s:%d: neither [section], key = value nor ; comment", file,
		               broken_line);
	if (broken_line < 0)
		return err_set(loading->err, RC_INTERNAL, "%s: cannot be read", file);
	return set_text(&loading->settings->file, file, loading->err);
}

// SAFELIGHT_<SECTION>_<KEY>[_FILE] for one option; named sections' are SAFELIGHT_POOL_<NAME>_<KEY>.
static enum rc load_environment_option(struct loading *loading, const char *section, const char *key)
{
	static const char *const SUFFIXES[] = { "", "_file" };
	for (size_t i = 0; i < 2; i++) {
		char name[128], full_key[80];
		(void)snprintf(full_key, sizeof full_key, "%s%s", key, SUFFIXES[i]);
		(void)snprintf(name, sizeof name, "SAFELIGHT_%s_%s", section, full_key);
		for (char *at = name; *at != '\0'; at++)
			*at = *at == '.' ? '_' : (char)toupper((unsigned char)*at);
		const char *value = getenv(name);
		if (value == NULL)
			continue;
		enum rc rc = assign(loading, section, full_key, value);
		if (rc != RC_OK)
			return err_prefix(loading->err, rc, "environment %s", name);
	}
	return RC_OK;
}

static enum rc load_environment_family(struct loading *loading, const struct section_family *family)
{
	enum rc rc = RC_OK;
	for (size_t at = 0; rc == RC_OK && at < *section_count(family, loading->settings); at++) {
		char section[48];
		(void)snprintf(section, sizeof section, "%s.%s", family->prefix,
		               section_name(section_at(family, loading->settings, at)));
		for (size_t i = 0; rc == RC_OK && i < family->option_count; i++)
			rc = load_environment_option(loading, section, family->options[i].key);
	}
	return rc;
}

static enum rc load_environment(struct loading *loading)
{
	enum rc rc = RC_OK;
	for (size_t i = 0; rc == RC_OK && i < SETTINGS_OPTION_COUNT; i++)
		rc = load_environment_option(loading, SETTINGS_OPTIONS[i].section, SETTINGS_OPTIONS[i].key);
	for (size_t i = 0; rc == RC_OK && i < SETTINGS_FAMILY_COUNT; i++)
		rc = load_environment_family(loading, &SETTINGS_FAMILIES[i]);
	return rc;
}

enum rc settings_load_for(const char *file, const char *secrets, struct settings **ret_settings, struct err *err)
{
	CLEANUP(free_pointer) struct loading *loading = calloc(1, sizeof *loading);
	struct settings *settings = calloc(1, sizeof *settings);
	if (loading == NULL || settings == NULL) {
		free(settings);
		return err_set(err, RC_NO_MEMORY, "no memory");
	}
	*loading = (struct loading){ .settings = settings, .secrets = secrets, .err = err };
	void *section;
	enum rc rc = defaults_set(SETTINGS_OPTIONS, SETTINGS_OPTION_COUNT, settings, err);
	for (size_t i = 0; rc == RC_OK && i < SETTINGS_FAMILY_COUNT; i++)
		rc = section_find_or_add(settings, &SETTINGS_FAMILIES[i], SETTINGS_FAMILIES[i].first, &section, err);
	if (rc == RC_OK && file != NULL)
		rc = load_file(loading, file);
	if (rc == RC_OK)
		rc = load_environment(loading);
	if (rc != RC_OK) {
		settings_free(settings);
		return rc;
	}
	*ret_settings = settings;
	return RC_OK;
}

enum rc settings_load(const char *file, struct settings **ret_settings, struct err *err)
{
	return settings_load_for(file, NULL, ret_settings, err);
}
