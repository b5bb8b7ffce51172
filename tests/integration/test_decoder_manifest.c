// Known files end as the manifest says, which another program than libvips has written; hostile ones are, byte for
// byte, those that it knows. (test_decoder_hostile and test_decoder_documents run these.) Needs no stack, only the
// binary.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/encoding.h"
#include "tests/hostile/bombs.h"
#include "tests/hostile/documents.h"
#include "tests/hostile/manifest.h"
#include "tests/hostile/rig.h"
#include "tests/unit/cmocka_all.h"

static struct manifest manifest;
static struct rig rig;

static int open_rig(void **state)
{
	(void)state;
	manifest_read(&manifest);
	rig_init(&rig, "bin/safelight-decoder");
	return 0;
}

static int close_rig(void **state)
{
	(void)state;
	rig_done(&rig);
	return 0;
}

static void hash(const void *bytes, size_t length, char ret_text[65])
{
	uint8_t digest[SHA256_SIZE];

	sha256_of(bytes, length, digest);
	encode_hex(digest, sizeof digest, ret_text);
}

static void end_of(const struct bomb *bomb, char ret_end[48])
{
	if (bomb->any_end)
		(void)snprintf(ret_end, 48, "any");
	else if (bomb->reason == REASON_NONE)
		(void)snprintf(ret_end, 48, "ready");
	else
		(void)snprintf(ret_end, 48, "%s:%s", media_state_name(media_reason_state(bomb->reason)),
		               media_reason_name(bomb->reason));
}

static void assert_listed(const struct bomb *list, size_t count, unsigned *listed)
{
	for (size_t i = 0; i < count; i++) {
		struct buffer file;
		char sha256[65], end[48], line[256];
		bool found = false;

		buffer_init(&file, BOMB_BYTES_MOST);
		list[i].make(&file);
		assert_true(buffer_ok(&file));
		hash(file.data, file.length, sha256);
		end_of(&list[i], end);
		(void)snprintf(line, sizeof line, "bomb:%s", list[i].name);
		for (unsigned j = 0; j < manifest.count; j++)
			found = found ||
			        (strcmp(manifest.lines[j].sha256, sha256) == 0 &&
			         strcmp(manifest.lines[j].end, end) == 0 && strcmp(manifest.lines[j].name, line) == 0);
		if (!found)
			fail_msg("the manifest has no line: %s %s 0 0 0 0 0 %s", sha256, end, line);
		(*listed)++;
		buffer_done(&file);
	}
}

static void test_bombs_are_those_that_are_known(void **state)
{
	unsigned listed = 0, known = 0;

	(void)state;
	assert_listed(bombs, bomb_count, &listed);
	assert_listed(document_bombs, document_bomb_count, &listed);
	for (unsigned i = 0; i < manifest.count; i++)
		known += strncmp(manifest.lines[i].name, "bomb:", 5) == 0;
	assert_int_equal(known, listed);
}

static void assert_facts(const struct manifest_line *line, const struct wire_facts *facts)
{
	if (facts->width != line->width || facts->height != line->height || facts->frames != line->frames ||
	    facts->pages != line->pages || facts->orientation != line->orientation)
		fail_msg("%s is %u x %u, %u frames, %u pages, orientation %u", line->name, facts->width, facts->height,
		         facts->frames, facts->pages, facts->orientation);
}

static void test_pictures_are_what_the_manifest_says(void **state)
{
	unsigned count = 0;

	(void)state;
	for (unsigned i = 0; i < manifest.count; i++) {
		const struct manifest_line *line = &manifest.lines[i];
		struct rig_result result;
		char sha256[65];
		uint8_t *bytes = NULL;
		size_t length;

		if (strncmp(line->name, "bomb:", 5) == 0)
			continue;
		assert_true(rig_read(".", line->name, &bytes, &length));
		hash(bytes, length, sha256);
		if (strcmp(sha256, line->sha256) != 0)
			fail_msg("%s is another file: %s", line->name, sha256);
		rig_run(&rig, bytes, length, &result);
		free(bytes);
		if (result.rc != RC_OK || !result.outcome.done)
			fail_msg("%s: %s%s", line->name, result.err.text, result.outcome.detail);
		assert_facts(line, &result.facts);
		rig_result_done(&result);
		count++;
	}
	assert_true(count >= 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bombs_are_those_that_are_known),
		cmocka_unit_test(test_pictures_are_what_the_manifest_says),
	};

	return crypto_init(NULL) == RC_OK ? cmocka_run_group_tests(tests, open_rig, close_rig) : 1;
}
