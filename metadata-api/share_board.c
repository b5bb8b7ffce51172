// Gathering the readers of shares.
#include "metadata-api/share_board.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/encoding.h"
#include "base/fingerprint.h"
#include "base/limits.h"
#include "base/metrics.h"
#include "base/settings.h"
#include "cache/sealed.h"
#include "db/pipeline.h"
#include "http/request.h"
#include "http/respond.h"
#include "metadata-api/api.h"
#include "metadata-api/share_content.h"
#include "metadata-api/share_store.h"

#define ETAG_HASH_BYTES 12
#define STAMP_SIZE 80
#define COPY_NAME_SIZE (2 * SHA256_SIZE + STAMP_SIZE + 16)
// Longer answers are written anew for each look.
#define KEPT_BYTES (128 * 1024)

// In its request's arena.
struct reader {
	struct reader *next;
	struct http_request *request;
	bool is_confirmed;
};

struct readers {
	struct reader *first;
	struct reader *last;
	int64_t count;
	int64_t confirmed;
};

struct entry {
	struct share_board *board;
	uint8_t token_hash[SHA256_SIZE];
	bool is_used;
	int64_t used_at_us;
	// Under the board's lock:
	struct readers waiting; // for the next look
	bool is_looking;
	// While is_looking the look's own, else nobody's:
	struct readers looking;
	struct share_opened opened;
	char stamp[STAMP_SIZE]; // of text
	char new_stamp[STAMP_SIZE];
	char etag[BASE64_TEXT_SIZE(ETAG_HASH_BYTES) + 2];
	char *text; // the answer; NULL: none yet
	size_t text_length;
	int64_t made_at_us;
};

struct share_board {
	struct api *api;
	struct metric *copies_found;
	struct metric *copies_missed;
	pthread_mutex_t lock;
	struct entry entries[SHARE_BOARD_ENTRIES];
};

static void look(struct entry *entry);

static struct metric *add_counter(struct metrics *metrics, const char *labels)
{
	return metrics_add(metrics, METRIC_COUNTER, "safelight_api_share_copies_total",
	                   "Shares whose answer another instance had, or had not, put into Redis.", labels);
}

enum rc share_board_new(struct api *api, struct share_board **ret_board, struct err *err)
{
	struct share_board *board = calloc(1, sizeof *board);
	if (board == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for the board of shares");
	board->api = api;
	if (api->cache != NULL) {
		board->copies_found = add_counter(api->metrics, "outcome=\"found\"");
		board->copies_missed = add_counter(api->metrics, "outcome=\"missed\"");
	}
	(void)pthread_mutex_init(&board->lock, NULL);
	for (size_t i = 0; i < SHARE_BOARD_ENTRIES; i++)
		board->entries[i].board = board;
	*ret_board = board;
	return RC_OK;
}

void share_board_free(struct share_board *board)
{
	if (board == NULL)
		return;
	for (size_t i = 0; i < SHARE_BOARD_ENTRIES; i++)
		free(board->entries[i].text);
	(void)pthread_mutex_destroy(&board->lock);
	free(board);
}

// Take all readers out of the list.
static struct readers take_readers(struct readers *readers)
{
	struct readers taken = *readers;
	*readers = (struct readers){ 0 };
	return taken;
}

static void add_reader(struct readers *readers, struct reader *reader)
{
	if (readers->last == NULL)
		readers->first = reader;
	else
		readers->last->next = reader;
	readers->last = reader;
	readers->count++;
	readers->confirmed += reader->is_confirmed;
}

// Answering a request frees its reader: always step before.
static struct reader *next_reader(struct readers *readers)
{
	struct reader *reader = readers->first;
	if (reader != NULL)
		readers->first = reader->next;
	return reader;
}

static void refuse(struct http_request *request, enum share_state state)
{
	if (state == SHARE_REVOKED)
		http_respond_problem(request, 403, "share-revoked", "The owner has ended this share.");
	else if (state == SHARE_EXPIRED)
		http_respond_problem(request, 403, "share-expired", "This share has expired.");
	else
		http_respond_problem(request, 404, "not-found", "There is no such share.");
}

static void fail(struct readers readers, const struct err *err)
{
	// The outcome of a count is unknown when the connection was lost: the reader may ask again.
	struct err shown = { .rc = err->rc == RC_UNKNOWN ? RC_UNAVAILABLE : err->rc };
	for (struct reader *reader; (reader = next_reader(&readers)) != NULL;)
		if (shown.rc == RC_NOT_FOUND)
			refuse(reader->request, SHARE_GONE);
		else
			http_respond_rc(reader->request, &shown);
}

static void show(const struct entry *entry, struct http_request *request)
{
	struct buffer out;
	// The token is in the address: it must not travel on in Referer, nor be found by machines.
	http_respond_header(request, "Referrer-Policy", "no-referrer");
	http_respond_header(request, "X-Robots-Tag", "noindex");
	if (http_request_if_none_match(request, entry->etag))
		return;
	buffer_init(&out, LIMIT_RESPONSE_BYTES);
	buffer_append(&out, entry->text, entry->text_length);
	http_respond_json(request, 200, &out);
}

// Answer those of the look: the first `granted` of those who may see it, in the order in which they came.
static void show_all(const struct entry *entry, struct readers readers)
{
	int64_t granted = entry->opened.granted;
	for (struct reader *reader; (reader = next_reader(&readers)) != NULL;) {
		if (entry->opened.has_password && !reader->is_confirmed)
			http_respond_problem(
			        reader->request, 401, "password-required",
			        "This share has a password. POST it as {\"password\": …} to this address.");
		else if (granted-- > 0)
			show(entry, reader->request);
		else
			http_respond_problem(reader->request, 403, "share-used-up",
			                     "This share has been seen as often as its owner allows.");
	}
}

// The look's readers are answered: begin the next look, or rest.
static void end_look(struct entry *entry)
{
	if (entry->text_length > KEPT_BYTES) {
		free(entry->text);
		entry->text = NULL;
		entry->text_length = 0;
	}
	(void)pthread_mutex_lock(&entry->board->lock);
	entry->looking = take_readers(&entry->waiting);
	entry->is_looking = entry->looking.first != NULL;
	bool again = entry->is_looking;
	(void)pthread_mutex_unlock(&entry->board->lock);
	if (again)
		look(entry);
}

// An answer of the look's stamp, made so long ago; the text is the entry's from now on.
static void take_text(struct entry *entry, char *text, size_t length, int64_t age_ms)
{
	uint8_t digest[FINGERPRINT_SIZE];
	char hash[BASE64_TEXT_SIZE(ETAG_HASH_BYTES)];
	free(entry->text);
	fingerprint_of(text, length, digest);
	encode_base64url(digest, ETAG_HASH_BYTES, hash);
	(void)snprintf(entry->etag, sizeof entry->etag, "\"%s\"", hash);
	entry->text = text;
	entry->text_length = length;
	memcpy(entry->stamp, entry->new_stamp, sizeof entry->stamp);
	entry->made_at_us = clock_monotonic_us() - age_ms * 1000;
	show_all(entry, take_readers(&entry->looking));
	end_look(entry);
}

// Another stamp is another name: what has changed is never found again.
static void name_copy(const struct entry *entry, char ret_name[COPY_NAME_SIZE])
{
	char token[2 * SHA256_SIZE + 1];
	encode_hex(entry->token_hash, SHA256_SIZE, token);
	(void)snprintf(ret_name, COPY_NAME_SIZE, "share %s %s", token, entry->new_stamp);
}

static void on_content(void *context, struct buffer *taken, const struct err *err)
{
	struct entry *entry = context;
	char name[COPY_NAME_SIZE];
	size_t length;
	if (err != NULL) {
		fail(take_readers(&entry->looking), err);
		end_look(entry);
		return;
	}
	char *text = buffer_take(taken, &length);
	if (length <= KEPT_BYTES) {
		name_copy(entry, name);
		cache_sealed_put(entry->board->api->cache, name, text, length, SHARE_BOARD_KEEP_MS);
	}
	take_text(entry, text, length, 0);
}

static void on_copy(void *context, const struct cache_reply *reply)
{
	struct entry *entry = context;
	struct share_board *board = entry->board;
	char *text = reply->rc == RC_OK && reply->length > 0 ? malloc(reply->length) : NULL;
	metric_add(text != NULL ? board->copies_found : board->copies_missed, 1);
	if (text == NULL) {
		share_content_load(board->api, &entry->opened, on_content, entry);
		return;
	}
	memcpy(text, reply->data, reply->length);
	take_text(entry, text, reply->length, reply->integer);
}

static bool has_text(const struct entry *entry)
{
	return entry->text != NULL && strcmp(entry->stamp, entry->new_stamp) == 0 &&
	       clock_monotonic_us() - entry->made_at_us < SHARE_BOARD_KEEP_MS * 1000;
}

static void on_opened(void *context, struct db_result *result, const struct db_failure *failure)
{
	struct entry *entry = context;
	if (failure != NULL || db_result_rows(result) == 0) {
		fail(take_readers(&entry->looking),
		     failure != NULL ? &failure->err : &(struct err){ .rc = RC_NOT_FOUND });
		db_result_free(result);
		end_look(entry);
		return;
	}
	share_read_opened(result, &entry->opened);
	(void)snprintf(entry->new_stamp, sizeof entry->new_stamp, "%s", entry->opened.stamp);
	entry->opened.stamp = NULL;
	db_result_free(result);
	if (entry->opened.state != SHARE_OPEN) {
		struct readers readers = take_readers(&entry->looking);
		for (struct reader *reader; (reader = next_reader(&readers)) != NULL;)
			refuse(reader->request, entry->opened.state);
		end_look(entry);
	} else if (entry->opened.granted == 0 || has_text(entry)) {
		show_all(entry, take_readers(&entry->looking));
		end_look(entry);
	} else {
		char name[COPY_NAME_SIZE];
		name_copy(entry, name);
		cache_sealed_get(entry->board->api->cache, name, SHARE_BOARD_KEEP_MS, on_copy, entry);
	}
}

// Without the lock: while is_looking nobody else touches what the look uses.
static void look(struct entry *entry)
{
	struct api *api = entry->board->api;
	struct err err = { 0 };
	const struct db_value values[] = { db_bytes(entry->token_hash, SHA256_SIZE), db_int64(entry->looking.count),
		                           db_int64(entry->looking.confirmed) };
	if (db_pipeline_submit(api->pipeline, &share_open_statement, values, 3,
	                       deadline_after_ms(api->settings->database_timeout_ms), on_opened, entry, &err) == RC_OK)
		return;
	fail(take_readers(&entry->looking), &err);
	end_look(entry);
}

// The share's entry, or one that is free or was not used for longest. NULL: all are being read. With the lock held.
static struct entry *find_entry(struct share_board *board, const uint8_t token_hash[SHA256_SIZE])
{
	struct entry *oldest = NULL;
	for (size_t i = 0; i < SHARE_BOARD_ENTRIES; i++) {
		struct entry *entry = &board->entries[i];
		if (entry->is_used && memcmp(entry->token_hash, token_hash, SHA256_SIZE) == 0)
			return entry;
		if (!entry->is_looking && (oldest == NULL || entry->used_at_us < oldest->used_at_us))
			oldest = entry;
	}
	if (oldest == NULL)
		return NULL;
	free(oldest->text);
	*oldest = (struct entry){ .board = board, .is_used = true };
	memcpy(oldest->token_hash, token_hash, SHA256_SIZE);
	return oldest;
}

void share_board_ask(struct share_board *board, struct http_request *request, const uint8_t token_hash[SHA256_SIZE],
                     bool is_confirmed)
{
	struct reader *reader = arena_alloc(http_request_arena(request), sizeof *reader);
	if (reader == NULL) {
		http_respond_rc(request, &(struct err){ .rc = RC_NO_MEMORY });
		return;
	}
	*reader = (struct reader){ .request = request, .is_confirmed = is_confirmed };
	(void)pthread_mutex_lock(&board->lock);
	struct entry *entry = find_entry(board, token_hash);
	bool begin = entry != NULL && !entry->is_looking;
	if (entry != NULL) {
		entry->used_at_us = clock_monotonic_us();
		add_reader(begin ? &entry->looking : &entry->waiting, reader);
		entry->is_looking = true;
	}
	(void)pthread_mutex_unlock(&board->lock);
	if (entry == NULL)
		http_respond_rc(request, &(struct err){ .rc = RC_BUSY });
	else if (begin)
		look(entry);
}
