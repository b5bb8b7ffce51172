// safelightctl keys rotate: one step of a rotation in a file of signing keys. The first key signs, all verify, so a new
// one comes second, is read by everybody, is made the first, and the old ones go when nothing that they signed lives
// any more.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/encoding.h"
#include "base/file.h"
#include "http/access_token.h"
#include "media/delivery.h"
#include "safelightctl/command.h"
#include "safelightctl/report.h"

#define KEYS_MOST 8
#define KEY_BYTES 32
#define FILE_BYTES 4096

static const struct step {
	const char *name;
	const char *delivery; // what to do then
	const char *access;
} STEPS[] = {
	{ "add", "reload every edge (nginx -s reload), then `keys rotate delivery promote`",
	  "restart ingest and metadata-api, then `keys rotate access promote`" },
	{ "promote",
	  "restart metadata-api; after twice [cdn] url_seconds (and [cdn] original_seconds) `keys rotate delivery prune`",
	  "restart ingest and metadata-api; after [api] access_seconds `keys rotate access prune`" },
	{ "prune", "reload every edge, restart metadata-api", "restart ingest and metadata-api" },
};
#define STEP_COUNT (sizeof STEPS / sizeof STEPS[0])

struct keys {
	bool is_delivery;
	size_t count;
	char *entries[KEYS_MOST + 1];
};

static void keys_done(struct keys *keys)
{
	for (size_t i = 0; i < keys->count; i++) {
		crypto_wipe(keys->entries[i], strlen(keys->entries[i]));
		free(keys->entries[i]);
	}
}

// Whether the services would take this text.
static enum rc check_text(bool is_delivery, const char *text, struct err *err)
{
	struct delivery_keys delivery;
	struct access_token_keys *access = NULL;
	enum rc rc = is_delivery ? delivery_keys_parse(text, &delivery, err)
	                         : access_token_keys_new(text, "", "", &access, err);
	if (rc == RC_OK && is_delivery)
		delivery_keys_wipe(&delivery);
	access_token_keys_free(access);
	return rc;
}

static enum rc split(char *text, struct keys *ret_keys, struct err *err)
{
	char *rest = text;
	for (char *entry; (entry = strsep(&rest, ",\r\n")) != NULL;) {
		entry += strspn(entry, " \t");
		entry[strcspn(entry, " \t")] = '\0';
		if (*entry == '\0')
			continue;
		if (ret_keys->count == KEYS_MOST)
			return err_set(err, RC_LIMIT, "there are %d keys already: prune first", KEYS_MOST);
		// A single access key may have no id, which would count as "default": it gets that name before others
		// come.
		const char *id = strchr(entry, ':') == NULL ? "default:" : "";
		if (asprintf(&ret_keys->entries[ret_keys->count], "%s%s", id, entry) < 0)
			return err_set(err, RC_NO_MEMORY, "no memory");
		ret_keys->count++;
	}
	return RC_OK;
}

// A new key behind the first, named by the time so that nobody gives a name twice.
static enum rc add_key(struct keys *keys, struct err *err)
{
	unsigned char secret[KEY_BYTES];
	char hex[2 * KEY_BYTES + 1], id[16];
	if (keys->count == KEYS_MOST)
		return err_set(err, RC_LIMIT, "there are %d keys already: prune first", KEYS_MOST);
	random_fill(secret, sizeof secret);
	encode_hex(secret, sizeof secret, hex);
	(void)snprintf(id, sizeof id, "k%lld", (long long)time(NULL));
	memmove(&keys->entries[2], &keys->entries[1], (keys->count - 1) * sizeof keys->entries[0]);
	bool made = asprintf(&keys->entries[1], "%s:%s", id, hex) >= 0;
	crypto_wipe(secret, sizeof secret);
	crypto_wipe(hex, sizeof hex);
	if (!made)
		return err_set(err, RC_NO_MEMORY, "no memory");
	keys->count++;
	return RC_OK;
}

static enum rc take_step(struct keys *keys, const char *step, struct err *err)
{
	if (strcmp(step, "add") == 0)
		return add_key(keys, err);
	if (keys->count < 2)
		return err_set(err, RC_CONFLICT, "there is only one key: `add` one first");
	if (strcmp(step, "promote") == 0) {
		char *first = keys->entries[0];
		keys->entries[0] = keys->entries[1];
		keys->entries[1] = first;
		return RC_OK;
	}
	for (size_t i = 1; i < keys->count; i++) {
		crypto_wipe(keys->entries[i], strlen(keys->entries[i]));
		free(keys->entries[i]);
	}
	keys->count = 1;
	return RC_OK;
}

// Beside the file, with its mode and owner, synced, then in its place: whoever reads it reads the old or the new whole.
static enum rc replace_file(const char *path, const char *text, struct err *err)
{
	char beside[4096];
	struct stat found;
	if (stat(path, &found) != 0 || (size_t)snprintf(beside, sizeof beside, "%s.new", path) >= sizeof beside)
		return err_set(err, RC_INTERNAL, "%s: %s", path, strerror(errno));
	int descriptor = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (descriptor < 0)
		return err_set(err, errno == EEXIST ? RC_CONFLICT : RC_DENIED, "%s: %s", beside, strerror(errno));
	bool is_owned = fchown(descriptor, found.st_uid, found.st_gid) == 0;
	enum rc rc = is_owned ? file_write_all(descriptor, text, strlen(text), err)
	                      : err_set(err, RC_DENIED, "%s: cannot be given to the file's owner", beside);
	if (rc == RC_OK && (fchmod(descriptor, found.st_mode & 07777u) != 0 || fsync(descriptor) != 0))
		rc = err_set(err, RC_INTERNAL, "%s: %s", beside, strerror(errno));
	(void)close(descriptor);
	if (rc == RC_OK && rename(beside, path) != 0)
		rc = err_set(err, RC_INTERNAL, "%s: %s", path, strerror(errno));
	if (rc != RC_OK)
		(void)unlink(beside);
	return rc;
}

static enum rc write_keys(const struct keys *keys, const char *path, struct err *err)
{
	struct buffer text;
	buffer_init(&text, FILE_BYTES);
	for (size_t i = 0; i < keys->count; i++) {
		buffer_append_text(&text, i == 0 ? "" : keys->is_delivery ? "\n" : ",");
		buffer_append_text(&text, keys->entries[i]);
	}
	enum rc rc = buffer_ok(&text) ? check_text(keys->is_delivery, buffer_text(&text), err)
	                              : err_set(err, RC_NO_MEMORY, "no memory");
	buffer_append_text(&text, "\n");
	if (rc == RC_OK)
		rc = replace_file(path, buffer_text(&text), err);
	crypto_wipe(text.data, text.length);
	buffer_done(&text);
	return rc;
}

static void report_done(const struct call *call, const struct keys *keys, const char *then)
{
	json_auto_t *document = json_pack("{s:[], s:s}", "keys", "then", then);
	for (size_t i = 0; i < keys->count; i++) {
		size_t length = strcspn(keys->entries[i], ":");
		(void)json_array_append_new(json_object_get(document, "keys"), json_stringn(keys->entries[i], length));
		if (!call->json)
			(void)printf("%-20.*s %s\n", (int)length, keys->entries[i], i == 0 ? "signs" : "verifies");
	}
	if (call->json)
		report_json(document);
	else
		(void)printf("now %s\n", then);
}

static enum rc run(const struct call *call, struct err *err)
{
	const char *kind = call->arguments[0], *step = call->arguments[1], *path = call->arguments[2], *then = NULL;
	CLEANUP(keys_done) struct keys keys = { .is_delivery = strcmp(kind, "delivery") == 0 };
	CLEANUP(free_pointer) char *text = NULL;
	if (!keys.is_delivery && strcmp(kind, "access") != 0)
		return err_set(err, RC_INVALID, "'%.32s' is neither delivery nor access", kind);
	for (size_t i = 0; i < STEP_COUNT; i++)
		if (strcmp(step, STEPS[i].name) == 0)
			then = keys.is_delivery ? STEPS[i].delivery : STEPS[i].access;
	if (then == NULL)
		return err_set(err, RC_INVALID, "'%.32s' is no step: add, promote or prune", step);
	enum rc rc = file_read_secret(path, &text, err);
	if (rc == RC_OK)
		rc = check_text(keys.is_delivery, text, err);
	if (rc == RC_INVALID) // the file's fault, not the caller's
		rc = err_set(err, RC_CORRUPT, "%s holds no %s keys", path, kind);
	if (rc == RC_OK)
		rc = split(text, &keys, err);
	if (text != NULL)
		crypto_wipe(text, strlen(text));
	if (rc == RC_OK)
		rc = take_step(&keys, step, err);
	if (rc == RC_OK)
		rc = write_keys(&keys, path, err);
	if (rc == RC_OK)
		report_done(call, &keys, then);
	return rc;
}

const struct command command_keys_rotate = {
	.name = "keys rotate",
	.arguments = "KIND STEP FILE",
	.summary = "one step of a rotation of signing keys: add, promote, prune; KIND is delivery or access",
	.least_arguments = 3,
	.most_arguments = 3,
	.secrets = "",
	.run = run,
};
