/*
 * Paints the sample photos: each scene is a function from a point to a colour, sampled four times a pixel and written
 * as a binary PPM (or, for the alpha channel of a scene, PGM) to standard output. make.sh turns them into JPEG, PNG and
 * WebP.
 *
 *     scenes NAME WIDTH HEIGHT rgb|alpha
 *
 * Only integer hashes and plain arithmetic feed the noise, so a scene is the same picture on every machine.
 */
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE_MAX = 8192, SAMPLES = 2 };

struct colour {
	double r, g, b, a;
};

/* x runs from 0 to width/height, y from 0 (top) to 1. */
typedef struct colour scene_paint(double x, double y, double aspect);

struct scene {
	const char *name;
	scene_paint *paint;
};

static double clamp(double value)
{
	return value < 0 ? 0 : value > 1 ? 1 : value;
}

static double smooth(double from, double to, double value)
{
	double t = clamp((value - from) / (to - from));

	return t * t * (3 - 2 * t);
}

static struct colour rgb(unsigned hex)
{
	return (struct colour){ ((hex >> 16) & 255) / 255.0, ((hex >> 8) & 255) / 255.0, (hex & 255) / 255.0, 1 };
}

static struct colour mix(struct colour from, struct colour to, double t)
{
	return (struct colour){ from.r + (to.r - from.r) * t, from.g + (to.g - from.g) * t,
		                from.b + (to.b - from.b) * t, from.a + (to.a - from.a) * t };
}

static struct colour glow(struct colour base, struct colour light, double strength)
{
	return (struct colour){ base.r + light.r * strength, base.g + light.g * strength, base.b + light.b * strength,
		                base.a };
}

/* A number from 0 to 1 that belongs to a lattice point. */
static double hash_point(int64_t x, int64_t y, uint64_t seed)
{
	uint64_t h = (uint64_t)x * 0x9E3779B97F4A7C15u ^ (uint64_t)y * 0xC2B2AE3D27D4EB4Fu ^ seed * 0x165667B19E3779F9u;

	h = (h ^ (h >> 29)) * 0xBF58476D1CE4E5B9u;
	h = (h ^ (h >> 32)) * 0x94D049BB133111EBu;
	h ^= h >> 31;
	return (double)(h >> 11) / 9007199254740992.0;
}

static double noise(double x, double y, uint64_t seed)
{
	double fx = floor(x), fy = floor(y);
	int64_t ix = (int64_t)fx, iy = (int64_t)fy;
	double u = smooth(0, 1, x - fx), v = smooth(0, 1, y - fy);
	double top = hash_point(ix, iy, seed) * (1 - u) + hash_point(ix + 1, iy, seed) * u;
	double bottom = hash_point(ix, iy + 1, seed) * (1 - u) + hash_point(ix + 1, iy + 1, seed) * u;

	return top * (1 - v) + bottom * v;
}

/* Fractal noise, about 0 to 1: each octave twice as fine and half as strong. */
static double fractal(double x, double y, uint64_t seed, int octaves)
{
	double sum = 0, strength = 0.5;

	for (int i = 0; i < octaves; i++) {
		sum += strength * noise(x, y, seed + (uint64_t)i);
		x = x * 2 + 17.3;
		y = y * 2 + 9.1;
		strength /= 2;
	}
	return sum;
}

static double stars(double x, double y, double density)
{
	double fx = floor(x * 220), fy = floor(y * 220);
	double chance = hash_point((int64_t)fx, (int64_t)fy, 71);
	double dx = x * 220 - fx - 0.5, dy = y * 220 - fy - 0.5;

	if (chance > density)
		return 0;
	return exp(-(dx * dx + dy * dy) * 14) * (0.3 + 0.7 * chance / density);
}

/* Seven mountain ridges in the mist before a rising sun. */
static struct colour paint_ridges(double x, double y, double aspect)
{
	enum { RIDGES = 7 };
	double sun = hypot(x - aspect * 0.64, (y - 0.36) * 1.02);
	struct colour c = mix(rgb(0x27345f), rgb(0xf3a978), smooth(0, 0.5, y + 0.05 * fractal(x * 2, y * 9, 5, 4)));

	c = glow(c, rgb(0xffc27a), 0.55 * exp(-sun * 5));
	c = mix(c, rgb(0xfff3d6), 1 - smooth(0.048, 0.052, sun));
	for (int i = 0; i < RIDGES; i++) {
		double depth = (double)i / (RIDGES - 1);
		double line = 0.40 + 0.085 * i -
		              (0.10 + 0.07 * depth) * fractal(x * (2.2 + 0.5 * i), i * 3.7, 11 + 31 * (uint64_t)i, 7);
		struct colour rock, mist;

		if (y < line)
			continue;
		rock = mix(rgb(0xc58a86), rgb(0x14182c), pow(depth, 0.7));
		mist = mix(rgb(0xf4bd97), rgb(0x4b4a6b), depth);
		c = mix(rock, mist, 0.75 * smooth(0, 0.16, y - line) * (0.55 + 0.45 * fractal(x * 3, y * 6, 90, 4)));
		c = glow(c, rgb(0xff9d5c), 0.22 * (1 - depth) * exp(-sun * 3));
	}
	return c;
}

/* A full moon over the sea at night. */
static struct colour paint_tide(double x, double y, double aspect)
{
	const double horizon = 0.56;
	double moon = hypot(x - aspect * 0.42, y - 0.24);
	double cloud = smooth(0.46, 0.75, fractal(x * 2.2, y * 7, 40, 6));
	struct colour c, sea;
	double depth, swell, path;

	if (y < horizon) {
		c = mix(rgb(0x060b1c), rgb(0x2c4668), pow(y / horizon, 1.6));
		c = glow(c, rgb(0xffffff), stars(x, y, 0.012));
		c = glow(c, rgb(0xbfd2f0), 0.42 * exp(-moon * 6));
		c = mix(c, mix(rgb(0x16223c), rgb(0x8fa3c4), exp(-moon * 4)), 0.6 * cloud);
		return mix(c, mix(rgb(0xf7f1de), rgb(0xb9b39f), 0.9 * smooth(0.4, 0.7, fractal(x * 19, y * 19, 3, 5))),
		           1 - smooth(0.072, 0.075, moon));
	}
	depth = (y - horizon) / (1 - horizon);
	swell = fractal(x * (9 - 6 * depth), 40 * sqrt(depth), 60, 5);
	sea = mix(rgb(0x2a4463), rgb(0x050a18), sqrt(depth));
	sea = mix(sea, rgb(0x6d89ab), 0.35 * smooth(0.45, 0.75, swell));
	path = exp(-pow((x - aspect * 0.42) / (0.05 + 0.17 * depth), 2));
	return glow(sea, rgb(0xfdf0d0),
	            path * (0.16 + 1.2 * smooth(0.50, 0.72, fractal(x * (30 - 20 * depth), 70 * sqrt(depth), 8, 4))));
}

/* Northern lights over fir trees. */
static struct colour paint_aurora(double x, double y, double aspect)
{
	double hills = 0.86 - 0.08 * fractal(x * 1.5, 2, 5, 4);
	double cell = floor(x * 46), inside = fabs(x * 46 - cell - 0.5) * 2;
	double tree = hills - 0.11 * hash_point((int64_t)cell, 4, 9) * clamp(1 - inside * 1.1) -
	              0.006 * fractal(x * 90, y * 60, 3, 2);
	struct colour c = mix(rgb(0x050a1e), rgb(0x12304a), y);

	if (y > tree)
		return mix(rgb(0x02050a), rgb(0x0a1a1f), smooth(0.9, 1.1, y));
	c = glow(c, rgb(0xe8f1ff), stars(x, y, 0.02));
	for (int i = 0; i < 3; i++) {
		double foot = 0.68 - 0.13 * i + 0.16 * sin(x * (1.7 + 0.8 * i) / aspect * 3 + 2 * i) -
		              0.18 * (fractal(x * 1.3, i * 5, 21, 4) - 0.5);
		double above = foot - y;
		double rays = 0.35 + 0.9 * fractal(x * 26 + 3 * y, i * 9, 33, 4);
		double strength =
		        smooth(-0.035, 0.012, above) * exp(-fmax(above, 0) * (5.5 - i)) * rays * (0.9 - 0.22 * i);

		c = glow(c, mix(rgb(0x37f5a0), rgb(0x9a4bff), smooth(0.04, 0.4, above)), 0.8 * strength);
	}
	return c;
}

/* Sand dunes with wind ripples in low light; upright it is a portrait. */
static struct colour paint_dunes(double x, double y, double aspect)
{
	enum { DUNES = 4 };
	struct colour c = mix(rgb(0x5a86b5), rgb(0xf6dcb4), smooth(0, 0.42, y));

	for (int i = 0; i < DUNES; i++) {
		double depth = (double)i / (DUNES - 1);
		double wave = fractal(x / aspect * (1.3 + 0.35 * i), i * 2.9, 14 + 17 * (uint64_t)i, 2);
		double crest = 0.34 + 0.15 * i - 0.16 * wave;
		double below = y - crest, bend, ripple, lit;

		if (below < 0)
			continue;
		bend = x - aspect * (0.25 + 0.5 * hash_point(i, 1, 6)) + (0.25 + 0.5 * depth) * below +
		       0.1 * fractal(x * 3, y * 3, 77, 3);
		lit = smooth(-0.03, 0.03, bend) * (1 - 0.35 * smooth(0, 0.5, below));
		ripple = sin((y * 150 + 22 * fractal(x * 4, y * 5, 50, 4)) * (1.35 - 0.75 * depth)) * 0.5 + 0.5;
		c = mix(rgb(0x6e3b2a), rgb(0xf0b06a), lit * 0.85 + 0.12 * ripple * (0.3 + 0.7 * lit));
		c = mix(c, rgb(0xf3d6b0), (1 - depth) * 0.45);
		c = glow(c, rgb(0xffffff), 0.05 * (hash_point((int64_t)(x * 1600), (int64_t)(y * 1600), 2) - 0.5));
	}
	return c;
}

/* The iris of a lens: nine steel blades; clear outside the ring and in the opening. */
static struct colour paint_iris(double x, double y, double aspect)
{
	enum { BLADES = 9 };
	const double turn = 2 * acos(-1.0) / BLADES, opening = 0.17;
	double px = x - aspect / 2, py = y - 0.5, radius = hypot(px, py);
	struct colour c = { 0, 0, 0, 0 };

	for (int i = 0; i < BLADES; i++) {
		double d = px * cos(i * turn) + py * sin(i * turn) - opening;
		double next = px * cos((i + 1) * turn) + py * sin((i + 1) * turn) - opening;
		double along = py * cos(i * turn) - px * sin(i * turn);

		if (d < 0 || next >= 0)
			continue;
		c = mix(rgb(0x2a2422), rgb(0x9a8378), 0.5 + 0.5 * sin(i * turn + 3.5 * along + 0.8));
		c = mix(c, rgb(0xff8a5c), 0.55 * exp(-d * 60) + 0.12 * exp(-radius * 5));
		c = mix(c, rgb(0x0d0908), 0.75 * exp(next * 22));
		c = glow(c, rgb(0xffffff), 0.05 * (fractal(along * 300, d * 4, 12, 3) - 0.4));
	}
	if (radius > 0.40)
		c = mix(rgb(0x171110), rgb(0x8d7467),
		        exp(-pow((radius - 0.44) / 0.016, 2)) * (0.6 + 0.4 * sin(2 * atan2(py, px))));
	c.a *= 1 - smooth(0.478, 0.482, radius);
	return c;
}

/* A Julia set in the colours of embers. */
static struct colour paint_ember(double x, double y, double aspect)
{
	enum { STEPS = 260 };
	double re = (x - aspect / 2) * 1.75, im = (y - 0.5) * 1.75;
	struct colour c;
	int step = 0;
	double heat;

	for (; step < STEPS && re * re + im * im < 256; step++) {
		double next = re * re - im * im - 0.7269;

		im = 2 * re * im + 0.1889;
		re = next;
	}
	if (step == STEPS)
		return rgb(0x1b0503);
	heat = clamp((step + 1 - log2(log2(re * re + im * im) / 2)) / 110);
	c = mix(rgb(0x0a0506), rgb(0x7c1d0e), smooth(0, 0.28, heat));
	c = mix(c, rgb(0xff7a33), smooth(0.15, 0.55, heat));
	return mix(c, rgb(0xfff0c8), smooth(0.5, 0.95, heat));
}

static const struct scene scenes[] = {
	{ "ridges", paint_ridges }, { "tide", paint_tide }, { "aurora", paint_aurora },
	{ "dunes", paint_dunes },   { "iris", paint_iris }, { "ember", paint_ember },
};

/* The mean of SAMPLES × SAMPLES points inside the pixel; colour counts by its opacity. */
static struct colour paint_pixel(const struct scene *scene, int column, int row, int width, int height)
{
	struct colour sum = { 0, 0, 0, 0 };

	for (int i = 0; i < SAMPLES * SAMPLES; i++) {
		double x = (column + (i % SAMPLES + 0.5) / SAMPLES) / height;
		double y = (row + (i / SAMPLES + 0.5) / SAMPLES) / height;
		struct colour c = scene->paint(x, y, (double)width / height);

		sum = (struct colour){ sum.r + clamp(c.r) * c.a, sum.g + clamp(c.g) * c.a, sum.b + clamp(c.b) * c.a,
			               sum.a + c.a };
	}
	if (sum.a > 0)
		sum = (struct colour){ sum.r / sum.a, sum.g / sum.a, sum.b / sum.a, sum.a / (SAMPLES * SAMPLES) };
	return sum;
}

static int put_value(double value)
{
	return putchar((int)lround(255 * clamp(value))) == EOF ? -1 : 0;
}

/* Writes the picture; 0, or -1 when standard output fails. */
static int write_scene(const struct scene *scene, int width, int height, int alpha)
{
	if (printf("P%d\n%d %d\n255\n", alpha ? 5 : 6, width, height) < 0)
		return -1;
	for (int row = 0; row < height; row++) {
		for (int column = 0; column < width; column++) {
			struct colour c = paint_pixel(scene, column, row, width, height);

			if (alpha ? put_value(c.a) : put_value(c.r) || put_value(c.g) || put_value(c.b))
				return -1;
		}
	}
	return fflush(stdout) == 0 ? 0 : -1;
}

/* A whole number from 1 to SIDE_MAX, or 0. */
static int parse_side(const char *text)
{
	char *end = NULL;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	return errno == 0 && *text != '\0' && *end == '\0' && value >= 1 && value <= SIDE_MAX ? (int)value : 0;
}

int main(int argc, char **argv)
{
	int width = argc == 5 ? parse_side(argv[2]) : 0;
	int height = argc == 5 ? parse_side(argv[3]) : 0;
	int alpha = argc == 5 && strcmp(argv[4], "alpha") == 0;

	if (width == 0 || height == 0 || (!alpha && strcmp(argv[4], "rgb") != 0)) {
		(void)fprintf(stderr, "usage: scenes NAME WIDTH HEIGHT rgb|alpha\n");
		return 2;
	}
	for (size_t i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++) {
		if (strcmp(argv[1], scenes[i].name) != 0)
			continue;
		if (write_scene(&scenes[i], width, height, alpha) == 0)
			return 0;
		perror("scenes: standard output");
		return 1;
	}
	(void)fprintf(stderr, "scenes: no scene is called %s\n", argv[1]);
	return 2;
}
