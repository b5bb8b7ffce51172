// The SSRF guard's rule.
#include "http/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct four_range {
	uint32_t network; // host order
	unsigned bits;
};

static const struct four_range SPECIAL_FOUR[] = {
	{ 0x00000000, 8 },  // 0/8: this network
	{ 0x0a000000, 8 },  // 10/8: private
	{ 0x64400000, 10 }, // 100.64/10: shared
	{ 0x7f000000, 8 },  // 127/8: loopback
	{ 0xa9fe0000, 16 }, // 169.254/16: link-local, clouds' metadata
	{ 0xac100000, 12 }, // 172.16/12: private
	{ 0xc0000000, 24 }, // 192.0.0/24: protocol assignments
	{ 0xc0000200, 24 }, // 192.0.2/24: documentation
	{ 0xc0586300, 24 }, // 192.88.99/24: 6to4 relays
	{ 0xc0a80000, 16 }, // 192.168/16: private
	{ 0xc6120000, 15 }, // 198.18/15: benchmarking
	{ 0xc6336400, 24 }, // 198.51.100/24: documentation
	{ 0xcb007100, 24 }, // 203.0.113/24: documentation
	{ 0xe0000000, 4 },  // 224/4: multicast
	{ 0xf0000000, 4 },  // 240/4: reserved, broadcast
};

static bool four_is_public(uint32_t address)
{
	for (size_t i = 0; i < sizeof SPECIAL_FOUR / sizeof SPECIAL_FOUR[0]; i++)
		if ((address ^ SPECIAL_FOUR[i].network) >> (32 - SPECIAL_FOUR[i].bits) == 0)
			return false;
	return true;
}

static uint32_t four_at(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static bool six_is_public(const uint8_t bytes[16])
{
	static const uint8_t nat64[12] = { 0x00, 0x64, 0xff, 0x9b };
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
	if (memcmp(bytes, nat64, sizeof nat64) == 0 || memcmp(bytes, mapped, sizeof mapped) == 0)
		return four_is_public(four_at(bytes + 12));
	if (bytes[0] == 0x20 && bytes[1] == 0x02) // 2002::/16: 6to4
		return four_is_public(four_at(bytes + 2));
	if ((bytes[0] & 0xe0) !=
	    0x20) // only 2000::/3 is global unicast; ::1, ::, fc00::/7, fe80::/10, ff00::/8 are not
		return false;
	bool teredo_or_assignments = bytes[0] == 0x20 && bytes[1] == 0x01 && bytes[2] < 0x02; // 2001::/23
	bool documentation = bytes[0] == 0x20 && bytes[1] == 0x01 && bytes[2] == 0x0d && bytes[3] == 0xb8;
	bool documentation_new = bytes[0] == 0x3f && bytes[1] == 0xff && bytes[2] < 0x10; // 3fff::/20
	return !teredo_or_assignments && !documentation && !documentation_new;
}

bool address_is_public(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET) {
		struct sockaddr_in four;
		memcpy(&four, address, sizeof four);
		return four_is_public(ntohl(four.sin_addr.s_addr));
	}
	if (address->sa_family == AF_INET6) {
		struct sockaddr_in6 six;
		memcpy(&six, address, sizeof six);
		return six_is_public(six.sin6_addr.s6_addr);
	}
	return false;
}

// ---- networks that are allowed all the same -------------------------------------------------------------------------

static void map_four(const void *four, uint8_t ret_bytes[16])
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
	memcpy(ret_bytes, mapped, sizeof mapped);
	memcpy(ret_bytes + 12, four, 4);
}

static bool parse_network(char *text, struct address_network *ret_network)
{
	struct in_addr four;
	char *slash = strchr(text, '/'), *end = NULL;
	unsigned long bits = 128;
	if (slash != NULL) {
		*slash = '\0';
		if (slash[1] < '0' || slash[1] > '9')
			return false;
		bits = strtoul(slash + 1, &end, 10);
		if (*end != '\0')
			return false;
	}
	if (inet_pton(AF_INET, text, &four) == 1) {
		map_four(&four, ret_network->bytes);
		if (slash != NULL && bits > 32)
			return false;
		bits = slash == NULL ? 128 : bits + 96;
	} else if (inet_pton(AF_INET6, text, ret_network->bytes) != 1 || bits > 128) {
		return false;
	}
	ret_network->bits = (unsigned)bits;
	return true;
}

enum rc address_networks_parse(const char *text, struct address_networks *ret_networks, struct err *err)
{
	struct address_networks networks = { .count = 0 };
	for (const char *at = text; *at != '\0';) {
		char one[64];
		at += strspn(at, " ,");
		size_t length = strcspn(at, " ,");
		if (length == 0)
			break;
		(void)snprintf(one, sizeof one, "%.*s", (int)length, at);
		if (networks.count == ADDRESS_NETWORKS_MAX)
			return err_set(err, RC_INVALID, "more than %d networks", ADDRESS_NETWORKS_MAX);
		if (length >= sizeof one || !parse_network(one, &networks.items[networks.count++]))
			return err_set(err, RC_INVALID, "not a network: %.*s", (int)(length < 60 ? length : 60), at);
		at += length;
	}
	*ret_networks = networks;
	return RC_OK;
}

static bool is_within(const struct address_network *network, const uint8_t bytes[16])
{
	unsigned whole = network->bits / 8, rest = network->bits % 8;
	return memcmp(network->bytes, bytes, whole) == 0 &&
	       (rest == 0 || ((network->bytes[whole] ^ bytes[whole]) >> (8 - rest)) == 0);
}

bool address_is_in(const struct address_networks *networks, const struct sockaddr *address)
{
	uint8_t bytes[16];
	if (address->sa_family == AF_INET) {
		struct sockaddr_in four;
		memcpy(&four, address, sizeof four);
		map_four(&four.sin_addr, bytes);
	} else if (address->sa_family == AF_INET6) {
		struct sockaddr_in6 six;
		memcpy(&six, address, sizeof six);
		memcpy(bytes, &six.sin6_addr, sizeof bytes);
	} else {
		return false;
	}
	for (size_t i = 0; i < networks->count; i++)
		if (is_within(&networks->items[i], bytes))
			return true;
	return false;
}
