// The fields of one packet: typed put and get over a fixed buffer, with a sticky failure instead of a check at each
// call.
//
// A writer that overruns the packet has a bug; a reader that overruns has a hostile packet. Both only set failed, and
// who finishes (packet_at_end) looks.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct packet {
	uint8_t *bytes;  // borrowed
	size_t length;   // bytes written so far, or bytes there are to read
	size_t capacity; // of bytes, when writing
	size_t position; // of the reader
	bool failed;
};

// Start writing into capacity bytes / reading length bytes. A reader never writes to bytes.
struct packet packet_writer(uint8_t *bytes, size_t capacity);
struct packet packet_reader(const uint8_t *bytes, size_t length);

void packet_put_u8(struct packet *packet, uint8_t value);
void packet_put_u16(struct packet *packet, uint16_t value);
void packet_put_u32(struct packet *packet, uint32_t value);
void packet_put_u64(struct packet *packet, uint64_t value);
void packet_put_bool(struct packet *packet, bool value);
void packet_put_bytes(struct packet *packet, const void *data, size_t length);

// A u16 length and the text, cut to size - 1 bytes; other than printable ASCII becomes '?'.
void packet_put_text(struct packet *packet, const char *text, size_t size);

// 0, false or nothing once failed.
uint8_t packet_get_u8(struct packet *packet);
uint16_t packet_get_u16(struct packet *packet);
uint32_t packet_get_u32(struct packet *packet);
uint64_t packet_get_u64(struct packet *packet);
bool packet_get_bool(struct packet *packet); // fails for other than 0 and 1
void packet_get_bytes(struct packet *packet, void *ret_data, size_t length);

// Into size bytes, NUL-terminated; fails when the text does not fit or holds a NUL; other than printable ASCII becomes
// '?'.
void packet_get_text(struct packet *packet, char *ret_text, size_t size);

// A number that must lie between least and most, else the packet fails.
uint32_t packet_get_range(struct packet *packet, uint32_t least, uint32_t most);

// True when nothing failed and the reader stands exactly at the end.
bool packet_at_end(const struct packet *packet);
