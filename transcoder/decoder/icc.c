// Is this ICC profile sRGB? Compares primaries and tone curves, because names lie and differ.
#include "transcoder/decoder/icc.h"

#include <math.h>

#define HEADER_BYTES 128
#define TAGS_MOST 100

#define SIGNATURE(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

struct span {
	const uint8_t *bytes;
	size_t length;
};

// Big-endian numbers at an offset; 0 beyond the end.
static uint32_t get_u32(struct span span, size_t offset)
{
	if (offset > span.length || span.length - offset < 4)
		return 0;
	return SIGNATURE(span.bytes[offset], span.bytes[offset + 1], span.bytes[offset + 2], span.bytes[offset + 3]);
}

static uint32_t get_u16(struct span span, size_t offset)
{
	if (offset > span.length || span.length - offset < 2)
		return 0;
	return (uint32_t)span.bytes[offset] << 8 | span.bytes[offset + 1];
}

static double get_fixed(struct span span, size_t offset) // s15Fixed16Number
{
	return (int32_t)get_u32(span, offset) / 65536.0;
}

// The data of a tag; empty when there is none or it lies outside the profile.
static struct span find_tag(struct span profile, uint32_t signature)
{
	uint32_t count = get_u32(profile, HEADER_BYTES);

	for (size_t i = 0; i < count && i < TAGS_MOST; i++) {
		size_t entry = HEADER_BYTES + 4 + 12 * i;
		size_t offset = get_u32(profile, entry + 4), length = get_u32(profile, entry + 8);

		if (get_u32(profile, entry) != signature)
			continue;
		if (offset > profile.length || length > profile.length - offset)
			break;
		return (struct span){ profile.bytes + offset, length };
	}
	return (struct span){ 0 };
}

static bool is_primary(struct span profile, uint32_t signature, const double expected[3])
{
	struct span tag = find_tag(profile, signature);

	if (get_u32(tag, 0) != SIGNATURE('X', 'Y', 'Z', ' ') || tag.length < 20)
		return false;
	for (size_t i = 0; i < 3; i++) {
		if (fabs(get_fixed(tag, 8 + 4 * i) - expected[i]) > 0.003)
			return false;
	}
	return true;
}

static double srgb_to_linear(double value)
{
	return value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4);
}

// 'curv': a table that is interpolated. Shorter ones (a bare gamma) are never sRGB.
static double eval_table(struct span tag, double value)
{
	uint32_t count = get_u32(tag, 8);
	double position, low, high;
	size_t index;

	if (count < 16 || tag.length < 12 || (tag.length - 12) / 2 < count)
		return NAN;
	position = value * (count - 1);
	index = (size_t)position;
	if (index >= count - 1)
		return get_u16(tag, 12 + 2 * (size_t)(count - 1)) / 65535.0;
	low = get_u16(tag, 12 + 2 * index) / 65535.0;
	high = get_u16(tag, 14 + 2 * index) / 65535.0;
	return low + (high - low) * (position - (double)index);
}

// 'para' of function types 3 and 4, the only ones that can hold sRGB's linear foot.
static double eval_parametric(struct span tag, double value)
{
	uint32_t type = get_u16(tag, 8);
	double gamma = get_fixed(tag, 12), a = get_fixed(tag, 16), b = get_fixed(tag, 20), c = get_fixed(tag, 24);
	double d = get_fixed(tag, 28), e = 0, f = 0;

	if ((type != 3 || tag.length < 32) && (type != 4 || tag.length < 40))
		return NAN;
	if (type == 4) {
		e = get_fixed(tag, 32);
		f = get_fixed(tag, 36);
	}
	return value >= d ? pow(a * value + b, gamma) + e : c * value + f;
}

static bool is_tone_curve(struct span profile, uint32_t signature)
{
	struct span tag = find_tag(profile, signature);
	uint32_t type = get_u32(tag, 0);

	for (int i = 0; i <= 20; i++) {
		double value = i / 20.0, result = NAN;

		if (type == SIGNATURE('c', 'u', 'r', 'v'))
			result = eval_table(tag, value);
		else if (type == SIGNATURE('p', 'a', 'r', 'a'))
			result = eval_parametric(tag, value);
		if (!(fabs(result - srgb_to_linear(value)) < 0.004)) // also false for NaN
			return false;
	}
	return true;
}

bool icc_is_rgb(const uint8_t *bytes, size_t length)
{
	return get_u32((struct span){ bytes, length }, 16) == SIGNATURE('R', 'G', 'B', ' ');
}

bool icc_is_srgb(const uint8_t *bytes, size_t length)
{
	// sRGB's primaries adapted to D50, as every sRGB profile holds them.
	static const double red[3] = { 0.4361, 0.2225, 0.0139 };
	static const double green[3] = { 0.3851, 0.7169, 0.0971 };
	static const double blue[3] = { 0.1431, 0.0606, 0.7141 };
	struct span profile = { bytes, length };

	if (!icc_is_rgb(bytes, length) || get_u32(profile, 20) != SIGNATURE('X', 'Y', 'Z', ' ') ||
	    get_u32(profile, 36) != SIGNATURE('a', 'c', 's', 'p'))
		return false;
	if (find_tag(profile, SIGNATURE('A', '2', 'B', '0')).length >
	    0) // a table that takes precedence over the matrix
		return false;
	return is_primary(profile, SIGNATURE('r', 'X', 'Y', 'Z'), red) &&
	       is_primary(profile, SIGNATURE('g', 'X', 'Y', 'Z'), green) &&
	       is_primary(profile, SIGNATURE('b', 'X', 'Y', 'Z'), blue) &&
	       is_tone_curve(profile, SIGNATURE('r', 'T', 'R', 'C')) &&
	       is_tone_curve(profile, SIGNATURE('g', 'T', 'R', 'C')) &&
	       is_tone_curve(profile, SIGNATURE('b', 'T', 'R', 'C'));
}
