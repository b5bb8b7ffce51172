// Which network addresses a stranger's URL may lead us to; for lib/http alone.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct sockaddr;

// False for loopback, private, shared, link-local, documentation, benchmarking, multicast and reserved addresses of
// both families, for IPv4 ones within IPv6 (mapped, compatible, NAT64, 6to4) by the same rule, and for other families
// (IANA's special-purpose registries, RFC 6890).
bool address_is_public(const struct sockaddr *address);

#define ADDRESS_NETWORKS_MAX 32

// Networks that are allowed though they are not public.
struct address_networks {
	size_t count;
	struct address_network {
		uint8_t bytes[16]; // IPv4 as IPv4-mapped
		unsigned bits;     // of all 128
	} items[ADDRESS_NETWORKS_MAX];
};

// Comma-separated "10.1.0.0/16, fd00::/8, 127.0.0.1". RC_INVALID names the one that is wrong.
enum rc address_networks_parse(const char *text, struct address_networks *ret_networks, struct err *err) MUST_CHECK;

bool address_is_in(const struct address_networks *networks, const struct sockaddr *address);
