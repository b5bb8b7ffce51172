// Clocks, deadlines and RFC 3339.
#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define US_PER_SECOND 1000000

static int64_t clock_read_us(clockid_t id)
{
	struct timespec now;
	(void)clock_gettime(id, &now);
	return (int64_t)now.tv_sec * US_PER_SECOND + now.tv_nsec / 1000;
}

int64_t clock_now_us(void)
{
	return clock_read_us(CLOCK_REALTIME);
}

int64_t clock_monotonic_us(void)
{
	return clock_read_us(CLOCK_MONOTONIC);
}

// The proleptic Gregorian date of a day counted from the epoch (H. Hinnant, "chrono-Compatible Low-Level Date
// Algorithms", civil_from_days). gmtime_r takes a lock of the whole process.
static void split_days(int64_t days, struct tm *ret_parts)
{
	days += 719468; // from 0000-03-01
	int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	int64_t day_of_era = days - era * 146097;
	int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t month = (5 * day_of_year + 2) / 153; // from March
	ret_parts->tm_mday = (int)(day_of_year - (153 * month + 2) / 5 + 1);
	ret_parts->tm_mon = (int)(month < 10 ? month + 2 : month - 10);
	ret_parts->tm_year = (int)(year_of_era + era * 400 + (month >= 10) - 1900);
}

static int64_t split_seconds(int64_t epoch_us, struct tm *ret_parts)
{
	int64_t seconds = epoch_us / US_PER_SECOND;
	int64_t rest = epoch_us % US_PER_SECOND;
	if (rest < 0) {
		rest += US_PER_SECOND;
		seconds--;
	}
	int64_t days = (seconds >= 0 ? seconds : seconds - 86399) / 86400;
	int of_day = (int)(seconds - days * 86400);
	*ret_parts = (struct tm){ .tm_hour = of_day / 3600, .tm_min = of_day / 60 % 60, .tm_sec = of_day % 60 };
	split_days(days, ret_parts);
	return rest;
}

static void write_digits(char *text, int digits, int value)
{
	while (digits-- > 0) {
		text[digits] = (char)('0' + value % 10);
		value /= 10;
	}
}

void clock_format_rfc3339(int64_t epoch_us, char ret_text[CLOCK_TEXT_SIZE])
{
	struct tm parts;
	int64_t rest = split_seconds(epoch_us, &parts);
	// By hand: answers are full of times. (strftime writes the year 26 as "26", which is no RFC 3339.)
	static const char PATTERN[] = "0000-00-00T00:00:00.000Z";
	memcpy(ret_text, PATTERN, sizeof PATTERN);
	write_digits(ret_text, 4, parts.tm_year + 1900);
	write_digits(ret_text + 5, 2, parts.tm_mon + 1);
	write_digits(ret_text + 8, 2, parts.tm_mday);
	write_digits(ret_text + 11, 2, parts.tm_hour);
	write_digits(ret_text + 14, 2, parts.tm_min);
	write_digits(ret_text + 17, 2, parts.tm_sec);
	write_digits(ret_text + 20, 3, (int)(rest / 1000));
}

void clock_format_basic(int64_t epoch_us, char ret_text[17])
{
	struct tm parts;
	(void)split_seconds(epoch_us, &parts);
	(void)strftime(ret_text, 17, "%Y%m%dT%H%M%SZ", &parts);
}

// Reads exactly `digits` decimal digits at *text and moves it on.
static bool read_digits(const char **text, int digits, int *ret_value)
{
	int value = 0;
	for (int i = 0; i < digits; i++) {
		char digit = (*text)[i];
		if (digit < '0' || digit > '9')
			return false;
		value = value * 10 + (digit - '0');
	}
	*text += digits;
	*ret_value = value;
	return true;
}

static bool read_char(const char **text, const char *allowed)
{
	if (**text == '\0' || strchr(allowed, **text) == NULL)
		return false;
	(*text)++;
	return true;
}

static bool read_fraction(const char **text, int64_t *ret_us)
{
	*ret_us = 0;
	if (**text != '.')
		return true;
	(*text)++;
	int64_t scale = US_PER_SECOND / 10;
	if (**text < '0' || **text > '9')
		return false;
	for (; **text >= '0' && **text <= '9'; (*text)++) {
		*ret_us += (**text - '0') * scale;
		scale /= 10;
	}
	return true;
}

static bool read_offset(const char **text, int64_t *ret_seconds)
{
	*ret_seconds = 0;
	if (**text == 'Z' || **text == 'z') {
		(*text)++;
		return true;
	}
	int sign = **text == '-' ? -1 : 1;
	int hours = 0, minutes = 0;
	if (!read_char(text, "+-") || !read_digits(text, 2, &hours) || !read_char(text, ":") ||
	    !read_digits(text, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*ret_seconds = sign * (hours * 3600L + minutes * 60L);
	return true;
}

bool clock_parse_rfc3339(const char *text, int64_t *ret_epoch_us)
{
	int year, month, day, hour, minute, second;
	int64_t fraction_us, offset_seconds;
	if (!read_digits(&text, 4, &year) || !read_char(&text, "-") || !read_digits(&text, 2, &month) ||
	    !read_char(&text, "-") || !read_digits(&text, 2, &day) || !read_char(&text, "Tt ") ||
	    !read_digits(&text, 2, &hour) || !read_char(&text, ":") || !read_digits(&text, 2, &minute) ||
	    !read_char(&text, ":") || !read_digits(&text, 2, &second) || !read_fraction(&text, &fraction_us) ||
	    !read_offset(&text, &offset_seconds) || *text != '\0')
		return false;
	struct tm parts = { .tm_year = year - 1900,
		            .tm_mon = month - 1,
		            .tm_mday = day,
		            .tm_hour = hour,
		            .tm_min = minute,
		            .tm_sec = second };
	struct tm given = parts;
	time_t seconds = timegm(&parts);
	// timegm normalises 31 February: what it changed was not a date.
	if (parts.tm_mon != given.tm_mon || parts.tm_mday != given.tm_mday || hour > 23 || minute > 59 || second > 60)
		return false;
	*ret_epoch_us = ((int64_t)seconds - offset_seconds) * US_PER_SECOND + fraction_us;
	return true;
}

struct deadline deadline_after_ms(int64_t milliseconds)
{
	return (struct deadline){ .at_us = clock_monotonic_us() + milliseconds * 1000 };
}

int64_t deadline_left_ms(struct deadline deadline)
{
	int64_t left_us = deadline.at_us - clock_monotonic_us();
	return left_us <= 0 ? 0 : (left_us + 999) / 1000;
}

bool deadline_passed(struct deadline deadline)
{
	return deadline_left_ms(deadline) == 0;
}

void clock_sleep_ms(int64_t milliseconds)
{
	if (milliseconds <= 0)
		return;
	struct timespec pause = { .tv_sec = (time_t)(milliseconds / 1000),
		                  .tv_nsec = (long)(milliseconds % 1000) * 1000000 };
	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, &pause) == EINTR)
		;
}
