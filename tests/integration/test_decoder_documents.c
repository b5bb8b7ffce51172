// Documents in their own sandbox profile: PDF's first page and SVG, drawn as pictures; nothing outside of the document
// but the machine's fonts comes in; files made to harm end in time. Needs no stack, only the binary.
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tests/hostile/documents.h"
#include "tests/hostile/pictures.h"
#include "tests/hostile/rig.h"
#include "tests/unit/cmocka_all.h"

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))
#define FONT "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
#define BOMB_MS 2500
#define LATE_MS_MOST 4000 // what a busy machine may add

static struct rig rig;

static int open_rig(void **state)
{
	(void)state;
	rig_init(&rig, "bin/safelight-decoder");
	rig.config.profile = "document";
	return 0;
}

static int close_rig(void **state)
{
	(void)state;
	rig_done(&rig);
	return 0;
}

static void run(const struct buffer *file, struct rig_result *ret_result)
{
	assert_true(buffer_ok(file));
	rig_run(&rig, file->data, file->length, ret_result);
	if (ret_result->rc != RC_OK)
		fail_msg("%s", ret_result->err.text);
}

static void run_good(const struct buffer *file, struct rig_result *ret_result)
{
	run(file, ret_result);
	if (!ret_result->outcome.done)
		fail_msg("%s: %s", media_reason_name(ret_result->outcome.reason), ret_result->outcome.detail);
	assert_true(ret_result->has_facts);
}

// The largest variant's pixels.
static void decode_largest(const struct rig_result *result, enum media_format format, struct picture_pixels *ret_pixels)
{
	const struct rig_variant *largest = NULL;

	for (size_t i = 0; i < result->variant_count; i++) {
		const struct rig_variant *variant = &result->variants[i];

		if (variant->about.format == format && (largest == NULL || variant->about.width > largest->about.width))
			largest = variant;
	}
	assert_non_null(largest);
	assert_true(picture_decode(largest->bytes, largest->about.bytes, ret_pixels));
}

static void run_text(const char *text, struct rig_result *ret_result)
{
	struct buffer file;

	buffer_init(&file, DOCUMENT_BYTES_MOST);
	buffer_append_text(&file, text);
	run_good(&file, ret_result);
	buffer_done(&file);
}

// The pixel in the middle of a part of the picture, in hundredths of its sides.
static const uint8_t *pixel_at(const struct picture_pixels *pixels, unsigned x, unsigned y)
{
	return pixels->rgba +
	       4 * ((size_t)(y * (pixels->height - 1) / 100) * pixels->width + x * (pixels->width - 1) / 100);
}

static void assert_colour(const uint8_t *pixel, unsigned red, unsigned green, unsigned blue, unsigned alpha)
{
	const unsigned wanted[] = { red, green, blue, alpha };

	for (size_t i = 0; i < 4; i++)
		assert_in_range(pixel[i], wanted[i] < 12 ? 0 : wanted[i] - 12, wanted[i] + 12);
}

// How many of a hundred pixels are dark.
static unsigned darkness(const struct picture_pixels *pixels)
{
	size_t dark = 0, count = (size_t)pixels->width * pixels->height;

	for (size_t i = 0; i < count; i++)
		dark += pixels->rgba[4 * i] < 100;
	return (unsigned)(dark * 100 / count);
}

// ---- what is drawn ----

static void test_svg(void **state)
{
	struct rig_result result;
	struct picture_pixels pixels;

	(void)state;
	run_text("<?xml version='1.0'?><!-- drawn by hand --><!DOCTYPE svg>\n<svg xmlns='http://www.w3.org/2000/svg' "
	         "viewBox='0 0 40 20'><rect width='20' height='20' fill='#c00'/></svg>",
	         &result);
	assert_int_equal(result.facts.source, FORMAT_SVG);
	assert_int_equal(result.facts.width, 2048);
	assert_int_equal(result.facts.height, 1024);
	assert_int_equal(result.facts.pages, 1);
	assert_true(result.facts.has_alpha);
	decode_largest(&result, FORMAT_JPEG, &pixels);
	assert_colour(pixel_at(&pixels, 25, 50), 0xcc, 0, 0, 255);
	assert_colour(pixel_at(&pixels, 75, 50), 255, 255, 255, 255); // nothing is white in JPEG
	free(pixels.rgba);
	decode_largest(&result, FORMAT_WEBP, &pixels);
	assert_colour(pixel_at(&pixels, 25, 50), 0xcc, 0, 0, 255);
	assert_int_equal(pixel_at(&pixels, 75, 50)[3], 0); // and nothing in WebP
	free(pixels.rgba);
	rig_result_done(&result);
}

// A picture within comes along; text is drawn in a font of this machine.
static void test_svg_with_text_and_picture(void **state)
{
	struct rig_result result;
	struct picture_pixels pixels;

	(void)state;
	run_text("<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 200 100'><text x='5' y='70' font-size='80' "
	         "font-family='DejaVu Sans'>MMM</text></svg>",
	         &result);
	decode_largest(&result, FORMAT_JPEG, &pixels);
	assert_in_range(darkness(&pixels), 5, 60);
	free(pixels.rgba);
	rig_result_done(&result);
	run_text(
	        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 200 100'><image width='200' height='100' "
	        "preserveAspectRatio='none' href='data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAA"
	        "DUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='/></svg>",
	        &result);
	decode_largest(&result, FORMAT_WEBP, &pixels);
	assert_true(pixel_at(&pixels, 50, 50)[3] > 0);
	free(pixels.rgba);
	rig_result_done(&result);
}

static void test_pdf_shows_its_first_page(void **state)
{
	struct buffer file;
	struct rig_result result;
	struct picture_pixels pixels;

	(void)state;
	buffer_init(&file, DOCUMENT_BYTES_MOST);
	document_make_pages(3, &file);
	run_good(&file, &result);
	buffer_done(&file);
	assert_int_equal(result.facts.source, FORMAT_PDF);
	assert_int_equal(result.facts.pages, 3);
	assert_int_equal(result.facts.width, 2048);
	assert_int_equal(result.facts.height, 1024);
	assert_false(result.facts.has_alpha);
	decode_largest(&result, FORMAT_WEBP, &pixels);
	assert_colour(pixel_at(&pixels, 50, 50), 255, 255, 255, 255);
	free(pixels.rgba);
	rig_result_done(&result);
}

// A font that the document brings, and one that it names only.
static void test_pdf_with_text(void **state)
{
	static const char *const fonts[] = { FONT, NULL };

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(fonts); i++) {
		struct buffer file;
		struct rig_result result;
		struct picture_pixels pixels;

		buffer_init(&file, DOCUMENT_BYTES_MOST);
		assert_true(document_make_text(fonts[i], &file));
		run_good(&file, &result);
		buffer_done(&file);
		decode_largest(&result, FORMAT_JPEG, &pixels);
		assert_in_range(darkness(&pixels), 3, 60);
		free(pixels.rgba);
		rig_result_done(&result);
	}
}

static void test_page_limit(void **state)
{
	const struct wire_job before = rig.job;
	struct buffer file;
	struct rig_result result;

	(void)state;
	rig.job.limits.max_pages = 3;
	buffer_init(&file, DOCUMENT_BYTES_MOST);
	document_make_pages(4, &file);
	run(&file, &result);
	assert_int_equal(result.outcome.reason, REASON_TOO_MANY_PAGES);
	rig_result_done(&result);
	rig.job.limits.max_side = 300; // a page has no side of its own: it is drawn as large as it may be
	buffer_clear(&file);
	document_make_pages(3, &file);
	run_good(&file, &result);
	assert_int_equal(result.facts.width, 300);
	assert_int_equal(result.facts.height, 150);
	rig_result_done(&result);
	buffer_done(&file);
	rig.job = before;
}

// Pictures have their own profile, and other files none: no loader of theirs is asked.
static void test_other_types_are_refused(void **state)
{
	static const char *const texts[] = {
		"GIF89a\1\0\1\0",
		"\x1f\x8b\x08 svg, compressed",
		"<html><svg xmlns='http://www.w3.org/2000/svg'/></html>",
		"<?xml version='1.0'?><!-- <svg> --><svgs/>",
		"%!PS-Adobe-3.0",
		"<svg",
		"<!DOCTYPE svg [",
	};
	struct buffer file;
	struct rig_result result;

	(void)state;
	buffer_init(&file, DOCUMENT_BYTES_MOST);
	picture_make_jpeg(64, 48, &file);
	run(&file, &result);
	assert_int_equal(result.outcome.reason, REASON_UNSUPPORTED_TYPE);
	rig_result_done(&result);
	for (size_t i = 0; i < LENGTH_OF(texts); i++) {
		buffer_clear(&file);
		buffer_append_text(&file, texts[i]);
		run(&file, &result);
		if (result.outcome.reason != REASON_UNSUPPORTED_TYPE)
			fail_msg("%s: %s", texts[i], media_reason_name(result.outcome.reason));
		rig_result_done(&result);
	}
	buffer_done(&file);
}

// ---- what is outside ----

// A black picture and a style sheet at once is no file's business, so: one file of each kind that could be drawn.
static void write_file(const char *path, const char *text)
{
	CLEANUP(close_stream) FILE *stream = fopen(path, "we");

	assert_non_null(stream);
	assert_true(fputs(text, stream) >= 0);
}

static int listen_here(uint16_t *ret_port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	*ret_port = ntohs(address.sin_port);
	return fd;
}

// One document whose reference is to target, or to a file that is nowhere: either both are drawn alike, or not at all.
static void assert_dead(const struct reference *reference, const char *target)
{
	static const char *const targets[] = { NULL, "nowhere.svg" };
	struct rig_result results[2];

	for (size_t i = 0; i < 2; i++) {
		struct buffer file;

		buffer_init(&file, DOCUMENT_BYTES_MOST);
		document_make_reference(reference, i == 0 ? target : targets[i], &file);
		run(&file, &results[i]);
		buffer_done(&file);
		if (results[i].outcome.sandbox_killed || results[i].outcome.misbehaved || !results[i].outcome.usable)
			fail_msg("%s to %s: %s", reference->name, target, results[i].outcome.detail);
	}
	print_message("%-22s %-40.40s %s\n", reference->name, target,
	              results[0].outcome.done ? "drawn without" : media_reason_name(results[0].outcome.reason));
	assert_int_equal(results[0].outcome.reason, results[1].outcome.reason);
	assert_int_equal(results[0].variant_count, results[1].variant_count);
	for (size_t i = 0; i < results[0].variant_count; i++) {
		assert_int_equal(results[0].variants[i].about.bytes, results[1].variants[i].about.bytes);
		assert_memory_equal(results[0].variants[i].bytes, results[1].variants[i].bytes,
		                    results[1].variants[i].about.bytes);
	}
	rig_result_done(&results[0]);
	rig_result_done(&results[1]);
}

static void test_references_are_dead(void **state)
{
	char path[64], file_url[128], http_url[128];
	const struct wire_job before = rig.job;
	uint16_t port;
	CLEANUP(close_descriptor) int listener = listen_here(&port);
	struct pollfd caller = { .fd = listener, .events = POLLIN };

	(void)state;
	(void)snprintf(path, sizeof(path), "/tmp/safelight-document-%d.svg", (int)getpid());
	(void)snprintf(file_url, sizeof(file_url), "file://%s", path);
	(void)snprintf(http_url, sizeof(http_url), "http://127.0.0.1:%u/a.svg", port);
	write_file(path, "<svg xmlns='http://www.w3.org/2000/svg' width='200' height='100'><g id='a'><rect width='200' "
	                 "height='100'/></g></svg>");
	// Small ones, since there are many.
	rig.job.step_count = 1;
	rig.job.encoding_count = 1;
	rig.job.limits.max_side = 400;
	for (size_t i = 0; i < reference_count; i++) {
		const char *const targets[] = { path, file_url, http_url, "file:///etc/passwd", "/usr/share/fonts" };

		for (size_t k = 0; k < LENGTH_OF(targets); k++)
			assert_dead(&references[i], targets[k]);
	}
	assert_int_equal(poll(&caller, 1, 0), 0); // nobody has called
	rig.job = before;
	(void)unlink(path);
}

// ---- bombs ----

// The next document is drawn: by the same child, or the one after it.
static void assert_works(void)
{
	const struct wire_job before = rig.job;
	struct rig_result result;

	rig.job.step_count = 1;
	rig.job.limits.max_side = 64;
	run_text("<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>", &result);
	rig_result_done(&result);
	rig.job = before;
}

// In time, and by a reason of ours or drawn.
static void run_bomb(const struct bomb *bomb)
{
	const int64_t before = rig.deadline_ms;
	struct buffer file;
	struct rig_result result;

	buffer_init(&file, DOCUMENT_BYTES_MOST);
	bomb->make(&file);
	rig_start(&rig); // the start of a new child is not the bomb's time
	rig.deadline_ms = BOMB_MS;
	run(&file, &result);
	rig.deadline_ms = before;
	print_message("%-16s %8zu bytes: %s in %lld ms: %s\n", bomb->name, file.length,
	              result.outcome.done ? "done" : media_reason_name(result.outcome.reason),
	              (long long)result.wall_us / 1000, result.outcome.detail);
	buffer_done(&file);
	assert_in_range(result.wall_us, 0, (BOMB_MS + LATE_MS_MOST) * 1000);
	assert_false(result.outcome.sandbox_killed);
	assert_false(result.outcome.misbehaved);
	assert_true(result.outcome.done || result.outcome.reason != REASON_INTERNAL);
	if (!bomb->any_end)
		assert_string_equal(media_reason_name(result.outcome.reason), media_reason_name(bomb->reason));
	rig_result_done(&result);
	assert_works();
}

static void test_bombs(void **state)
{
	(void)state;
	for (size_t i = 0; i < document_bomb_count; i++)
		run_bomb(&document_bombs[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_svg),
		cmocka_unit_test(test_svg_with_text_and_picture),
		cmocka_unit_test(test_pdf_shows_its_first_page),
		cmocka_unit_test(test_pdf_with_text),
		cmocka_unit_test(test_page_limit),
		cmocka_unit_test(test_other_types_are_refused),
		cmocka_unit_test(test_references_are_dead),
		cmocka_unit_test(test_bombs),
	};

	return cmocka_run_group_tests(tests, open_rig, close_rig);
}
