// Reading and writing tus' headers.
#include "ingest/tus_protocol.h"

#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/encoding.h"

#define METADATA_KEYS_MAX 64

bool tus_read_number(const char *text, int64_t *ret_number)
{
	int64_t number = 0;
	if (text == NULL || *text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9' || number > (INT64_MAX - (*text - '0')) / 10)
			return false;
		number = number * 10 + (*text - '0');
	}
	*ret_number = number;
	return true;
}

bool tus_read_checksum(const char *text, struct tus_checksum *ret_checksum)
{
	static const struct {
		const char *name;
		enum digest_kind kind;
		size_t length;
	} KNOWN[] = { { "sha1", DIGEST_SHA1, SHA1_SIZE },
		      { "md5", DIGEST_MD5, MD5_SIZE },
		      { "sha256", DIGEST_SHA256, SHA256_SIZE } };
	struct tus_checksum checksum = { .length = 0 };
	*ret_checksum = checksum;
	if (text == NULL)
		return true;
	size_t name_length = strcspn(text, " ");
	const char *value = text + name_length + (text[name_length] == ' ');
	for (size_t i = 0; i < sizeof KNOWN / sizeof KNOWN[0]; i++) {
		if (strlen(KNOWN[i].name) != name_length || memcmp(KNOWN[i].name, text, name_length) != 0)
			continue;
		checksum.kind = KNOWN[i].kind;
		if (!decode_base64(value, strlen(value), checksum.digest, sizeof checksum.digest, &checksum.length) ||
		    checksum.length != KNOWN[i].length)
			return false;
		*ret_checksum = checksum;
		return true;
	}
	return false;
}

// ---- Upload-Metadata ------------------------------------------------------------------------------------------------

struct pair {
	const char *key;
	size_t key_length;
	const char *value; // base64
	size_t value_length;
};

static bool is_key(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (text[i] < 0x21 || text[i] > 0x7e)
			return false;
	return length > 0;
}

static bool is_same_key(const struct pair *left, const struct pair *right)
{
	return left->key_length == right->key_length && memcmp(left->key, right->key, left->key_length) == 0;
}

// Cut the next pair off; blanks around commas are none of its.
static struct pair cut_pair(const char **text)
{
	struct pair pair = { .key = *text + strspn(*text, " ") };
	const char *end = pair.key + strcspn(pair.key, ",");
	*text = *end == ',' ? end + 1 : end;
	while (end > pair.key && end[-1] == ' ')
		end--;
	const char *space = memchr(pair.key, ' ', (size_t)(end - pair.key));
	pair.key_length = (size_t)((space == NULL ? end : space) - pair.key);
	pair.value = space == NULL ? end : space + 1;
	pair.value_length = (size_t)(end - pair.value);
	return pair;
}

// Where a key's value belongs; NULL: to nobody but the client.
static const char **place_of(struct tus_metadata *metadata, const struct pair *pair)
{
	const struct {
		const char *key;
		const char **place;
	} known[] = { { "filename", &metadata->filename },
		      { "name", &metadata->filename },
		      { "filetype", &metadata->content_type },
		      { "type", &metadata->content_type },
		      { "contentType", &metadata->content_type },
		      { "content_type", &metadata->content_type },
		      { "sha256", &metadata->sha256 },
		      { "item_id", &metadata->item_id },
		      { "alt", &metadata->alt },
		      { "visibility", &metadata->visibility } };
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (strlen(known[i].key) == pair->key_length && memcmp(known[i].key, pair->key, pair->key_length) == 0)
			return known[i].place;
	return NULL;
}

static enum rc decode_value(const struct pair *pair, struct arena *arena, const char **ret_text, struct err *err)
{
	char *text = arena_alloc(arena, pair->value_length + 1);
	size_t length = 0;
	if (text == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for metadata");
	if (!decode_base64(pair->value, pair->value_length, text, pair->value_length, &length) ||
	    memchr(text, '\0', length) != NULL || !utf8_is_valid(text, length))
		return err_set(err, RC_INVALID, "Upload-Metadata: the value of %.*s is not UTF-8 text in base64",
		               (int)(pair->key_length < 64 ? pair->key_length : 64), pair->key);
	text[length] = '\0';
	*ret_text = text;
	return RC_OK;
}

enum rc tus_read_metadata(const char *text, struct arena *arena, struct tus_metadata *ret_metadata, struct err *err)
{
	struct tus_metadata metadata = { .filename = NULL };
	struct pair pairs[METADATA_KEYS_MAX];
	size_t count = 0;
	while (text != NULL && *text != '\0') {
		if (count == METADATA_KEYS_MAX)
			return err_set(err, RC_INVALID, "Upload-Metadata: more than %d keys", METADATA_KEYS_MAX);
		struct pair *pair = &pairs[count];
		*pair = cut_pair(&text);
		if (!is_key(pair->key, pair->key_length))
			return err_set(err, RC_INVALID, "Upload-Metadata: a key is empty or not ASCII");
		for (size_t i = 0; i < count; i++)
			if (is_same_key(&pairs[i], pair))
				return err_set(err, RC_INVALID, "Upload-Metadata: a key is given twice");
		count++;
		const char **place = place_of(&metadata, pair);
		const char *value = NULL;
		if (place == NULL)
			continue;
		enum rc rc = decode_value(pair, arena, &value, err);
		if (rc != RC_OK)
			return rc;
		if (*place == NULL && *value != '\0')
			*place = value;
	}
	*ret_metadata = metadata;
	return RC_OK;
}

void tus_write_date(int64_t epoch_us, char ret_text[TUS_DATE_SIZE])
{
	time_t seconds = (time_t)(epoch_us / 1000000);
	struct tm utc;
	(void)gmtime_r(&seconds, &utc);
	// Services keep the "C" locale, so names are English.
	(void)strftime(ret_text, TUS_DATE_SIZE, "%a, %d %b %Y %H:%M:%S GMT", &utc);
}
