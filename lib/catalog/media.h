// Media and variant rows: reading them, listing by owner, finding duplicates, deleting.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/catalog.h"
#include "db/result.h"
#include "db/statement.h"
#include "media/format.h"
#include "media/reason.h"
#include "media/state.h"

struct buffer;
struct db_connection;

struct media_row {
	struct uuid id;
	struct uuid owner_id;
	bool has_item;
	struct uuid item_id;
	int32_t position;
	enum media_state state;
	enum media_reason reason;  // REASON_NONE unless failed or rejected
	const char *reason_detail; // NULL when there is none
	const char *filename;
	const char *declared_type;
	const char *content_type; // what the bytes are; NULL before they were looked at
	enum media_kind kind;
	int64_t size;                   // bytes of the original
	const uint8_t *declared_sha256; // 32 bytes, NULL when not declared
	const uint8_t *sha256;          // 32 bytes of what was read, NULL until somebody hashed it
	const char *original_key;
	const char *original_etag; // NULL until completed
	uint32_t generation;
	uint32_t published_generation; // whose variants are shown; 0: none yet
	uint32_t width;                // pixels, upright; 0: unknown (so are the following)
	uint32_t height;
	uint32_t orientation;
	uint32_t frames;
	uint32_t pages;
	const uint8_t *thumbhash;
	size_t thumbhash_length;
	const char *blurhash; // NULL: none
	int32_t dominant_rgb; // 0xRRGGBB; -1: none
	const char *exif;     // JSON text, NULL: none, and NULL in listings
	const char *alt;      // "" when none
	bool has_focal;       // what crops keep, in parts of the upright picture's sides
	double focal_x;
	double focal_y;
	const char *preset;     // that the variants are made by
	int64_t captured_at;    // microseconds since the epoch like all times; DB_NO_TIME: none
	const char *visibility; // "private", "shared", "public"
	int64_t version;
	int64_t created_at;
	int64_t updated_at;
	int64_t uploaded_at;
	int64_t preview_at;
	int64_t ready_at;
};

enum variant_state { VARIANT_PENDING, VARIANT_READY, VARIANT_FAILED };

struct variant_row {
	struct uuid media_id;
	uint32_t generation;
	const char *name;
	enum media_format format;
	enum variant_state state;
	enum media_reason reason; // of a failed one
	uint32_t width;
	uint32_t height;
	int64_t bytes;
	const char *object_key; // NULL unless ready
	const uint8_t *sha256;  // 32 bytes, NULL unless ready
	int64_t media_version;  // of its media, as it was read with the variant
};

// Which page of an owner's media: newest first, or with has_item that item's media in their order.
struct media_page {
	struct uuid owner_id;
	unsigned states;  // set of 1u << MEDIA_…; 0: all but deleted
	const char *kind; // NULL: all
	bool has_item;
	struct uuid item_id;
	bool has_after;           // begin after the row with these (the last of the page before)
	int64_t after_created_at; // without has_item
	int32_t after_position;   // with has_item
	struct uuid after_id;
	unsigned limit; // rows; ask for one more than you show to know whether there is a next page
};

// Hot reads in three parts, so that event threads can submit them to a pipeline themselves: the statement, its values
// (count = the statement's parameter_count; pointed-to arguments must outlive the submit), the row decoder.

// One media of an owner, deleted ones excluded (no rows).
extern const struct db_statement catalog_media_find_statement;
void catalog_media_find_values(const struct uuid *owner_id, const struct uuid *media_id, struct db_value ret_values[2]);

// The same with the position, where the owner keeps positions, as member "gps" of exif. For the owner alone, and for
// the role of metadata-api alone: others may not read positions.
extern const struct db_statement catalog_media_find_own_statement;

// A page: the statement that has an index for it, and its values. states is scratch for the page's state filter: an
// initialised buffer that must outlive the submit, as must page->kind.
#define CATALOG_MEDIA_PAGE_VALUES 7
const struct db_statement *catalog_media_page(const struct media_page *page, struct buffer *states,
                                              struct db_value ret_values[CATALOG_MEDIA_PAGE_VALUES]);
// All statements that it may give, for the test of their plans.
extern const struct db_statement *const CATALOG_MEDIA_PAGE_STATEMENTS[];
extern const size_t CATALOG_MEDIA_PAGE_STATEMENT_COUNT;

// The media of several items: at most limit of each, by position; a limit of 1 takes the item's cover where it has one.
// Rows of one item stand together. item_ids is db_array_of_uuids text.
extern const struct db_statement catalog_media_of_items_statement;
void catalog_media_of_items_values(const struct uuid *owner_id, const char *item_ids, unsigned limit,
                                   struct db_value ret_values[3]);

// An owner's media by their ids, in the ids' order: $1 owner, $2 db_array_of_uuids text. Deleted ones are left out.
extern const struct db_statement catalog_media_of_ids_statement;

// What looks like a media of the owner's: perceptual hashes that differ in at most `distance` of 64 bits, nearest
// first. The first row is the media itself, which has no distance; no row: there is none such. It costs no more with
// many media (test_api_plans.c).
#define CATALOG_SIMILAR_DISTANCE_MOST 11
struct media_similar_page {
	struct uuid owner_id;
	struct uuid media_id;
	unsigned distance; // 0..CATALOG_SIMILAR_DISTANCE_MOST
	bool has_after;    // begin after the row with these
	int64_t after_distance;
	struct uuid after_id;
	unsigned limit; // rows besides the first
};
extern const struct db_statement catalog_media_similar_statement;
void catalog_media_similar_values(const struct media_similar_page *page, struct db_value ret_values[6]);
// Of a row other than the first.
unsigned catalog_media_similar_distance(const struct db_result *result, size_t row);

// The published variants of several media in one query, ordered by media_id, width, name, format. ids is
// db_array_of_uuids text.
extern const struct db_statement catalog_variants_statement;

// Decode row `row` of a find, list, of-items or of-ids result / of a variants result. The rows must come from those
// statements.
void catalog_media_read(const struct db_result *result, size_t row, struct media_row *ret_media);
// Only what names the row's content: its id and version.
void catalog_media_read_key(const struct db_result *result, size_t row, struct uuid *ret_id, int64_t *ret_version);
// Which rows of a variants result are this media's: [*ret_first, *ret_end).
void catalog_variants_find(const struct db_result *result, const struct uuid *media_id, size_t *ret_first,
                           size_t *ret_end);
void catalog_variant_read(const struct db_result *result, size_t row, struct variant_row *ret_variant);

// The same for threads that may wait. RC_NOT_FOUND when the owner has no such media (or deleted it). The caller frees
// *ret_result after the last use of ret_media's texts.
enum rc catalog_media_find(const struct catalog *catalog, const struct catalog_call *call, const struct uuid *owner_id,
                           const struct uuid *media_id, struct media_row *ret_media, struct db_result **ret_result,
                           struct err *err) MUST_CHECK;
enum rc catalog_media_list(const struct catalog *catalog, const struct catalog_call *call,
                           const struct media_page *page, struct db_result **ret_result, struct err *err) MUST_CHECK;
enum rc catalog_variants(const struct catalog *catalog, const struct catalog_call *call, const struct uuid *media_ids,
                         size_t count, struct db_result **ret_result, struct err *err) MUST_CHECK;

// The owner's oldest live media whose verified SHA-256 is this. RC_NOT_FOUND when there is none.
enum rc catalog_media_find_by_sha256(const struct catalog *catalog, const struct catalog_call *call,
                                     const struct uuid *owner_id, const uint8_t sha256[32], struct media_row *ret_media,
                                     struct db_result **ret_result, struct err *err) MUST_CHECK;

// Delete one media: tombstone, jobs ended, quota given back, objects and edge copies put on the deletions list, event
// media.deleted. RC_NOT_FOUND when the owner has none such; RC_OK when it was deleted before.
enum rc catalog_media_delete(const struct catalog *catalog, const struct catalog_call *call,
                             const struct uuid *owner_id, const struct uuid *media_id, struct err *err) MUST_CHECK;

// The same inside a transaction of the caller's.
enum rc catalog_media_delete_in(struct db_connection *connection, const struct catalog *catalog,
                                const struct catalog_call *call, const struct uuid *owner_id,
                                const struct uuid *media_id, struct err *err) MUST_CHECK;
