// A libmagic handle for each call: opening one maps the compiled database, which takes a tenth of a millisecond.
#include "ingest/sniff.h"

#include <magic.h>
#include <stdio.h>
#include <string.h>

#define UNKNOWN_TYPE "application/octet-stream"

// Soft patterns and plain text only. MAGIC_NO_COMPRESS_FORK: no child process, whatever the patterns ask for.
static const int FLAGS = MAGIC_MIME_TYPE | MAGIC_NO_CHECK_COMPRESS | MAGIC_NO_COMPRESS_FORK | MAGIC_NO_CHECK_TAR |
                         MAGIC_NO_CHECK_APPTYPE | MAGIC_NO_CHECK_ELF | MAGIC_NO_CHECK_CDF | MAGIC_NO_CHECK_CSV |
                         MAGIC_NO_CHECK_TOKENS | MAGIC_NO_CHECK_JSON;

// Bounds on what patterns may do with hostile bytes: following of offsets, named patterns, regular expressions.
static const struct {
	int parameter;
	size_t value;
} BOUNDS[] = {
	{ MAGIC_PARAM_INDIR_MAX, 10 },        { MAGIC_PARAM_NAME_MAX, 30 },       { MAGIC_PARAM_REGEX_MAX, 2048 },
	{ MAGIC_PARAM_BYTES_MAX, 64 * 1024 }, { MAGIC_PARAM_ENCODING_MAX, 4096 },
};

static enum rc ask(magic_t magic, const void *data, size_t length, char ret_type[SNIFF_TYPE_SIZE], struct err *err)
{
	for (size_t i = 0; i < sizeof BOUNDS / sizeof BOUNDS[0]; i++)
		if (magic_setparam(magic, BOUNDS[i].parameter, &BOUNDS[i].value) != 0)
			return err_set(err, RC_INTERNAL, "libmagic takes no limit %d", BOUNDS[i].parameter);
	if (magic_load(magic, NULL) != 0)
		return err_set(err, RC_INTERNAL, "libmagic's database: %s", magic_error(magic));
	const char *type = magic_buffer(magic, data, length);
	// A pattern that fails on these bytes tells nothing about them.
	if (type == NULL || strchr(type, '/') == NULL || strlen(type) >= SNIFF_TYPE_SIZE)
		type = UNKNOWN_TYPE;
	(void)snprintf(ret_type, SNIFF_TYPE_SIZE, "%s", type);
	return RC_OK;
}

enum rc sniff_content_type(const void *data, size_t length, char ret_type[SNIFF_TYPE_SIZE], struct err *err)
{
	magic_t magic = magic_open(FLAGS);
	if (magic == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for libmagic");
	enum rc rc = ask(magic, data, length, ret_type, err);
	magic_close(magic);
	return rc;
}
