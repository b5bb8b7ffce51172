// Telling sRGB profiles from others, and surviving broken ones.
#include <math.h>
#include <string.h>

#include "tests/unit/cmocka_all.h"
#include "transcoder/decoder/icc.h"

#define CURVE_POINTS 256
#define PROFILE_BYTES 1024

struct profile {
	uint8_t bytes[PROFILE_BYTES];
	size_t length;
	size_t tags;
};

static void put_u32(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 24);
	at[1] = (uint8_t)(value >> 16);
	at[2] = (uint8_t)(value >> 8);
	at[3] = (uint8_t)value;
}

static void put_fixed(uint8_t *at, double value)
{
	put_u32(at, (uint32_t)(int32_t)lround(value * 65536));
}

// Add a tag of that many bytes and return where its data stands.
static uint8_t *add_tag(struct profile *profile, const char *name, const char *type, size_t length)
{
	uint8_t *entry = profile->bytes + 132 + 12 * profile->tags++;
	uint8_t *data = profile->bytes + profile->length;

	memcpy(entry, name, 4);
	put_u32(entry + 4, (uint32_t)profile->length);
	put_u32(entry + 8, (uint32_t)length);
	put_u32(profile->bytes + 128, (uint32_t)profile->tags);
	memcpy(data, type, 4);
	profile->length += length;
	assert_true(profile->length <= PROFILE_BYTES);
	return data;
}

static void add_primary(struct profile *profile, const char *name, double x, double y, double z)
{
	uint8_t *data = add_tag(profile, name, "XYZ ", 20);

	put_fixed(data + 8, x);
	put_fixed(data + 12, y);
	put_fixed(data + 16, z);
}

// Parametric type 3 with that exponent; sRGB's is 2.4.
static void add_parametric(struct profile *profile, const char *name, double gamma)
{
	uint8_t *data = add_tag(profile, name, "para", 32);

	data[9] = 3;
	put_fixed(data + 12, gamma);
	put_fixed(data + 16, 1 / 1.055);
	put_fixed(data + 20, 0.055 / 1.055);
	put_fixed(data + 24, 1 / 12.92);
	put_fixed(data + 28, 0.04045);
}

static void add_table(struct profile *profile, const char *name, double gamma)
{
	uint8_t *data = add_tag(profile, name, "curv", 12 + 2 * 32);

	put_u32(data + 8, 32);
	for (size_t i = 0; i < 32; i++) {
		double value = (double)i / 31;
		double linear = value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, gamma);
		unsigned point = (unsigned)lround(linear * 65535);

		data[12 + 2 * i] = (uint8_t)(point >> 8);
		data[13 + 2 * i] = (uint8_t)point;
	}
}

typedef void add_curve(struct profile *profile, const char *name, double gamma);

static struct profile make_profile(bool wide, add_curve *add, double gamma)
{
	struct profile profile = { .length = 132 + 12 * 8 };

	memcpy(profile.bytes + 16, "RGB XYZ ", 8);
	memcpy(profile.bytes + 36, "acsp", 4);
	if (wide) { // Display P3
		add_primary(&profile, "rXYZ", 0.5151, 0.2412, -0.0011);
		add_primary(&profile, "gXYZ", 0.2920, 0.6922, 0.0419);
		add_primary(&profile, "bXYZ", 0.1571, 0.0666, 0.7841);
	} else {
		add_primary(&profile, "rXYZ", 0.43607, 0.22249, 0.01392);
		add_primary(&profile, "gXYZ", 0.38515, 0.71687, 0.09708);
		add_primary(&profile, "bXYZ", 0.14307, 0.06061, 0.71410);
	}
	add(&profile, "rTRC", gamma);
	add(&profile, "gTRC", gamma);
	add(&profile, "bTRC", gamma);
	return profile;
}

static void test_knows_srgb(void **state)
{
	struct profile parametric = make_profile(false, add_parametric, 2.4);
	struct profile table = make_profile(false, add_table, 2.4);

	(void)state;
	assert_true(icc_is_srgb(parametric.bytes, parametric.length));
	assert_true(icc_is_srgb(table.bytes, table.length));
}

static void test_knows_others(void **state)
{
	struct profile display_p3 = make_profile(true, add_parametric, 2.4);
	struct profile other_curve = make_profile(false, add_parametric, 2.0);
	struct profile with_table = make_profile(false, add_parametric, 2.4);
	struct profile grey = make_profile(false, add_parametric, 2.4);

	(void)state;
	assert_false(icc_is_srgb(display_p3.bytes, display_p3.length));
	assert_false(icc_is_srgb(other_curve.bytes, other_curve.length));
	(void)add_tag(&with_table, "A2B0", "mft2", 40);
	assert_false(icc_is_srgb(with_table.bytes, with_table.length));
	memcpy(grey.bytes + 16, "GRAY", 4);
	assert_false(icc_is_srgb(grey.bytes, grey.length));
}

// Cut anywhere before the last tag ends, it is not sRGB, and nothing is read beyond (sanitizers watch).
static void test_survives_truncation(void **state)
{
	struct profile profile = make_profile(false, add_table, 2.4);

	(void)state;
	for (size_t length = 0; length < profile.length; length++) {
		uint8_t *exact = test_malloc(length + 1);

		memcpy(exact, profile.bytes, length);
		assert_false(icc_is_srgb(exact, length));
		test_free(exact);
	}
}

// Every 4-byte field set to its largest value: offsets, lengths and counts that point far outside.
static void test_survives_large_numbers(void **state)
{
	const struct profile profile = make_profile(false, add_table, 2.4);

	(void)state;
	for (size_t at = 128; at + 4 <= profile.length; at += 4) {
		struct profile broken = profile;

		memset(broken.bytes + at, 0xff, 4);
		(void)icc_is_srgb(broken.bytes, broken.length);
		memcpy(broken.bytes + at, "\x7f\xff\xff\xff", 4);
		(void)icc_is_srgb(broken.bytes, broken.length);
	}
	assert_false(icc_is_srgb(NULL, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_knows_srgb),
		cmocka_unit_test(test_knows_others),
		cmocka_unit_test(test_survives_truncation),
		cmocka_unit_test(test_survives_large_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
