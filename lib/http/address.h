// Which network addresses a stranger's URL may lead us to; for lib/http alone.
#pragma once

#include <stdbool.h>

struct sockaddr;

// False for loopback, private, shared, link-local, documentation, benchmarking, multicast and reserved addresses of
// both families, for IPv4 ones within IPv6 (mapped, compatible, NAT64, 6to4) by the same rule, and for other families
// (IANA's special-purpose registries, RFC 6890).
bool address_is_public(const struct sockaddr *address);
