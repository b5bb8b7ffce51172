// The rules.
#include "tests/hostile/pattern.h"

#include <stddef.h>

static void make_pixel(enum pattern pattern, unsigned x, unsigned y, unsigned width, unsigned height, unsigned noise,
                       uint8_t pixel[4])
{
	unsigned values[4] = { 200, 100, 50, 255 };

	switch (pattern) {
	case PATTERN_GRADIENT:
		values[0] = x * x * 255 / (width * width);
		values[1] = (y * y + x) * 200 / (height * height + width);
		values[2] = 255 - values[0] * values[1] / 255;
		break;
	case PATTERN_NOISE:
		values[0] = x * 7 + noise;
		values[1] = y * 5 + noise * 2;
		values[2] = x * y + noise * 3;
		break;
	case PATTERN_ALPHA:
		values[0] = 200 - noise;
		values[1] = x * 3;
		values[2] = y * 3;
		values[3] = (x + y) * 255 / (width + height);
		break;
	case PATTERN_CLEAR:
		values[3] = 0;
		break;
	case PATTERN_FLAT:
		break;
	}
	for (size_t i = 0; i < 4; i++)
		pixel[i] = (uint8_t)values[i];
}

void pattern_make(enum pattern pattern, unsigned width, unsigned height, uint8_t *ret_rgba)
{
	uint32_t seed = 12345;

	for (unsigned y = 0; y < height; y++) {
		for (unsigned x = 0; x < width; x++) {
			seed = seed * 1103515245u + 12345u;
			make_pixel(pattern, x, y, width, height, seed >> 16 & 63,
			           ret_rgba + 4 * ((size_t)y * width + x));
		}
	}
}
