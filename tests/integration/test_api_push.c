// Push messages: to Firebase's and Apple's shapes and to a gateway of the operator's own; tokens that are nobody's any
// more go; what a device does not want does not come.
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/integration/support/account.h"
#include "tests/integration/support/events.h"
#include "tests/integration/support/http.h"
#include "tests/integration/support/receivers.h"
#include "tests/integration/support/stack.h"
#include "tests/unit/cmocka_all.h"

#define GATEWAY_SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

static struct test_receivers receivers;
static struct test_account account;
static char folder[64];
static char apns_url[60];
static pid_t apns;

static void run(const char *const *arguments)
{
	pid_t child = fork();
	if (child == 0) {
		(void)execvp(arguments[0], (char *const *)(uintptr_t)arguments);
		_exit(127);
	}
	int status = -1;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static char *path_of(const char *name)
{
	static char path[128];
	(void)snprintf(path, sizeof path, "%s/%s", folder, name);
	return path;
}

static void write_file(const char *name, const char *text)
{
	int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	(void)close(fd);
}

// A key pair each, as Apple and Google give them out.
static void make_keys(void)
{
	char key[128], public_key[128], text[8192];
	size_t length;
	(void)snprintf(key, sizeof key, "%s", path_of("apns.p8"));
	(void)snprintf(public_key, sizeof public_key, "%s", path_of("apns.pub"));
	const char *const ec[] = {
		"openssl", "genpkey", "-quiet", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256",
		"-out",    key,       NULL
	};
	const char *const ec_public[] = { "openssl", "pkey", "-in", key, "-pubout", "-out", public_key, NULL };
	run(ec);
	run(ec_public);
	(void)snprintf(key, sizeof key, "%s", path_of("fcm.pem"));
	const char *const rsa[] = { "openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-out", key, NULL };
	run(rsa);
	char *pem = test_file_read(key, &length);
	(void)snprintf(text, sizeof text, "%s/token", receivers.address);
	json_t *account_json =
	        json_pack("{s:s, s:s, s:s, s:s, s:s}", "project_id", "safelight-test", "private_key_id", "k1",
	                  "private_key", pem, "client_email", "push@safelight.example", "token_uri", text);
	char *json = json_dumps(account_json, JSON_COMPACT);
	write_file("fcm.json", json);
	free(json);
	free(pem);
	json_decref(account_json);
}

static void start_apns(void)
{
	char port[16], key[128], log[128];
	(void)snprintf(port, sizeof port, "%u", test_port_find());
	(void)snprintf(apns_url, sizeof apns_url, "http://127.0.0.1:%s", port);
	(void)snprintf(key, sizeof key, "%s", path_of("apns.pub"));
	(void)snprintf(log, sizeof log, "%s", path_of("apns.log"));
	write_file("apns.log", "");
	apns = fork();
	assert_true(apns >= 0);
	if (apns == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)execlp("node", "node", "tests/integration/apns.mjs", port, key, log, (char *)NULL);
		_exit(127);
	}
}

static int begin(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof folder, "/tmp/test_api_push.XXXXXX");
	assert_non_null(mkdtemp(folder));
	test_receivers_start(&receivers);
	make_keys();
	start_apns();
	test_account_new(&account);
	return 0;
}

static int end(void **state)
{
	(void)state;
	(void)kill(apns, SIGKILL);
	(void)waitpid(apns, NULL, 0);
	test_receivers_stop(&receivers);
	test_account_done(&account);
	test_tree_remove(folder);
	return 0;
}

static void add_device(const struct test_account *owner, const char *platform, const char *token, const char *more)
{
	struct test_reply reply;
	char json[300];
	(void)snprintf(json, sizeof json, "{\"platform\":\"%s\",\"token\":\"%s\"%s}", platform, token, more);
	test_http_json("POST", "/v1/devices", owner->access_token, json, &reply);
	test_assert_status(&reply, 201);
	test_reply_done(&reply);
}

static void share_something(char ret_item[37])
{
	struct test_reply reply;
	char path[80];
	test_http_json("POST", "/v1/items", account.access_token, "{\"title\":\"x\"}", &reply);
	test_assert_status(&reply, 201);
	(void)snprintf(ret_item, 37, "%s", test_json_text(reply.json, "id"));
	test_reply_done(&reply);
	(void)snprintf(path, sizeof path, "/v1/items/%s/shares", ret_item);
	test_http_json("POST", path, account.access_token, "{}", &reply);
	test_assert_status(&reply, 201);
	test_reply_done(&reply);
	test_http_json("DELETE", path, account.access_token, NULL, &reply);
	test_assert_status(&reply, 204);
	test_reply_done(&reply);
}

static void check_fcm(const char *item)
{
	const char *path = "/v1/projects/safelight-test/messages:send";
	test_receivers_await(&receivers, path, 2, 20000);                  // one of them to a token that is gone
	assert_in_range(test_receivers_count(&receivers, "/token"), 1, 2); // each sender has one
	json_t *assertion = test_receivers_post(&receivers, "/token", 0);
	assert_non_null(
	        strstr(test_json_text(assertion, "body"), "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type"));
	assert_non_null(strstr(test_json_text(assertion, "body"), "&assertion=eyJ"));
	json_decref(assertion);
	bool was_seen = false;
	for (size_t i = 0; i < 2; i++) {
		json_t *post = test_receivers_post(&receivers, path, i);
		json_t *body = json_loads(test_json_text(post, "body"), 0, NULL);
		assert_string_equal(test_json_text(post, "headers.authorization"), "Bearer of the stand-in");
		assert_string_equal(test_json_text(body, "message.data.item_id"), item);
		assert_string_equal(test_json_text(body, "message.data.kind"), "item.shared");
		assert_true(strlen(test_json_text(body, "message.notification.title")) > 10);
		was_seen |= strcmp(test_json_text(body, "message.token"), "fcm-good") == 0;
		json_decref(body);
		json_decref(post);
	}
	assert_true(was_seen);
}

static void check_apns(const char *item)
{
	char *log = NULL, *saved = NULL;
	size_t length = 0, count = 0;
	for (int i = 0; i < 600 && count < 2; i++) {
		free(log);
		clock_sleep_ms(50);
		log = test_file_read(path_of("apns.log"), &length);
		count = 0;
		for (const char *at = log; (at = strchr(at, '\n')) != NULL; at++)
			count++;
	}
	assert_int_equal(count, 2);
	for (char *line = strtok_r(log, "\n", &saved); line != NULL; line = strtok_r(NULL, "\n", &saved)) {
		json_t *json = json_loads(line, 0, NULL);
		assert_int_equal(strncmp(test_json_text(json, "path"), "/3/device/", 10), 0);
		assert_string_equal(test_json_text(json, "topic"), "example.safelight");
		assert_string_equal(test_json_text(json, "type"), "alert");
		assert_string_equal(test_json_text(json, "claims.iss"), "TEAM123456"); // its signature holds
		assert_string_equal(test_json_text(json, "claims.kid"), "KEY1234567");
		assert_string_equal(test_json_text(json, "body.item_id"), item);
		assert_true(strlen(test_json_text(json, "body.aps.alert.title")) > 10);
		json_decref(json);
	}
	free(log);
}

// Two senders, configured for all three ways.
static void start_senders(struct test_api *ret_api)
{
	char gateway[100], fcm[128], p8[128];
	(void)snprintf(gateway, sizeof gateway, "%s/push", receivers.address);
	(void)snprintf(fcm, sizeof fcm, "%s", path_of("fcm.json"));
	(void)snprintf(p8, sizeof p8, "%s", path_of("apns.p8"));
	const char *const with[] = { "SAFELIGHT_PUSH_WEBHOOK_URL",
		                     gateway,
		                     "SAFELIGHT_PUSH_WEBHOOK_SECRET",
		                     GATEWAY_SECRET,
		                     "SAFELIGHT_PUSH_FCM_CREDENTIALS_FILE",
		                     fcm,
		                     "SAFELIGHT_PUSH_FCM_URL",
		                     receivers.address,
		                     "SAFELIGHT_PUSH_APNS_KEY_FILE",
		                     p8,
		                     "SAFELIGHT_PUSH_APNS_KEY_ID",
		                     "KEY1234567",
		                     "SAFELIGHT_PUSH_APNS_TEAM_ID",
		                     "TEAM123456",
		                     "SAFELIGHT_PUSH_APNS_TOPIC",
		                     "example.safelight",
		                     "SAFELIGHT_PUSH_APNS_URL",
		                     apns_url,
		                     NULL };
	// Two senders: each message goes out once.
	test_api_start(with, ret_api);
	test_stack_restart_with("api", with);
}

static void every_device_gets_what_it_wants(void **state)
{
	(void)state;
	char item[37];
	struct test_api api;
	start_senders(&api);
	add_device(&account, "fcm", "fcm-good", "");
	add_device(&account, "fcm", "UNREGISTERED", "");
	add_device(&account, "fcm", "fcm-muted", ",\"muted\":[\"item.shared\"]");
	add_device(&account, "apns", "00ffaa", "");
	add_device(&account, "apns", "dead00", "");
	add_device(&account, "apns", "not/hex", "");
	add_device(&account, "webpush", "web-good", "");
	add_device(&account, "webpush", "web-invalid", "");
	share_something(item);
	check_fcm(item);
	check_apns(item);
	test_receivers_await(&receivers, "/push", 2, 20000);
	assert_int_equal(test_receivers_verified(&receivers, "/push", GATEWAY_SECRET), 2);
	// What is nobody's is forgotten, and nothing is left to do.
	test_sql_await(4, 20000, "SELECT count(*) FROM devices WHERE user_id = $1::uuid", account.user_id, NULL);
	test_sql_await(0, 20000,
	               "SELECT count(*) FROM pushes p JOIN devices d ON d.id = p.device_id WHERE d.user_id = "
	               "$1::uuid",
	               account.user_id, NULL);
	assert_int_equal(test_sql_int("SELECT count(*) FROM devices WHERE user_id = $1::uuid AND token IN ('fcm-good', "
	                              "'fcm-muted', '00ffaa', 'web-good')",
	                              account.user_id, NULL),
	                 4);
	assert_int_equal(
	        test_sql_int("SELECT count(*) FROM notifications WHERE user_id = $1::uuid AND kind = 'item.shared'",
	                     account.user_id, NULL),
	        1);
	// The link's life stands in the audit log, with where it came from.
	assert_int_equal(
	        test_sql_int("SELECT count(*) FROM audit_log WHERE owner_id = $1::uuid AND action IN "
	                     "('share.created', 'share.revoked') AND detail ->> 'item_id' = $2 AND address IS NOT "
	                     "NULL AND request_id IS NOT NULL",
	                     account.user_id, item, NULL),
	        2);
	assert_int_equal(test_api_stop(&api), 0);
	test_stack_run("restart", "api");
}

// A phone that is sold: what its former owner was to be told does not come to the new one.
static void a_device_changes_hands(void **state)
{
	(void)state;
	char gateway[100];
	struct test_account buyer;
	struct test_api api;
	(void)snprintf(gateway, sizeof gateway, "%s/push", receivers.address);
	const char *const with[] = { "SAFELIGHT_PUSH_WEBHOOK_URL", gateway, "SAFELIGHT_PUSH_WEBHOOK_SECRET",
		                     GATEWAY_SECRET, NULL };
	test_account_new(&buyer);
	add_device(&account, "webpush", "sold", "");
	test_stack_run("kill", "api"); // nobody sends
	(void)test_sql_text(
	        "INSERT INTO notifications (id, user_id, kind, subject_id) VALUES (gen_random_uuid(), $1::uuid, "
	        "'media.ready', gen_random_uuid())",
	        account.user_id, NULL);
	assert_int_equal(
	        test_sql_int("SELECT count(*) FROM pushes p JOIN notifications n ON n.id = p.notification_id WHERE "
	                     "n.user_id = $1::uuid",
	                     account.user_id, NULL),
	        1);
	(void)test_sql_text("UPDATE pushes SET next_at = now() + interval '1 hour'", NULL);
	test_stack_restart_with("api", with);
	add_device(&buyer, "webpush", "sold", "");
	(void)test_sql_text("UPDATE pushes SET next_at = now()", NULL);
	test_api_start(with, &api);
	test_sql_await(0, 20000, "SELECT count(*) FROM pushes", NULL);
	assert_int_equal(test_receivers_count(&receivers, "/push"), 0);
	(void)test_sql_text(
	        "INSERT INTO notifications (id, user_id, kind, subject_id) VALUES (gen_random_uuid(), $1::uuid, "
	        "'media.ready', gen_random_uuid())",
	        buyer.user_id, NULL);
	test_receivers_await(&receivers, "/push", 1, 20000);
	assert_int_equal(test_api_stop(&api), 0);
	test_stack_run("restart", "api");
	test_account_done(&buyer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_device_gets_what_it_wants, begin, end),
		cmocka_unit_test_setup_teardown(a_device_changes_hands, begin, end),
	};
	return cmocka_run_group_tests(tests, test_stack_setup, test_stack_teardown);
}
