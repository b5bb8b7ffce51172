// HTTPS and HTTP/2 at the edge, with a certificate made here: what curl and openssl, which are not ours, agree on with
// it.
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/file.h"
#include "tests/integration/support/edge_rig.h"
#include "tests/unit/cmocka_all.h"

extern char **environ;

static struct edge_rig rig;
static char folder[64]; // of the certificate

// The exit status of a program; its output, both streams, goes to "output" in the folder.
static int run(const char *const *arguments)
{
	char output[96];
	int status;
	pid_t pid;
	posix_spawn_file_actions_t actions;
	(void)snprintf(output, sizeof(output), "%s/output", folder);
	assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
	(void)posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	(void)posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	(void)posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
	if (posix_spawnp(&pid, arguments[0], &actions, NULL, (char *const *)arguments, environ) != 0)
		fail_msg("%s does not start", arguments[0]);
	(void)posix_spawn_file_actions_destroy(&actions);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// What the last program wrote; free it.
static char *read_output(void)
{
	char path[96], *text = NULL;
	size_t length;
	(void)snprintf(path, sizeof(path), "%s/output", folder);
	assert_int_equal(file_read(path, 1 << 20, &text, &length, NULL), RC_OK);
	return text;
}

static void assert_output(const char *part)
{
	CLEANUP(free_pointer) char *output = read_output();
	if (strstr(output, part) == NULL)
		fail_msg("no '%s' in: %s", part, output);
}

static int setup(void **state)
{
	(void)state;
	char certificate[96], key[96], settings[256];
	if (crypto_init(NULL) != RC_OK)
		return -1;
	(void)snprintf(folder, sizeof(folder), "/tmp/safelight-edge-tls-XXXXXX");
	assert_non_null(mkdtemp(folder));
	(void)snprintf(certificate, sizeof(certificate), "%s/certificate.pem", folder);
	(void)snprintf(key, sizeof(key), "%s/key.pem", folder);
	const char *const make[] = { "openssl",
		                     "req",
		                     "-x509",
		                     "-newkey",
		                     "ec",
		                     "-pkeyopt",
		                     "ec_paramgen_curve:P-256",
		                     "-nodes",
		                     "-days",
		                     "2",
		                     "-subj",
		                     "/CN=safelight.test",
		                     "-addext",
		                     "subjectAltName=IP:127.0.0.1",
		                     "-keyout",
		                     key,
		                     "-out",
		                     certificate,
		                     NULL };
	assert_int_equal(run(make), 0);
	(void)snprintf(settings, sizeof(settings), "tls_certificate = %s\ntls_key_file = %s\n", certificate, key);
	edge_rig_start_with(&rig, NULL, settings);
	// A sanitizer's library is for nginx and its module; curl hangs with it.
	(void)unsetenv("LD_PRELOAD");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	int result = edge_rig_stop(&rig);
	(void)run((const char *const[]){ "rm", "-rf", "--", folder, NULL });
	return result;
}

// curl's exit status for a target; the answer's head, body and "\nVERSION STATUS" are in the output.
static int curl(const char *version, const char *target)
{
	char url[512], certificate[96];
	(void)snprintf(url, sizeof(url), "https://127.0.0.1:%u%s", rig.port, target);
	(void)snprintf(certificate, sizeof(certificate), "%s/certificate.pem", folder);
	const char *const arguments[] = { "curl",
		                          "-s",
		                          "-S",
		                          "-i",
		                          "--max-time",
		                          "20",
		                          version,
		                          "--cacert",
		                          certificate,
		                          "-w",
		                          "\n%{http_version} %{http_code}",
		                          url,
		                          NULL };
	return run(arguments);
}

static void assert_everywhere(const char *target, const char *status, const char *part)
{
	static const char *const versions[][2] = { { "--http1.1", "\n1.1 " }, { "--http2", "\n2 " } };
	for (size_t i = 0; i < 2; i++) {
		char outcome[16];
		assert_int_equal(curl(versions[i][0], target), 0);
		(void)snprintf(outcome, sizeof(outcome), "%s%s", versions[i][1], status);
		assert_output(outcome);
		assert_output(part);
		CLEANUP(free_pointer) char *output = read_output();
		assert_non_null(strcasestr(output, "\nstrict-transport-security: max-age=31536000\r"));
	}
}

// A picture, a problem of the edge's own, an answer of a service: each over both protocols, each with HSTS.
static void test_both_protocols(void **state)
{
	(void)state;
	char url[DELIVERY_URL_SIZE];
	edge_rig_sign(&rig, "w640", FORMAT_NONE, 0, url);
	assert_everywhere(url, "200", "store <Error>/safelight-media/");
	*(strstr(url, "&s=") + 3) ^= 1;
	assert_everywhere(url, "403", "/problems/url-refused");
	assert_everywhere("/v1/me", "200", "api");
	assert_everywhere("/healthz", "200", "{\"status\":\"ok\"}");
	char forwarded[64];
	edge_origin_last_header(&rig.api, "X-Forwarded-Proto", forwarded, sizeof(forwarded));
	assert_string_equal(forwarded, "https");
}

static int handshake(const char *option, const char *value)
{
	char address[64];
	(void)snprintf(address, sizeof(address), "127.0.0.1:%u", rig.port);
	return run((const char *const[]){ "openssl", "s_client", "-connect", address, option, value, NULL });
}

static void test_old_protocols_are_refused(void **state)
{
	(void)state;
	assert_int_equal(handshake("-tls1_3", NULL), 0);
	assert_output("TLSv1.3");
	assert_int_equal(handshake("-tls1_2", NULL), 0);
	assert_output("ECDHE-ECDSA-");
	// The client is willing; it is the server that says no.
	assert_int_not_equal(handshake("-tls1_1", "-cipher=DEFAULT@SECLEVEL=0"), 0);
	assert_output("alert protocol version");
	assert_int_not_equal(handshake("-tls1", "-cipher=DEFAULT@SECLEVEL=0"), 0);
	assert_output("alert protocol version");
	assert_int_not_equal(handshake("-no_tls1_3", "-cipher=ECDHE-ECDSA-AES128-SHA256"), 0);
	assert_output("alert handshake failure");
}

// Who speaks plain HTTP to it gets a problem, and no page of nginx's.
static void test_plain_http_is_refused(void **state)
{
	(void)state;
	struct edge_reply reply = edge_get(&rig, "/healthz", NULL);
	edge_assert_problem(&reply, 400, "invalid-request");
	edge_reply_done(&reply);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_protocols),
		cmocka_unit_test(test_old_protocols_are_refused),
		cmocka_unit_test(test_plain_http_is_refused),
	};
	return cmocka_run_group_tests_name("edge with TLS", tests, setup, teardown);
}
