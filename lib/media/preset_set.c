// Reading the [preset.NAME] sections of a configuration.
#include "media/preset_set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/settings.h"

// A preset while its section is read.
struct draft {
	struct preset *preset;
	bool has_steps; // lines of its own
	bool has_on_demand;
	bool has_encodings;
};

static enum rc take_step(struct draft *draft, const char *name, const char *words, struct err *err)
{
	struct preset *preset = draft->preset;
	struct preset_step step;
	enum rc rc = preset_parse_step(name, words, &step, err);
	if (rc != RC_OK)
		return rc;
	if (!draft->has_steps)
		preset->step_count = 0;
	draft->has_steps = true;
	if (preset->step_count == PRESET_STEPS_MAX)
		return err_set(err, RC_INVALID, "a preset has at most %d steps", PRESET_STEPS_MAX);
	preset->steps[preset->step_count++] = step;
	return RC_OK;
}

static enum rc take_on_demand(struct draft *draft, const char *name, const char *words, struct err *err)
{
	struct preset *preset = draft->preset;
	if (!draft->has_on_demand)
		preset->on_demand_count = 0;
	draft->has_on_demand = true;
	if (strcmp(name, "none") == 0)
		return words[0] == '\0' ? RC_OK : err_set(err, RC_INVALID, "takes no value");
	if (preset->on_demand_count == PRESET_STEPS_MAX)
		return err_set(err, RC_INVALID, "a preset has at most %d sizes on demand", PRESET_STEPS_MAX);
	enum rc rc = preset_parse_step(name, words, &preset->on_demand[preset->on_demand_count], err);
	if (rc == RC_OK)
		preset->on_demand_count++;
	return rc;
}

static enum rc take_encoding(struct draft *draft, const char *format, const char *words, struct err *err)
{
	struct preset *preset = draft->preset;
	struct preset_encoding encoding;
	enum rc rc = preset_parse_encoding(format, words, &encoding, err);
	if (rc != RC_OK)
		return rc;
	if (!draft->has_encodings)
		preset->encoding_count = 0;
	draft->has_encodings = true;
	// A key cannot be given twice in a file, so a format cannot either.
	preset->encodings[preset->encoding_count++] = encoding;
	return RC_OK;
}

static enum rc take_choice(const char *value, const char *no, const char *yes, bool *ret_choice, struct err *err)
{
	if (strcmp(value, no) != 0 && strcmp(value, yes) != 0)
		return err_set(err, RC_INVALID, "must be %s or %s", no, yes);
	*ret_choice = strcmp(value, yes) == 0;
	return RC_OK;
}

static enum rc take_line(struct draft *draft, const char *key, const char *value, struct err *err)
{
	if (strncmp(key, "step.", 5) == 0)
		return take_step(draft, key + 5, value, err);
	if (strncmp(key, "on_demand.", 10) == 0)
		return take_on_demand(draft, key + 10, value, err);
	if (strncmp(key, "encoding.", 9) == 0)
		return take_encoding(draft, key + 9, value, err);
	if (strcmp(key, "metadata") == 0)
		return take_choice(value, "strip", "copyright", &draft->preset->keep_copyright, err);
	if (strcmp(key, "profile") == 0)
		return take_choice(value, "srgb", "keep", &draft->preset->keep_profile, err);
	return err_set(err, RC_INVALID,
	               "there is no such option: step.NAME, on_demand.NAME, encoding.FORMAT, metadata, profile");
}

static enum rc find_or_add(struct preset_set *set, struct draft drafts[LIMIT_PRESETS], const char *name,
                           struct draft **ret_draft, struct err *err)
{
	for (size_t i = 0; i < set->count; i++) {
		if (strcmp(set->presets[i].name, name) == 0) {
			*ret_draft = &drafts[i];
			return RC_OK;
		}
	}
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-");
	if (length == 0 || name[length] != '\0' || length >= PRESET_NAME_SIZE)
		return err_set(err, RC_INVALID, "a preset's name is 1 to 32 of a-z, 0-9, - and _");
	if (set->count == LIMIT_PRESETS)
		return err_set(err, RC_INVALID, "there are %d presets already", LIMIT_PRESETS);
	struct preset *preset = &set->presets[set->count];
	*preset = *preset_default();
	(void)snprintf(preset->name, sizeof preset->name, "%s", name);
	drafts[set->count] = (struct draft){ .preset = preset };
	*ret_draft = &drafts[set->count++];
	return RC_OK;
}

// One name is one variant: it is either made ahead or asked for.
static enum rc check_names(const struct preset *preset, struct err *err)
{
	for (size_t i = 0; i < preset->on_demand_count; i++)
		if (preset_find_step(preset, preset->on_demand[i].name) != NULL)
			return err_set(err, RC_INVALID, "[preset.%s] on_demand.%s: there is a step of that name",
			               preset->name, preset->on_demand[i].name);
	return RC_OK;
}

// URLs of sizes on demand are negotiated, and what every client takes must be among what may be answered
// (media/delivery.h).
static enum rc check_on_demand(const struct settings *settings, const struct preset *preset, struct err *err)
{
	if (!settings->cdn_on_demand || preset->on_demand_count == 0 ||
	    (preset_on_demand_formats(preset) & FORMAT_BIT(FORMAT_JPEG)) != 0)
		return RC_OK;
	return err_set(err, RC_INVALID,
	               "[preset.%s] sizes on demand need a required encoding.jpeg; without it: on_demand.none =",
	               preset->name);
}

// `ready` must not wait for a pool that nobody runs.
static enum rc check_pools(const struct settings *settings, const struct preset *preset, struct err *err)
{
	bool has_required = false;
	for (size_t i = 0; i < preset->encoding_count; i++) {
		const struct preset_encoding *encoding = &preset->encodings[i];
		has_required = has_required || encoding->required;
		if (encoding->required && settings_find_pool(settings, encoding->pool) == NULL)
			return err_set(err, RC_INVALID,
			               "[preset.%s] encoding.%s is required, but there is no [pool.%s]", preset->name,
			               media_format_info(encoding->format)->name, encoding->pool);
	}
	if (!has_required)
		return err_set(err, RC_INVALID,
		               "[preset.%s] has no required encoding: nothing would make a media ready", preset->name);
	return RC_OK;
}

static enum rc read_lines(const struct settings *settings, struct preset_set *set, struct err *err)
{
	struct draft drafts[LIMIT_PRESETS], *draft = NULL;
	int last_lines[LIMIT_PRESETS] = { 0 };
	enum rc rc = find_or_add(set, drafts, PRESET_NAME_DEFAULT, &draft, err);
	for (size_t i = 0; rc == RC_OK && i < settings->preset_line_count; i++) {
		const struct preset_line *line = &settings->preset_lines[i];
		rc = find_or_add(set, drafts, line->preset, &draft, err);
		if (rc == RC_OK)
			rc = take_line(draft, line->key, line->value, err);
		if (rc != RC_OK)
			return err_prefix(err, rc, "%s:%d: [preset.%s] %s", settings->file, line->line, line->preset,
			                  line->key);
		last_lines[draft - drafts] = line->line;
	}
	for (size_t i = 0; rc == RC_OK && i < set->count; i++) {
		rc = check_pools(settings, &set->presets[i], err);
		if (rc == RC_OK)
			rc = check_names(&set->presets[i], err);
		if (rc == RC_OK)
			rc = check_on_demand(settings, &set->presets[i], err);
		if (rc != RC_OK && last_lines[i] > 0)
			return err_prefix(err, rc, "%s:%d", settings->file, last_lines[i]);
	}
	return rc;
}

enum rc preset_set_new(const struct settings *settings, struct preset_set **ret_set, struct err *err)
{
	struct preset_set *set = calloc(1, sizeof *set);
	if (set == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for presets");
	enum rc rc = read_lines(settings, set, err);
	if (rc != RC_OK) {
		preset_set_free(set);
		return rc;
	}
	*ret_set = set;
	return RC_OK;
}

void preset_set_free(struct preset_set *set)
{
	free(set);
}

const struct preset *preset_set_find(const struct preset_set *set, const char *name)
{
	for (size_t i = 0; i < set->count; i++)
		if (strcmp(set->presets[i].name, name) == 0)
			return &set->presets[i];
	return NULL;
}

const struct preset *preset_set_choose(const struct preset_set *set, const char *name)
{
	const struct preset *preset = preset_set_find(set, name);
	return preset != NULL ? preset : preset_set_find(set, PRESET_NAME_DEFAULT);
}

bool preset_set_has_on_demand(const struct preset_set *set, const char *step, enum media_format format)
{
	for (size_t i = 0; i < set->count; i++)
		if (preset_find_on_demand(&set->presets[i], step) != NULL &&
		    (preset_on_demand_formats(&set->presets[i]) & FORMAT_BIT(format)) != 0)
			return true;
	return false;
}

bool preset_set_pools(const struct preset_set *set, const struct settings *settings, const char *name,
                      enum media_kind kind, struct preset_pool ret_pools[PRESET_POOLS_MAX], size_t *ret_count)
{
	const struct preset *preset = preset_set_find(set, name);
	struct preset_pool all[PRESET_POOLS_MAX];
	if (preset == NULL)
		return false;
	size_t count = 0, all_count = preset_pools(preset, kind, true, all);
	for (size_t i = 0; i < all_count; i++) {
		bool is_needed = all[i].required && kind != MEDIA_DOCUMENT;
		if (is_needed || settings_find_pool(settings, all[i].name) != NULL)
			ret_pools[count++] = all[i];
	}
	*ret_count = count;
	return true;
}

enum rc preset_set_check(const struct settings *settings, struct err *err)
{
	struct preset_set *set = NULL;
	enum rc rc = preset_set_new(settings, &set, err);
	preset_set_free(set);
	return rc;
}
