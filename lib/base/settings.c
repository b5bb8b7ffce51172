// The option table, its lookup and its printing. Reading files and the environment is in settings_load.c.
#include "base/settings.h"

#include <stdlib.h>
#include <string.h>

#include "base/settings_table.h"

const struct option SETTINGS_OPTIONS[] = {
#define SETTING(section, key, kind, initial, least, most, unit, text) \
	{ #section, #key, OPTION_##kind, initial, least, most, unit, text, offsetof(struct settings, section##_##key) },
#include "base/settings.def"
#undef SETTING
};
const size_t SETTINGS_OPTION_COUNT = sizeof SETTINGS_OPTIONS / sizeof SETTINGS_OPTIONS[0];

static const struct option POOL_OPTIONS[] = {
#define POOL_SETTING(key, kind, initial, least, most, unit, text) \
	{ "pool", #key, OPTION_##kind, initial, least, most, unit, text, offsetof(struct pool_settings, key) },
#include "base/settings.def"
#undef POOL_SETTING
};

static const struct option CLASS_OPTIONS[] = {
#define CLASS_SETTING(key, kind, initial, least, most, unit, text) \
	{ "class", #key, OPTION_##kind, initial, least, most, unit, text, offsetof(struct class_settings, key) },
#include "base/settings.def"
#undef CLASS_SETTING
};

const struct section_family SETTINGS_FAMILIES[SETTINGS_FAMILY_COUNT] = {
	{ .prefix = "pool",
	  .first = "fast",
	  .text = "One section a decoder pool; [pool.fast] is there by default.",
	  .options = POOL_OPTIONS,
	  .option_count = sizeof POOL_OPTIONS / sizeof POOL_OPTIONS[0],
	  .offset = offsetof(struct settings, pools),
	  .size = sizeof(struct pool_settings),
	  .count_offset = offsetof(struct settings, pool_count),
	  .most = LIMIT_POOLS },
	{ .prefix = "class",
	  .first = "standard",
	  .text = "One section a class of accounts (users.account_class); [class.standard] is there by default.",
	  .options = CLASS_OPTIONS,
	  .option_count = sizeof CLASS_OPTIONS / sizeof CLASS_OPTIONS[0],
	  .offset = offsetof(struct settings, classes),
	  .size = sizeof(struct class_settings),
	  .count_offset = offsetof(struct settings, class_count),
	  .most = LIMIT_CLASSES },
};

void *section_at(const struct section_family *family, const struct settings *settings, size_t index)
{
	return (char *)(uintptr_t)settings + family->offset + index * family->size;
}

size_t *section_count(const struct section_family *family, const struct settings *settings)
{
	return (size_t *)(void *)((char *)(uintptr_t)settings + family->count_offset);
}

const char *section_name(const void *section)
{
	return *(char *const *)section;
}

void *option_place(const struct option *option, void *base)
{
	return (char *)base + option->offset;
}

const struct option *option_find(const struct option *options, size_t count, const char *section, const char *key)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(options[i].section, section) == 0 && strcmp(options[i].key, key) == 0)
			return &options[i];
	return NULL;
}

static void texts_free(const struct option *options, size_t count, void *base)
{
	for (size_t i = 0; i < count; i++)
		if (options[i].kind == OPTION_TEXT || options[i].kind == OPTION_SECRET)
			free(*(char **)option_place(&options[i], base));
}

static void sections_free(const struct section_family *family, struct settings *settings)
{
	for (size_t i = 0; i < *section_count(family, settings); i++) {
		void *section = section_at(family, settings, i);
		texts_free(family->options, family->option_count, section);
		free(*(char **)section);
	}
}

void settings_free(struct settings *settings)
{
	if (settings == NULL)
		return;
	texts_free(SETTINGS_OPTIONS, SETTINGS_OPTION_COUNT, settings);
	for (size_t i = 0; i < settings->preset_line_count; i++) {
		free(settings->preset_lines[i].preset);
		free(settings->preset_lines[i].key);
		free(settings->preset_lines[i].value);
	}
	for (size_t i = 0; i < SETTINGS_FAMILY_COUNT; i++)
		sections_free(&SETTINGS_FAMILIES[i], settings);
	free(settings->file);
	free(settings);
}

const struct pool_settings *settings_find_pool(const struct settings *settings, const char *name)
{
	for (size_t i = 0; i < settings->pool_count; i++)
		if (strcmp(settings->pools[i].name, name) == 0)
			return &settings->pools[i];
	return NULL;
}

const struct class_settings *settings_find_class(const struct settings *settings, const char *name)
{
	for (size_t i = 1; i < settings->class_count; i++)
		if (strcmp(settings->classes[i].name, name) == 0)
			return &settings->classes[i];
	return &settings->classes[0];
}

static void print_value(const struct option *option, const void *base, FILE *out)
{
	const void *place = (const char *)base + option->offset;
	switch (option->kind) {
	case OPTION_TEXT:
		(void)fprintf(out, "%s = %s\n", option->key, *(char *const *)place);
		break;
	case OPTION_SECRET:
		(void)fprintf(out, "; %s (%s)\n", option->key, (*(char *const *)place)[0] == '\0' ? "unset" : "set");
		break;
	case OPTION_INT:
		(void)fprintf(out, "%s = %lld\n", option->key, (long long)*(const int64_t *)place);
		break;
	case OPTION_BOOL:
		(void)fprintf(out, "%s = %s\n", option->key, *(const bool *)place ? "true" : "false");
		break;
	}
}

static void print_sections(const struct section_family *family, const struct settings *settings, FILE *out)
{
	for (size_t at = 0; at < *section_count(family, settings); at++) {
		const void *section = section_at(family, settings, at);
		(void)fprintf(out, "\n[%s.%s]\n", family->prefix, section_name(section));
		for (size_t i = 0; i < family->option_count; i++)
			print_value(&family->options[i], section, out);
	}
}

void settings_print(const struct settings *settings, FILE *out)
{
	const char *section = "";
	for (size_t i = 0; i < SETTINGS_OPTION_COUNT; i++) {
		if (strcmp(section, SETTINGS_OPTIONS[i].section) != 0) {
			section = SETTINGS_OPTIONS[i].section;
			(void)fprintf(out, "%s[%s]\n", i == 0 ? "" : "\n", section);
		}
		print_value(&SETTINGS_OPTIONS[i], settings, out);
	}
	for (size_t i = 0; i < SETTINGS_FAMILY_COUNT; i++)
		print_sections(&SETTINGS_FAMILIES[i], settings, out);
	section = "";
	for (size_t i = 0; i < settings->preset_line_count; i++) {
		const struct preset_line *line = &settings->preset_lines[i];
		if (strcmp(section, line->preset) != 0) {
			section = line->preset;
			(void)fprintf(out, "\n[preset.%s]\n", section);
		}
		(void)fprintf(out, "%s = %s\n", line->key, line->value);
	}
}

static void print_help(const struct option *option, FILE *out)
{
	(void)fprintf(out, "; %s", option->text);
	if (option->kind == OPTION_INT)
		(void)fprintf(out, " %lld to %lld%s%s.", (long long)option->least, (long long)option->most,
		              option->unit[0] == '\0' ? "" : " ", option->unit);
	if (option->kind == OPTION_SECRET)
		(void)fprintf(out, "\n;%s_file = \n", option->key);
	else
		(void)fprintf(out, "\n;%s = %s\n", option->key, option->initial);
}

// A test holds these lines against the built-in preset.
static const char PRESET_HELP[] =
        "\n; One section a preset; what stands here is [preset.default] as it is without a section. The first `step.` line of\n"
        "; a section replaces all steps, the first `encoding.` line all encodings; other presets begin as this one.\n"
        "[preset.default]\n"
        "; Sizes, the preview first. WIDTH: the whole picture, at most so wide. WIDTHxHEIGHT cover: a part of it, chosen by\n"
        "; attention, entropy or centre, and by the owner's focal point where there is one. WIDTHxHEIGHT contain: the whole\n"
        "; picture on background=RRGGBB. sharpen=1 to 100 goes with each. Nothing is ever enlarged.\n"
        ";step.square = 160x160 cover attention\n"
        ";step.w320 = 320\n"
        ";step.w640 = 640\n"
        ";step.w1280 = 1280\n"
        ";step.w2048 = 2048\n"
        "; Sizes that are made when somebody first asks for them ([cdn] on_demand), in the required formats; the first line\n"
        "; replaces all, `on_demand.none =` leaves none. They need a required encoding.jpeg: their URLs are negotiated.\n"
        ";on_demand.w960 = 960\n"
        ";on_demand.w1600 = 1600\n"
        ";on_demand.w3840 = 3840\n"
        "; Formats in which every step is made: quality=1 to 100, effort=0 to 9 (webp: 6), the pool that makes them, and\n"
        "; whether `ready` waits for them (an optional one is made only where its pool is configured).\n"
        ";encoding.jpeg = quality=80 pool=fast required\n"
        ";encoding.webp = quality=75 effort=4 pool=fast required\n"
        ";encoding.avif = quality=50 effort=3 pool=slow optional\n"
        "; strip: no metadata in variants; copyright: EXIF's copyright and artist stay, nothing else.\n"
        ";metadata = strip\n"
        "; srgb: colours are converted; keep: an embedded RGB profile stays with its colours.\n"
        ";profile = srgb\n";

void settings_print_help(FILE *out)
{
	const char *section = "";
	for (size_t i = 0; i < SETTINGS_OPTION_COUNT; i++) {
		if (strcmp(section, SETTINGS_OPTIONS[i].section) != 0) {
			section = SETTINGS_OPTIONS[i].section;
			(void)fprintf(out, "%s[%s]\n", i == 0 ? "" : "\n", section);
		}
		print_help(&SETTINGS_OPTIONS[i], out);
	}
	for (size_t at = 0; at < SETTINGS_FAMILY_COUNT; at++) {
		const struct section_family *family = &SETTINGS_FAMILIES[at];
		(void)fprintf(out, "\n; %s\n[%s.%s]\n", family->text, family->prefix, family->first);
		for (size_t i = 0; i < family->option_count; i++)
			print_help(&family->options[i], out);
	}
	(void)fputs(PRESET_HELP, out);
}
