// The little that variants may keep of a file's metadata: who made it, and which colours it means.
#include "transcoder/decoder/picture.h"

#include <stdio.h>
#include <string.h>
#include <webp/mux.h>

#define TEXT_MOST 500
#define ICC_CHUNK 65519 // of an APP2 segment behind its marker of 14 bytes
#define ICC_MOST (4u << 20)
#define TAG_ARTIST 0x013b
#define TAG_COPYRIGHT 0x8298

// A text of EXIF as libvips shows it, "Ansel (Ansel, ASCII, 6 components, 6 bytes)", without what stands in brackets
// and without control characters. False: none.
static bool read_text(VipsImage *image, const char *field, char ret_text[TEXT_MOST])
{
	const char *shown, *end = NULL;

	if (vips_image_get_typeof(image, field) == 0 || vips_image_get_string(image, field, &shown) != 0)
		return false;
	for (const char *at = shown; end == NULL && (at = strstr(at, " (")) != NULL; at++)
		if (strncmp(at + 2, shown, (size_t)(at - shown)) == 0) // the text once more
			end = at;
	(void)snprintf(ret_text, TEXT_MOST, "%.*s", end == NULL ? TEXT_MOST - 1 : (int)(end - shown), shown);
	for (char *at = ret_text; *at != '\0'; at++)
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			*at = ' ';
	return ret_text[0] != '\0';
}

static void put_16(GByteArray *out, unsigned value)
{
	const uint8_t bytes[] = { (uint8_t)value, (uint8_t)(value >> 8) };

	g_byte_array_append(out, bytes, sizeof(bytes));
}

static void put_32(GByteArray *out, unsigned value)
{
	put_16(out, value & 0xffff);
	put_16(out, value >> 16);
}

// An EXIF block (behind "Exif\0\0": a little-endian TIFF of one folder) with these texts; NULL texts are left out.
static GByteArray *make_exif(const char *artist, const char *copyright)
{
	const struct {
		unsigned tag;
		const char *text;
	} entries[] = { { TAG_ARTIST, artist }, { TAG_COPYRIGHT, copyright } }; // tags must rise
	unsigned count = (artist != NULL ? 1u : 0u) + (copyright != NULL ? 1u : 0u);
	unsigned at = 8 + 2 + 12 * count + 4; // of the first text
	GByteArray *out = g_byte_array_new();

	g_byte_array_append(out, (const uint8_t *)"Exif\0\0II*\0", 10);
	put_32(out, 8);
	put_16(out, count);
	for (unsigned i = 0; i < 2; i++) {
		unsigned length = entries[i].text == NULL ? 0 : (unsigned)strlen(entries[i].text) + 1;
		char inside[4] = { 0 };

		if (length == 0)
			continue;
		put_16(out, entries[i].tag);
		put_16(out, 2); // ASCII
		put_32(out, length);
		if (length <= sizeof(inside)) {
			memcpy(inside, entries[i].text, length);
			g_byte_array_append(out, (const uint8_t *)inside, sizeof(inside));
			continue;
		}
		put_32(out, at);
		at += length;
	}
	put_32(out, 0); // no other folder
	for (unsigned i = 0; i < 2; i++)
		if (entries[i].text != NULL && strlen(entries[i].text) + 1 > 4)
			g_byte_array_append(out, (const uint8_t *)entries[i].text, (guint)strlen(entries[i].text) + 1);
	return out;
}

static bool is_kept_profile(VipsImage *image)
{
	const void *profile;
	size_t length;

	return vips_image_get_typeof(image, VIPS_META_ICC_NAME) != 0 &&
	       vips_image_get_blob(image, VIPS_META_ICC_NAME, &profile, &length) == 0 && length <= ICC_MOST;
}

void picture_keep_metadata(VipsImage *image, const struct wire_job *job)
{
	char artist[TEXT_MOST], copyright[TEXT_MOST];
	bool has_artist = job->keep_copyright && read_text(image, "exif-ifd0-Artist", artist);
	bool has_copyright = job->keep_copyright && read_text(image, "exif-ifd0-Copyright", copyright);
	GBytes *profile = NULL;
	const void *bytes;
	size_t length;

	if (job->keep_profile && is_kept_profile(image) &&
	    vips_image_get_blob(image, VIPS_META_ICC_NAME, &bytes, &length) == 0)
		profile = g_bytes_new(bytes, length);
	picture_forget_metadata(image);
	if (profile != NULL) {
		bytes = g_bytes_get_data(profile, &length);
		vips_image_set_blob_copy(image, VIPS_META_ICC_NAME, bytes, length);
		g_bytes_unref(profile);
	}
	if (has_artist || has_copyright) {
		GByteArray *exif = make_exif(has_artist ? artist : NULL, has_copyright ? copyright : NULL);

		vips_image_set_blob_copy(image, VIPS_META_EXIF_NAME, exif->data, exif->len);
		g_byte_array_unref(exif);
	}
}

bool picture_has_metadata(VipsImage *image)
{
	return vips_image_get_typeof(image, VIPS_META_EXIF_NAME) != 0 ||
	       vips_image_get_typeof(image, VIPS_META_ICC_NAME) != 0;
}

void picture_copy_metadata(VipsImage *from, VipsImage *to)
{
	static const char *const names[] = { VIPS_META_EXIF_NAME, VIPS_META_ICC_NAME };
	const void *bytes;
	size_t length;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (vips_image_get_typeof(from, names[i]) != 0 &&
		    vips_image_get_blob(from, names[i], &bytes, &length) == 0)
			vips_image_set_blob_copy(to, names[i], bytes, length);
	}
}

// What the picture keeps under that name; NULL: nothing.
static const uint8_t *get_blob(VipsImage *image, const char *name, size_t *ret_length)
{
	const void *bytes = NULL;

	*ret_length = 0;
	if (vips_image_get_typeof(image, name) == 0 || vips_image_get_blob(image, name, &bytes, ret_length) != 0)
		return NULL;
	return bytes;
}

static void append_segment(GByteArray *out, uint8_t marker, const void *head, size_t head_length, const uint8_t *bytes,
                           size_t length)
{
	size_t whole = 2 + head_length + length;
	const uint8_t start[] = { 0xff, marker, (uint8_t)(whole >> 8), (uint8_t)whole };

	g_byte_array_append(out, start, sizeof(start));
	g_byte_array_append(out, head, (guint)head_length);
	g_byte_array_append(out, bytes, (guint)length);
}

// Behind the first marker, as EXIF 2.3 (4.7.2) and ICC.1:2010 (B.4) want it.
static int add_to_jpeg(VipsImage *image, void **bytes, size_t *length)
{
	size_t exif_length, icc_length;
	const uint8_t *exif = get_blob(image, VIPS_META_EXIF_NAME, &exif_length);
	const uint8_t *icc = get_blob(image, VIPS_META_ICC_NAME, &icc_length);
	size_t chunks = (icc_length + ICC_CHUNK - 1) / ICC_CHUNK;
	GByteArray *out = g_byte_array_new();

	g_byte_array_append(out, *bytes, 2);
	if (exif != NULL)
		append_segment(out, 0xe1, "", 0, exif, exif_length);
	for (size_t i = 0; i < chunks; i++) {
		uint8_t head[14] = "ICC_PROFILE";
		size_t left = icc_length - i * ICC_CHUNK;

		head[12] = (uint8_t)(i + 1);
		head[13] = (uint8_t)chunks;
		append_segment(out, 0xe2, head, sizeof(head), icc + i * ICC_CHUNK, left < ICC_CHUNK ? left : ICC_CHUNK);
	}
	g_byte_array_append(out, (const uint8_t *)*bytes + 2, (guint)(*length - 2));
	g_free(*bytes);
	*length = out->len;
	*bytes = g_byte_array_free(out, FALSE);
	return 0;
}

static int add_to_webp(VipsImage *image, void **bytes, size_t *length)
{
	WebPData file = { .bytes = *bytes, .size = *length }, made = { 0 }, chunk;
	WebPMux *mux = WebPMuxCreate(&file, 0);
	bool done = mux != NULL;

	chunk.bytes = get_blob(image, VIPS_META_ICC_NAME, &chunk.size);
	done = done && (chunk.bytes == NULL || WebPMuxSetChunk(mux, "ICCP", &chunk, 0) == WEBP_MUX_OK);
	chunk.bytes = get_blob(image, VIPS_META_EXIF_NAME, &chunk.size);
	if (chunk.bytes != NULL) { // without JPEG's "Exif\0\0"
		chunk.bytes += 6;
		chunk.size -= 6;
		done = done && WebPMuxSetChunk(mux, "EXIF", &chunk, 0) == WEBP_MUX_OK;
	}
	done = done && WebPMuxAssemble(mux, &made) == WEBP_MUX_OK;
	WebPMuxDelete(mux);
	if (!done) {
		vips_error("webp", "metadata could not be added");
		return -1;
	}
	g_free(*bytes);
	*bytes = g_memdup2(made.bytes, made.size);
	*length = made.size;
	WebPDataClear(&made);
	return 0;
}

int picture_add_metadata(VipsImage *image, enum media_format format, void **bytes, size_t *length)
{
	if (format == FORMAT_JPEG)
		return add_to_jpeg(image, bytes, length);
	return format == FORMAT_WEBP ? add_to_webp(image, bytes, length) : 0;
}
