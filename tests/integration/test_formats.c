// Files of every kind through the whole stack, from the upload to the edge: what they become, in which formats, and
// what is made of none. With an AVIF pool, which tests' stacks are without.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/settings.h"
#include "media/delivery.h"
#include "media/preset.h"
#include "tests/integration/support/edge_rig.h"
#include "tests/integration/support/events.h"
#include "tests/integration/support/picture.h"
#include "tests/integration/support/stack.h"
#include "tests/integration/support/upload.h"
#include "tests/unit/cmocka_all.h"

#define READY_MS 60000
#define AVIF_MS 120000
#define SLOW_POOL "\n[pool.slow]\nworkers = 1\nprefetch = 1\nnice = 10\n"

static struct test_account account;
static struct delivery_keys keys;
static uint16_t edge_port;
static char *config_path;
static char *config; // as it was

static void write_config(const char *more)
{
	FILE *stream = fopen(config_path, "we");
	assert_non_null(stream);
	assert_true(fprintf(stream, "%s%s", config, more) > 0);
	assert_int_equal(fclose(stream), 0);
	test_stack_run("restart", "ingest");
	test_stack_run("restart", "transcoder");
}

static char *read_whole(const char *path)
{
	FILE *stream = fopen(path, "re");
	char *text = calloc(1, 65536);
	assert_non_null(stream);
	assert_non_null(text);
	assert_in_range(fread(text, 1, 65535, stream), 1, 65534);
	(void)fclose(stream);
	return text;
}

static int setup(void **state)
{
	if (test_stack_setup(state) != 0)
		return -1;
	const struct settings *settings = test_stack_settings();
	test_account_new(&account);
	edge_port = (uint16_t)strtoul(strrchr(settings->edge_listen, ':') + 1, NULL, 10);
	config_path = test_stack_path("safelight.conf");
	config = read_whole(config_path);
	if (strstr(config, "[pool.slow]") == NULL)
		write_config(SLOW_POOL);
	return delivery_keys_parse(settings->cdn_keys, &keys, NULL) == RC_OK ? 0 : -1;
}

static int teardown(void **state)
{
	if (strstr(config, "[pool.slow]") == NULL)
		write_config("");
	free(config);
	free(config_path);
	delivery_keys_wipe(&keys);
	test_account_done(&account);
	return test_stack_teardown(state);
}

// Upload a file of the tree under a declared type; the media once it is ready.
static json_t *upload(const char *path, const char *content_type, char ret_id[37])
{
	size_t length;
	char *bytes = test_file_read(path, &length);
	const char *name = strrchr(path, '/') + 1;
	test_upload_whole(&account, &(struct test_file){ name, content_type, bytes, length }, ret_id);
	free(bytes);
	json_t *media = test_media_await(&account, ret_id, "ready", READY_MS);
	assert_string_equal(test_json_text(media, "filename"), name);
	assert_string_equal(test_json_text(media, "content_type"), content_type);
	assert_int_equal(test_json_int(media, "size"), length);
	return media;
}

// Each variant is what it is said to be, at the edge.
static void check_variants(json_t *media, const char *const formats[2])
{
	size_t index, counts[2] = { 0 };
	json_t *variant;
	json_array_foreach(test_json_at(media, "variants"), index, variant)
	{
		const char *format = test_json_text(variant, "format");
		if (strcmp(format, "avif") == 0) // it may be here already
			continue;
		struct edge_reply reply =
		        edge_request(edge_port, "GET", strstr(test_json_text(variant, "url"), "/m/"), "");
		struct test_picture picture;
		assert_int_equal(reply.status, 200);
		assert_true(test_picture_read(reply.body, reply.length, &picture));
		assert_string_equal(picture.format, format);
		assert_int_equal(picture.width, test_json_int(variant, "width"));
		assert_int_equal(picture.height, test_json_int(variant, "height"));
		for (size_t i = 0; i < 2; i++)
			counts[i] += strcmp(format, formats[i]) == 0;
		edge_reply_done(&reply);
	}
	assert_true(counts[0] > 0);
	assert_int_equal(counts[0], counts[1]);
}

// ---- pictures
// -----------------------------------------------------------------------------------------------------------

static const char *const REQUIRED[] = { "jpeg", "webp" };

static void pictures_of_every_format(void **state)
{
	static const struct {
		const char *path;
		const char *content_type;
		const char *kind;
	} files[] = {
		{ "tests/pictures/grid.heic", "image/heic", "photo" },
		{ "tests/pictures/still.avif", "image/avif", "photo" },
		{ "tests/pictures/animated.gif", "image/gif", "animation" },
		{ "tests/pictures/alpha-interlaced.png", "image/png", "photo" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		char id[37];
		json_t *media = upload(files[i].path, files[i].content_type, id);
		assert_string_equal(test_json_text(media, "kind"), files[i].kind);
		assert_true(test_json_int(media, "width") > 0 && test_json_int(media, "height") > 0);
		if (strcmp(files[i].kind, "animation") == 0)
			assert_true(test_json_int(media, "frames") > 1);
		check_variants(media, REQUIRED);
		json_decref(media);
	}
}

// ---- documents
// ----------------------------------------------------------------------------------------------------------

// Its original is never shown, only saved.
static void check_original(const char *id)
{
	struct test_reply reply;
	char path[80];
	(void)snprintf(path, sizeof path, "/v1/media/%s/original", id);
	test_http_json("GET", path, account.access_token, NULL, &reply);
	test_assert_status(&reply, 200);
	struct edge_reply original =
	        edge_request(edge_port, "GET", strstr(test_json_text(reply.json, "url"), "/o/"), "");
	assert_int_equal(original.status, 200);
	assert_true(edge_reply_has(&original, "Content-Type", "application/octet-stream"));
	assert_true(edge_reply_has(&original, "X-Content-Type-Options", "nosniff"));
	assert_true(edge_reply_has(&original, "Content-Security-Policy", "default-src 'none'; sandbox"));
	assert_non_null(strstr(original.head, "Content-Disposition: attachment;"));
	edge_reply_done(&original);
	test_reply_done(&reply);
}

static void documents_show_their_first_page(void **state)
{
	static const struct {
		const char *path;
		const char *content_type;
		int64_t pages, width, height;
	} files[] = {
		{ "samples/documents/lamp.svg", "image/svg+xml", 1, 2048, 1280 },
		{ "samples/documents/leaflet.pdf", "application/pdf", 2, 1446, 2048 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		char id[37];
		json_t *media = upload(files[i].path, files[i].content_type, id);
		assert_string_equal(test_json_text(media, "kind"), "document");
		assert_int_equal(test_json_int(media, "pages"), files[i].pages);
		assert_int_equal(test_json_int(media, "width"), files[i].width);
		assert_int_equal(test_json_int(media, "height"), files[i].height);
		assert_true(strlen(test_json_text(media, "thumbhash")) >= 8);
		check_variants(media, REQUIRED);
		check_original(id);
		assert_int_equal(
		        test_sql_int("SELECT count(*) FROM jobs WHERE media_id = $1::uuid AND pool = 'document'", id,
		                     NULL),
		        1);
		json_decref(media);
	}
}

// A document that cannot be drawn has failed, and its bytes are its owner's still.
static void a_broken_document_keeps_its_original(void **state)
{
	static const char broken[] = "%PDF-1.7\nnothing that follows is one";
	(void)state;
	char id[37];
	test_upload_whole(&account, &(struct test_file){ "broken.pdf", "application/pdf", broken, sizeof broken - 1 },
	                  id);
	json_t *media = test_media_await(&account, id, "failed", READY_MS);
	assert_string_equal(test_json_text(media, "kind"), "document");
	assert_string_equal(test_json_text(media, "reason.code"), "decode_failed");
	json_decref(media);
	assert_true(test_sql_int("SELECT count(*) FROM media WHERE id = $1::uuid AND original_key IS NOT NULL", id,
	                         NULL) == 1);
}

// ---- other files
// --------------------------------------------------------------------------------------------------------

static void other_files_are_stored(void **state)
{
#define FILE_OF(name, type, literal)                     \
	{                                                \
		name, type, literal, sizeof(literal) - 1 \
	}
	static const char *const icons[] = { "video", "text", "archive", "font" };
	static const struct test_file files[] = {
		FILE_OF("clip.mp4", "video/mp4",
		        "\0\0\0\x18"
		        "ftypisom\0\0\2\0isommp42 and no more"),
		FILE_OF("notes.txt", "text/plain", "nothing to be seen here"),
		FILE_OF("drawing.svgz", "application/gzip", "\x1f\x8b\x08\0\0\0\0\0\0\3 compressed"),
		// Nobody said what it is: as the bytes say.
		FILE_OF("unnamed", "application/octet-stream", "wOF2\0\1\0\0\0\0\0\0\0\0\0\0"),
	};
#undef FILE_OF
	(void)state;
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		char id[37];
		test_upload_whole(&account, &files[i], id);
		json_t *media = test_media_await(&account, id, "ready", READY_MS);
		assert_string_equal(test_json_text(media, "kind"), "file");
		assert_string_equal(test_json_text(media, "filename"), files[i].filename);
		assert_string_equal(test_json_text(media, "content_type"),
		                    i == 3 ? "font/woff2" : files[i].content_type);
		assert_string_equal(test_json_text(media, "icon"), icons[i]);
		assert_int_equal(test_json_int(media, "size"), files[i].length);
		assert_int_equal(json_array_size(test_json_at(media, "variants")), 0);
		assert_int_equal(test_sql_int("SELECT count(*) FROM jobs WHERE media_id = $1::uuid", id, NULL), 0);
		check_original(id);
		json_decref(media);
	}
}

// ---- AVIF
// ---------------------------------------------------------------------------------------------------------------

static bool is_updated(void *events)
{
	for (size_t i = 0; i < test_events_count(events); i++)
		if (strcmp(test_events_at(events, i)->name, "media.updated") == 0)
			return true;
	return false;
}

// It comes after ready, says so, and is what a browser that takes it gets from the same address.
static void avif_comes_later(void **state)
{
	(void)state;
	char id[37], url[DELIVERY_URL_SIZE];
	struct test_events *events = test_events_open("", account.access_token, NULL);
	json_t *media = upload("samples/photos/ridges.jpg", "image/jpeg", id);
	int64_t version = test_json_int(media, "version");
	json_decref(media);
	test_sql_await(1, AVIF_MS,
	               "SELECT count(*) FROM jobs WHERE media_id = $1::uuid AND pool = 'slow' AND state = 'done'", id,
	               NULL);
	test_wait(is_updated, events, READY_MS, "media.updated");
	media = test_media_await(&account, id, "ready", READY_MS);
	assert_true(test_json_int(media, "version") > version);
	assert_non_null(test_json_at(media, "srcset.avif"));
	struct delivery_grant grant = {
		.generation = 1, .formats = FORMAT_SET_DELIVERY, .variant = "w640", .expiry = DELIVERY_FOREVER
	};
	assert_true(uuid_parse(id, &grant.media_id));
	(void)delivery_sign(&keys, &grant, url);
	static const struct {
		const char *accept, *type;
	} asks[] = { { "Accept: image/avif,image/webp,*/*\r\n", "image/avif" },
		     { "Accept: image/webp,*/*\r\n", "image/webp" },
		     { "Accept: image/png\r\n", "image/jpeg" } };
	for (size_t i = 0; i < sizeof asks / sizeof asks[0]; i++) {
		struct edge_reply reply = edge_request(edge_port, "GET", url, asks[i].accept);
		assert_int_equal(reply.status, 200);
		assert_true(edge_reply_has(&reply, "Content-Type", asks[i].type));
		edge_reply_done(&reply);
	}
	json_decref(media);
	test_events_close(events);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(avif_comes_later),
		cmocka_unit_test(pictures_of_every_format),
		cmocka_unit_test(documents_show_their_first_page),
		cmocka_unit_test(a_broken_document_keeps_its_original),
		cmocka_unit_test(other_files_are_stored),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
