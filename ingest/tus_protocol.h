// tus 1.0.0 on the wire: its headers read into values. Pure. (https://tus.io/protocols/resumable-upload)
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/crypto.h"
#include "base/error.h"

struct arena;

#define TUS_VERSION "1.0.0"
#define TUS_EXTENSIONS "creation,creation-with-upload,expiration,termination,checksum"
#define TUS_CHECKSUM_ALGORITHMS "sha1,md5,sha256"
#define TUS_CONTENT_TYPE "application/offset+octet-stream"
// "Checksum Mismatch" of the protocol.
#define TUS_STATUS_MISMATCH 460

// Upload-Length and Upload-Offset: decimal digits alone, at most INT64_MAX.
bool tus_read_number(const char *text, int64_t *ret_number);

struct tus_checksum {
	enum digest_kind kind;
	size_t length; // of digest; 0: none was given
	uint8_t digest[SHA256_SIZE];
};
// Upload-Checksum: "sha1 <base64>". text NULL: none. False for an unknown algorithm or a digest of another length.
bool tus_read_checksum(const char *text, struct tus_checksum *ret_checksum);

// What we know of Upload-Metadata; NULL where a client said nothing. Other keys are kept as they are, and echoed.
struct tus_metadata {
	const char *filename;     // filename or name
	const char *content_type; // filetype, type, contentType or content_type
	const char *sha256;       // hex
	const char *item_id;
	const char *alt;
	const char *visibility;
};
// "key base64,key base64,key": keys are unique, visible ASCII without commas; values are UTF-8 without NUL in ours.
// text NULL: no metadata. RC_INVALID with a text for the client; RC_NO_MEMORY. Texts live in the arena.
enum rc tus_read_metadata(const char *text, struct arena *arena, struct tus_metadata *ret_metadata,
                          struct err *err) MUST_CHECK;

// Upload-Expires: an RFC 9110 date.
#define TUS_DATE_SIZE 32
void tus_write_date(int64_t epoch_us, char ret_text[TUS_DATE_SIZE]);
