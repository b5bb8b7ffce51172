// The words of one step or encoding in a preset's section.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "media/preset_set.h"

#define WORD_SIZE 64
#define BLANKS " \t"

// Take the next word; false at the end. A word that is too long comes cut, and is then none that anybody knows.
static bool next_word(const char **at, char ret_word[WORD_SIZE])
{
	*at += strspn(*at, BLANKS);
	size_t length = strcspn(*at, BLANKS);
	(void)snprintf(ret_word, WORD_SIZE, "%.*s", (int)(length < WORD_SIZE ? length : WORD_SIZE - 1), *at);
	*at += length;
	return length > 0;
}

// Digits only, the whole text, least to most.
static bool parse_number(const char *text, int base, unsigned long least, unsigned long most, uint32_t *ret_number)
{
	static const char DIGITS[] = "0123456789abcdefABCDEF";
	size_t length = strlen(text);
	char digits[sizeof DIGITS];
	(void)snprintf(digits, sizeof digits, "%.*s", base == 16 ? 22 : 10, DIGITS);
	if (length == 0 || length > 9 || text[strspn(text, digits)] != '\0')
		return false;
	unsigned long number = strtoul(text, NULL, base);
	if (number < least || number > most)
		return false;
	*ret_number = (uint32_t)number;
	return true;
}

// What stands behind "name=" in the word; NULL when it is another word.
static const char *value_of(const char *word, const char *name)
{
	size_t length = strlen(name);
	return strncmp(word, name, length) == 0 && word[length] == '=' ? word + length + 1 : NULL;
}

static enum rc refuse_number(const char *word, unsigned long least, unsigned long most, struct err *err)
{
	return err_set(err, RC_INVALID, "%s: must be a whole number from %lu to %lu", word, least, most);
}

// "320" or "160x90".
static enum rc parse_size(const char *word, struct preset_step *step, struct err *err)
{
	char width[WORD_SIZE];
	const char *cross = strchr(word, 'x');
	size_t length = cross == NULL ? strlen(word) : (size_t)(cross - word);
	(void)snprintf(width, sizeof width, "%.*s", (int)length, word);
	if (!parse_number(width, 10, 1, PRESET_MAX_SIDE, &step->width) ||
	    (cross != NULL && !parse_number(cross + 1, 10, 1, PRESET_MAX_SIDE, &step->height)))
		return err_set(err, RC_INVALID,
		               "%s: a step begins with WIDTH or WIDTHxHEIGHT, each from 1 to %d pixels", word,
		               PRESET_MAX_SIDE);
	step->fit = cross == NULL ? PRESET_INSIDE : PRESET_COVER;
	return RC_OK;
}

static enum rc parse_fit(const char *word, enum preset_fit fit, struct preset_step *step, struct err *err)
{
	if ((fit == PRESET_INSIDE) != (step->height == 0))
		return err_set(err, RC_INVALID, "%s: %s", word,
		               fit == PRESET_INSIDE ? "takes a WIDTH alone" : "needs WIDTHxHEIGHT");
	step->fit = fit;
	return RC_OK;
}

static enum rc parse_step_word(const char *word, struct preset_step *step, bool *has_focus, bool *has_background,
                               struct err *err)
{
	static const char *const FITS[] = { "inside", "cover", "contain" };
	static const char *const FOCI[] = { "attention", "entropy", "centre" };
	for (unsigned i = 0; i < 3; i++) {
		if (strcmp(word, FITS[i]) == 0)
			return parse_fit(word, (enum preset_fit)i, step, err);
		if (strcmp(word, FOCI[i]) == 0) {
			step->focus = (enum preset_focus)i;
			*has_focus = true;
			return RC_OK;
		}
	}
	const char *value = value_of(word, "sharpen");
	uint32_t number;
	if (value != NULL) {
		if (!parse_number(value, 10, 0, PRESET_SHARPEN_MOST, &number))
			return refuse_number(word, 0, PRESET_SHARPEN_MOST, err);
		step->sharpen = number;
		return RC_OK;
	}
	value = value_of(word, "background");
	if (value == NULL)
		return err_set(err, RC_INVALID,
		               "%s: a step's words are inside, cover, contain, attention, entropy, "
		               "centre, background=RRGGBB, sharpen=N",
		               word);
	if (strlen(value) != 6 || !parse_number(value, 16, 0, 0xffffff, &step->background))
		return err_set(err, RC_INVALID, "%s: must be six hex digits, RRGGBB", word);
	*has_background = true;
	return RC_OK;
}

enum rc preset_parse_step(const char *name, const char *words, struct preset_step *ret_step, struct err *err)
{
	struct preset_step step = { .background = 0xffffff };
	bool has_focus = false, has_background = false;
	char word[WORD_SIZE];
	if (!variant_name_is_valid(name, strlen(name)))
		return err_set(err, RC_INVALID,
		               "a step's name is 1 to %d of a-z, 0-9, - and _, the first a letter or digit",
		               VARIANT_NAME_SIZE - 1);
	(void)snprintf(step.name, sizeof step.name, "%s", name);
	enum rc rc = parse_size(next_word(&words, word) ? word : "(nothing)", &step, err);
	while (rc == RC_OK && next_word(&words, word))
		rc = parse_step_word(word, &step, &has_focus, &has_background, err);
	if (rc == RC_OK && has_focus && step.fit != PRESET_COVER)
		rc = err_set(err, RC_INVALID, "attention, entropy and centre are of cover steps");
	if (rc == RC_OK && has_background && step.fit != PRESET_CONTAIN)
		rc = err_set(err, RC_INVALID, "background= is of contain steps");
	if (rc == RC_OK)
		*ret_step = step;
	return rc;
}

static enum rc parse_encoding_word(const char *word, struct preset_encoding *encoding, struct err *err)
{
	unsigned long effort_most = encoding->format == FORMAT_WEBP ? 6 : 9;
	uint32_t number;
	const char *value = value_of(word, "quality");
	if (value != NULL) {
		if (!parse_number(value, 10, 1, 100, &number))
			return refuse_number(word, 1, 100, err);
		encoding->quality = number;
		return RC_OK;
	}
	value = value_of(word, "effort");
	if (value != NULL) {
		if (encoding->format == FORMAT_JPEG)
			return err_set(err, RC_INVALID, "%s: JPEG knows no effort", word);
		if (!parse_number(value, 10, 0, effort_most, &number))
			return refuse_number(word, 0, effort_most, err);
		encoding->effort = number;
		return RC_OK;
	}
	value = value_of(word, "pool");
	if (value != NULL) {
		size_t length = strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789_");
		if (length == 0 || value[length] != '\0' || length >= PRESET_NAME_SIZE)
			return err_set(err, RC_INVALID, "%s: a pool's name is 1 to 32 of a-z, 0-9 and _", word);
		memcpy(encoding->pool, value, length + 1);
		return RC_OK;
	}
	if (strcmp(word, "required") != 0 && strcmp(word, "optional") != 0)
		return err_set(err, RC_INVALID,
		               "%s: an encoding's words are quality=N, effort=N, pool=NAME, required, optional", word);
	encoding->required = word[0] == 'r';
	return RC_OK;
}

// What the words leave out.
static struct preset_encoding initial_encoding(enum media_format format)
{
	const struct preset *built_in = preset_default();
	for (size_t i = 0; i < built_in->encoding_count; i++)
		if (built_in->encodings[i].format == format)
			return built_in->encodings[i];
	return (struct preset_encoding){ .format = format, .quality = 75, .pool = PRESET_POOL_FAST };
}

enum rc preset_parse_encoding(const char *format, const char *words, struct preset_encoding *ret_encoding,
                              struct err *err)
{
	enum media_format known = media_format_by_name(format, strlen(format));
	struct preset_encoding encoding = initial_encoding(known);
	char word[WORD_SIZE];
	enum rc rc = RC_OK;
	if ((FORMAT_BIT(known) & FORMAT_SET_DELIVERY) == 0)
		return err_set(err, RC_INVALID, "%s is no format of delivery: there are jpeg, webp, avif", format);
	while (rc == RC_OK && next_word(&words, word))
		rc = parse_encoding_word(word, &encoding, err);
	if (rc == RC_OK)
		*ret_encoding = encoding;
	return rc;
}
