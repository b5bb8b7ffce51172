// URLs of strangers, and the networks that may be called though they are not public.
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>

#include "http/address.h"
#include "http/url.h"
#include "tests/unit/cmocka_all.h"

static void urls_are_taken_apart(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		unsigned port; // 0: refused
		bool is_https;
	} CASES[] = {
		{ "https://example.org", 443, true },
		{ "http://example.org/a?b=c", 80, false },
		{ "HTTPS://example.org:8443/", 8443, true },
		{ "https://[2001:db8::1]:444/x", 444, true },
		{ "https://user@example.org/", 0, false },
		{ "https://user:word@example.org/", 0, false },
		{ "https://example.org/#a", 0, false },
		{ "https://example.org/#", 0, false },
		{ "https:/example.org/", 0, false },
		{ "https:/ps://example.org/", 0, false },
		{ "https://@example.org/", 0, false },
		{ "ftp://example.org/", 0, false },
		{ "file:///etc/passwd", 0, false },
		{ "gopher://example.org/", 0, false },
		{ "javascript:alert(1)", 0, false },
		{ "example.org", 0, false },
		{ "https://", 0, false },
		{ "https://example.org/ x", 0, false },
		{ "https://example.org/\n", 0, false },
		{ "https://ex\xc3\xa4mple.org/", 0, false },
		{ "https://example.org:99999/", 0, false },
		{ "https://example.org:0/", 0, false },
		{ "", 0, false },
	};
	for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
		struct http_url url = { .port = 0 };
		bool good = http_url_parse(CASES[i].text, &url);
		if (good != (CASES[i].port != 0) || url.port != CASES[i].port || url.is_https != CASES[i].is_https)
			fail_msg("%s: %d, port %u", CASES[i].text, good, url.port);
	}
}

static bool is_in(const char *networks_text, const char *address)
{
	struct address_networks networks;
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST }, *info = NULL;
	struct err err = { 0 };
	if (address_networks_parse(networks_text, &networks, &err) != RC_OK)
		fail_msg("%s: %s", networks_text, err.text);
	assert_int_equal(getaddrinfo(address, NULL, &hints, &info), 0);
	bool in = address_is_in(&networks, info->ai_addr);
	freeaddrinfo(info);
	return in;
}

static void networks_hold_what_is_theirs(void **state)
{
	(void)state;
	assert_true(is_in("10.1.0.0/16", "10.1.255.255"));
	assert_false(is_in("10.1.0.0/16", "10.2.0.0"));
	assert_true(is_in("10.1.0.0/16", "::ffff:10.1.0.1"));
	assert_true(is_in("192.168.1.7", "192.168.1.7"));
	assert_false(is_in("192.168.1.7", "192.168.1.6"));
	assert_true(is_in("10.0.0.0/8, fd00::/8 ,127.0.0.1", "fd12::1"));
	assert_true(is_in("172.16.0.0/12", "172.31.0.1"));
	assert_false(is_in("172.16.0.0/12", "172.32.0.1"));
	assert_true(is_in("0.0.0.0/0", "8.8.8.8"));
	assert_false(is_in("0.0.0.0/0", "2001:db8::1"));
	assert_true(is_in("::1", "::1"));
	assert_false(is_in("", "127.0.0.1"));
	static const char *const WRONG[] = { "10.0.0.0/33", "10.0.0/8",  "::1/129",     "10.0.0.0/",
		                             "10.0.0.0/x",  "localhost", "10.0.0.0/8;", "10.0.0.0/-1" };
	for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++) {
		struct address_networks networks;
		if (address_networks_parse(WRONG[i], &networks, NULL) != RC_INVALID)
			fail_msg("%s was taken", WRONG[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urls_are_taken_apart),
		cmocka_unit_test(networks_hold_what_is_theirs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
