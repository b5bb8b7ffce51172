// Typed fields of one packet, little-endian.
#include "transcoder/wire/packet.h"

#include <string.h>

struct packet packet_writer(uint8_t *bytes, size_t capacity)
{
	return (struct packet){ .bytes = bytes, .capacity = capacity };
}

struct packet packet_reader(const uint8_t *bytes, size_t length)
{
	// The cast is harmless: the get functions only read, and capacity 0 makes every put fail.
	return (struct packet){ .bytes = (uint8_t *)bytes, .length = length };
}

void packet_put_bytes(struct packet *packet, const void *data, size_t length)
{
	if (packet->failed || length > packet->capacity - packet->length) {
		packet->failed = true;
		return;
	}
	if (length > 0)
		memcpy(packet->bytes + packet->length, data, length);
	packet->length += length;
}

static void put_number(struct packet *packet, uint64_t value, size_t bytes)
{
	uint8_t little[8];

	for (size_t i = 0; i < bytes; i++)
		little[i] = (uint8_t)(value >> (8 * i));
	packet_put_bytes(packet, little, bytes);
}

void packet_put_u8(struct packet *packet, uint8_t value)
{
	put_number(packet, value, 1);
}

void packet_put_u16(struct packet *packet, uint16_t value)
{
	put_number(packet, value, 2);
}

void packet_put_u32(struct packet *packet, uint32_t value)
{
	put_number(packet, value, 4);
}

void packet_put_u64(struct packet *packet, uint64_t value)
{
	put_number(packet, value, 8);
}

void packet_put_bool(struct packet *packet, bool value)
{
	put_number(packet, value ? 1 : 0, 1);
}

static uint8_t printable(uint8_t byte)
{
	return byte >= 0x20 && byte <= 0x7e ? byte : '?';
}

void packet_put_text(struct packet *packet, const char *text, size_t size)
{
	size_t length = strnlen(text, size - 1);

	packet_put_u16(packet, (uint16_t)length);
	for (size_t i = 0; i < length; i++)
		packet_put_u8(packet, printable((uint8_t)text[i]));
}

void packet_get_bytes(struct packet *packet, void *ret_data, size_t length)
{
	if (packet->failed || length > packet->length - packet->position) {
		packet->failed = true;
		if (length > 0)
			memset(ret_data, 0, length);
		return;
	}
	if (length > 0)
		memcpy(ret_data, packet->bytes + packet->position, length);
	packet->position += length;
}

static uint64_t get_number(struct packet *packet, size_t bytes)
{
	uint8_t little[8] = { 0 };
	uint64_t value = 0;

	packet_get_bytes(packet, little, bytes);
	for (size_t i = 0; i < bytes; i++)
		value |= (uint64_t)little[i] << (8 * i);
	return value;
}

uint8_t packet_get_u8(struct packet *packet)
{
	return (uint8_t)get_number(packet, 1);
}

uint16_t packet_get_u16(struct packet *packet)
{
	return (uint16_t)get_number(packet, 2);
}

uint32_t packet_get_u32(struct packet *packet)
{
	return (uint32_t)get_number(packet, 4);
}

uint64_t packet_get_u64(struct packet *packet)
{
	return get_number(packet, 8);
}

bool packet_get_bool(struct packet *packet)
{
	uint8_t value = packet_get_u8(packet);

	if (value > 1)
		packet->failed = true;
	return value == 1;
}

void packet_get_text(struct packet *packet, char *ret_text, size_t size)
{
	size_t length = packet_get_u16(packet);

	ret_text[0] = '\0';
	if (length >= size) {
		packet->failed = true;
		return;
	}
	packet_get_bytes(packet, ret_text, length);
	ret_text[length] = '\0';
	if (packet->failed || memchr(ret_text, '\0', length) != NULL) {
		packet->failed = true;
		ret_text[0] = '\0';
		return;
	}
	for (size_t i = 0; i < length; i++)
		ret_text[i] = (char)printable((uint8_t)ret_text[i]);
}

uint32_t packet_get_range(struct packet *packet, uint32_t least, uint32_t most)
{
	uint32_t value = packet_get_u32(packet);

	if (value < least || value > most) {
		packet->failed = true;
		return least;
	}
	return value;
}

bool packet_at_end(const struct packet *packet)
{
	return !packet->failed && packet->position == packet->length;
}
