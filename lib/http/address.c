// The SSRF guard's rule.
#include "http/address.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
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
