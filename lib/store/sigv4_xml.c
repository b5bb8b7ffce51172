// Values of S3's answers.
#include "store/sigv4_xml.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/encoding.h"

#define TEXT_MAX 8192

static char *copy_decoded(struct arena *memory, const char *text)
{
	struct buffer decoded;
	buffer_init(&decoded, TEXT_MAX);
	char *copy = NULL;
	if (decode_percent(&decoded, text, strlen(text), true) && buffer_ok(&decoded))
		copy = arena_copy(memory, buffer_text(&decoded), decoded.length);
	buffer_done(&decoded);
	return copy;
}

enum rc sigv4_xml_text(const struct xml_node *parent, const char *name, bool encoded, struct arena *memory,
                       const char **ret_text, struct err *err)
{
	char *text = xml_child_text(parent, name);
	if (text == NULL)
		return err_set(err, RC_CORRUPT, "the store's answer lacks %s", name);
	char *copy = encoded ? copy_decoded(memory, text) : arena_copy_text(memory, text);
	free(text);
	if (copy == NULL)
		return err_set(err, RC_CORRUPT, "the store's answer has a broken %s", name);
	*ret_text = copy;
	return RC_OK;
}

int64_t sigv4_xml_time(const struct xml_node *parent, const char *name)
{
	char text[64];
	int64_t time_us;
	if (!xml_child_copy(parent, name, text, sizeof text) || !clock_parse_rfc3339(text, &time_us))
		return 0;
	return time_us;
}

void sigv4_xml_etag(const struct xml_node *parent, const char *name, char ret_etag[STORE_ETAG_SIZE])
{
	char etag[STORE_ETAG_SIZE] = "";
	(void)xml_child_copy(parent, name, etag, sizeof etag);
	size_t length = strlen(etag);
	bool quoted = length >= 2 && etag[0] == '"' && etag[length - 1] == '"';
	memset(ret_etag, 0, STORE_ETAG_SIZE);
	memcpy(ret_etag, quoted ? etag + 1 : etag, quoted ? length - 2 : length);
}
