// The messages between the supervisor (which trusts nothing it reads) and its decoder child, and their binary form.
//
// One message is one packet of a SOCK_SEQPACKET socketpair:
//
//   0      4        6      8        12           20                     20 + length
//   | magic | version | type | length | job number | fields of the type ... |
//
// Numbers are little-endian; a text is a u16 length and its bytes, without NUL. A reader must reach the exact end.
// Pictures never travel in packets but as sealed memory files beside them (channel.h).
//
//   supervisor                       decoder
//                <- READY            once, after warm-up, when the sandbox is closed
//   JOB + input  ->
//                <- FACTS            once
//                <- VARIANT + output each of the planned outputs (wire_plan) once, the preview's first if so asked
//                <- DONE | FAILED    ends the job; the decoder waits for the next JOB
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "media/format.h"
#include "media/preset.h"
#include "media/reason.h"
#include "transcoder/wire/exif.h"

#define WIRE_MAGIC 0x57444c53u // "SLDW"
#define WIRE_VERSION 3         // raised with every change of a message
#define WIRE_HEADER_BYTES 20
#define WIRE_PACKET_BYTES 4096
#define WIRE_STEPS PRESET_STEPS_MAX
#define WIRE_ENCODINGS 4
#define WIRE_FOCAL_MOST 10000 // the right or lower edge
#define WIRE_NAME_SIZE 33     // variant name with its NUL
#define WIRE_DETAIL_SIZE 201  // a line for people with its NUL
#define WIRE_THUMBHASH_BYTES 25
#define WIRE_BLURHASH_SIZE 29    // 4 x 3 terms: 28 characters and the NUL
#define WIRE_SIDE_MOST 10000000u // pixels; what libvips can represent, a bound of sanity only

enum wire_type { WIRE_JOB = 1, WIRE_READY, WIRE_FACTS, WIRE_VARIANT, WIRE_DONE, WIRE_FAILED };

// How a decoder that cannot go on ends itself: its exit status.
enum wire_exit {
	WIRE_EXIT_DONE = 0,    // the supervisor closed the channel
	WIRE_EXIT_FAILED = 1,  // start failed (it said why), or the supervisor's messages made no sense
	WIRE_EXIT_UNHEARD = 2, // start failed, and it could not say why
	WIRE_EXIT_CPU = 3,     // the CPU time of one job ran out
	WIRE_EXIT_MEMORY = 4,  // an allocation failed where the code knows no way back
};

// Layers of the sandbox, as READY reports them.
enum wire_layer {
	WIRE_LAYER_NO_NEW_PRIVILEGES = 1 << 0,
	WIRE_LAYER_SECCOMP = 1 << 1,          // system call allow-list, violation kills the process
	WIRE_LAYER_LANDLOCK = 1 << 2,         // no file can be opened by path
	WIRE_LAYER_LANDLOCK_NETWORK = 1 << 3, // no TCP bind or connect (ABI 4)
	WIRE_LAYER_LANDLOCK_SCOPE = 1 << 4,   // no signals or abstract sockets to the outside (ABI 6)
	WIRE_LAYER_EMPTY_ROOT = 1 << 5,       // the root folder is an empty read-only file system
	WIRE_LAYER_NAMESPACES = 1 << 6,       // own network, mount, IPC, UTS and process namespaces
	WIRE_LAYER_UID = 1 << 7,              // runs under a user id without rights
	WIRE_LAYER_LIMITS = 1 << 8,           // rlimits on memory, file size, open files, core
	WIRE_LAYER_NO_NEW_CODE = 1 << 9,      // no further executable mapping can be made
};

// Bounds of one job; each is checked before any pixel is decoded.
struct wire_limits {
	uint64_t max_pixels;       // width x height of one frame
	uint32_t max_side;         // pixels
	uint32_t max_frames;       // of an animation
	uint32_t max_pages;        // of a document or TIFF, pictures of a HEIF
	uint64_t max_output_bytes; // of one variant
};

// One format in which every step is made.
struct wire_encoding {
	enum media_format format; // FORMAT_JPEG, FORMAT_WEBP or FORMAT_AVIF, not twice in a job
	unsigned quality;         // 1..100
	unsigned effort;          // 0..9; ignored by JPEG
};

struct wire_job {
	struct wire_limits limits;
	bool keep_position;  // the owner wants to know where pictures were taken; else no position may come back
	bool preview_first;  // make and send steps[0] before the rest is encoded
	bool keep_copyright; // as in struct preset
	bool keep_profile;
	bool has_focal; // what cover steps must keep; in 1/WIRE_FOCAL_MOST of the upright picture's sides
	uint32_t focal_x;
	uint32_t focal_y;
	unsigned step_count;
	struct preset_step steps[WIRE_STEPS]; // no name twice
	unsigned encoding_count;
	struct wire_encoding encodings[WIRE_ENCODINGS];
};

struct wire_ready {
	uint32_t layers;               // bits of enum wire_layer that hold
	uint32_t landlock_abi;         // as the kernel reports it; 0: none
	uint32_t warm_up_ms;           // from start of the process
	char codecs[WIRE_DETAIL_SIZE]; // "vips 8.14.1, ..." for the log
};

// What the file says about the picture; sizes are those of the upright picture.
struct wire_facts {
	uint32_t width;
	uint32_t height;
	uint32_t frames;      // of an animation; 1 for a still picture
	uint32_t pages;       // of a TIFF or HEIF; 1 for others
	unsigned orientation; // EXIF 1..8 as found; 1 when there is none
	bool has_alpha;
	enum media_format source; // FORMAT_HEIF and FORMAT_AVIF are told apart
	uint32_t dominant_rgb;    // 0xRRGGBB
	unsigned thumbhash_length;
	uint8_t thumbhash[WIRE_THUMBHASH_BYTES];
	char blurhash[WIRE_BLURHASH_SIZE]; // "": none
	bool has_likeness;                 // false of pictures without any structure
	uint64_t likeness;                 // perceptual hash
	struct wire_exif exif;
};

// One finished file; its bytes are in the memory file that comes with the packet.
struct wire_variant {
	char name[WIRE_NAME_SIZE];
	enum media_format format;
	uint32_t width;
	uint32_t height;
	uint64_t bytes;
};

struct wire_done {
	uint64_t preview_us; // from taking the job to the last preview variant sent
	uint64_t decode_us;  // decoding and resizing
	uint64_t encode_us;  // encoding
	uint64_t total_us;   // from taking the job to this message
	uint64_t peak_bytes; // largest resident size of the process so far
};

struct wire_failed {
	enum media_reason reason;
	char detail[WIRE_DETAIL_SIZE]; // printable ASCII
};

// One message of any type: type says which member is meant.
struct wire_message {
	enum wire_type type;
	uint64_t job; // the job it belongs to; 0 in READY
	union {
		struct wire_job order;
		struct wire_ready ready;
		struct wire_facts facts;
		struct wire_variant variant;
		struct wire_done done;
		struct wire_failed failed;
	} body;
};

// Write message into bytes; returns its length, at most WIRE_PACKET_BYTES. Texts are cut to their room and made
// printable ASCII. A message that our own code filled wrongly (unknown type, too many steps) is a bug and asserts.
size_t wire_encode(const struct wire_message *message, uint8_t ret_bytes[WIRE_PACKET_BYTES]);

// Read a message that may be hostile. RC_CORRUPT (err says what) when magic, version, type, a count, an enumeration, a
// text or the length is wrong; ret_message is written only on success. Texts are printable ASCII, NUL-terminated
// afterwards.
enum rc wire_decode(const uint8_t *bytes, size_t length, struct wire_message *ret_message, struct err *err) MUST_CHECK;

// The steps of a job as media/preset.h plans them for an upright original of that size: which variants are made, how
// large. Both sides call it, so the supervisor knows what must come. Returns how many; ret_plan's step pointers point
// into job.
struct wire_planned {
	const struct preset_step *step;
	struct preset_size size;
};
size_t wire_plan(const struct wire_job *job, uint32_t width, uint32_t height, struct wire_planned ret_plan[WIRE_STEPS]);

// Write the names of the layers in the set, comma-separated ("seccomp,landlock"), for logs. size includes the NUL.
void wire_layers_text(uint32_t layers, char *ret_text, size_t size);
