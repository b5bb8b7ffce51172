// metadata-api's accounts: people of an identity provider, whose key set a server inside this test serves.
#include <arpa/inet.h>
#include <jwt.h>
#include <netinet/in.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "base/uuid.h"
#include "tests/integration/support/account.h"
#include "tests/integration/support/http.h"
#include "tests/integration/support/stack.h"
#include "tests/unit/cmocka_all.h"

#define ISSUER "https://id.test.example"
#define AUDIENCE "safelight-test"
#define KEYS 2

struct provider {
	int listener;
	pthread_t thread;
	atomic_bool stops;
	atomic_uint hits;
	atomic_uint present; // which key is in the set
	atomic_bool is_down; // answer 503
	char *pems[KEYS];    // private
	char sets[KEYS][1024];
};

static struct provider provider;

static void make_key(unsigned index)
{
	EVP_PKEY *key = EVP_RSA_gen(2048);
	BIO *bio = BIO_new(BIO_s_mem());
	BIGNUM *modulus = NULL;
	unsigned char bytes[256];
	char *data = NULL, text[400];
	assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
	long length = BIO_get_mem_data(bio, &data);
	provider.pems[index] = strndup(data, (size_t)length);
	BIO_free(bio);
	assert_int_equal(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &modulus), 1);
	assert_int_equal(BN_bn2bin(modulus, bytes), sizeof bytes);
	BN_free(modulus);
	EVP_PKEY_free(key);
	encode_base64url(bytes, sizeof bytes, text);
	(void)snprintf(provider.sets[index], sizeof provider.sets[index],
	               "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"k%u\",\"alg\":\"RS256\",\"n\":\"%s\",\"e\":\"AQAB\"}]}",
	               index, text);
}

static void *serve(void *argument)
{
	(void)argument;
	while (!atomic_load(&provider.stops)) {
		struct pollfd waiting = { .fd = provider.listener, .events = POLLIN };
		if (poll(&waiting, 1, 50) <= 0)
			continue;
		int client = accept(provider.listener, NULL, NULL);
		char head[4096], answer[2048];
		if (client < 0)
			continue;
		(void)!read(client, head, sizeof head);
		atomic_fetch_add(&provider.hits, 1);
		const char *set = provider.sets[atomic_load(&provider.present)];
		int length = snprintf(answer, sizeof answer,
		                      "HTTP/1.1 %s\r\nContent-Type: application/json\r\nConnection: close\r\n"
		                      "Content-Length: %zu\r\n\r\n%s",
		                      atomic_load(&provider.is_down) ? "503 Service Unavailable" : "200 OK",
		                      strlen(set), set);
		(void)!write(client, answer, (size_t)length);
		(void)close(client);
	}
	return NULL;
}

static int start(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof address;
	char url[80];
	if (test_stack_setup(state) != 0)
		return -1;
	for (unsigned i = 0; i < KEYS; i++)
		make_key(i);
	provider.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(provider.listener, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(provider.listener, 16), 0);
	assert_int_equal(getsockname(provider.listener, (struct sockaddr *)&address, &size), 0);
	assert_int_equal(pthread_create(&provider.thread, NULL, serve, NULL), 0);
	(void)snprintf(url, sizeof url, "http://127.0.0.1:%u/keys", ntohs(address.sin_port));
	test_stack_restart_with("api",
	                        (const char *const[]){ "SAFELIGHT_AUTH_JWKS_URL", url, "SAFELIGHT_AUTH_EXTERNAL_ISSUER",
	                                               ISSUER, "SAFELIGHT_AUTH_EXTERNAL_AUDIENCE", AUDIENCE,
	                                               "SAFELIGHT_AUTH_JWKS_PAUSE_SECONDS", "2", NULL });
	return 0;
}

static int stop(void **state)
{
	test_stack_run("restart", "api");
	atomic_store(&provider.stops, true);
	(void)pthread_join(provider.thread, NULL);
	(void)close(provider.listener);
	for (unsigned i = 0; i < KEYS; i++)
		free(provider.pems[i]);
	return test_stack_teardown(state);
}

// The JSON of a login: a token signed by key `index` under its name.
static char *make_login(unsigned index, const char *subject, const char *email)
{
	char claims[512], id[8], *json = malloc(4096);
	jwt_t *jwt = NULL;
	(void)snprintf(claims, sizeof claims,
	               "{\"iss\":\"" ISSUER "\",\"aud\":\"" AUDIENCE "\",\"sub\":\"%s\",\"exp\":%lld,\"name\":\"Ann\","
	               "\"email\":\"%s\",\"email_verified\":true}",
	               subject, (long long)(clock_now_us() / 1000000 + 300), email);
	(void)snprintf(id, sizeof id, "k%u", index);
	assert_int_equal(jwt_new(&jwt), 0);
	assert_int_equal(jwt_add_grants_json(jwt, claims), 0);
	assert_int_equal(jwt_add_header(jwt, "kid", id), 0);
	assert_int_equal(jwt_set_alg(jwt, JWT_ALG_RS256, (const unsigned char *)provider.pems[index],
	                             (int)strlen(provider.pems[index])),
	                 0);
	char *token = jwt_encode_str(jwt);
	jwt_free(jwt);
	(void)snprintf(json, 4096, "{\"token\":\"%s\"}", token);
	free(token);
	return json;
}

static void log_in(unsigned index, const char *subject, const char *email, unsigned status,
                   struct test_reply *ret_reply)
{
	char *json = make_login(index, subject, email);
	test_http_json("POST", "/v1/auth/external", NULL, json, ret_reply);
	test_assert_status(ret_reply, status);
	free(json);
}

static void make_subject(char ret_subject[48], char ret_email[80])
{
	char id[UUID_TEXT_SIZE];
	struct uuid uuid = uuid_new();
	uuid_format(&uuid, id);
	(void)snprintf(ret_subject, 48, "s|%s", id);
	(void)snprintf(ret_email, 80, "%s@id.test.example", id);
}

static void a_subject_gets_an_account_at_first_sight_and_keeps_it(void **state)
{
	(void)state;
	char subject[48], email[80], json[4096];
	struct test_reply first, again, reply;
	make_subject(subject, email);
	log_in(0, subject, email, 200, &first);
	assert_string_equal(test_json_text(first.json, "user.email"), email);
	assert_string_equal(test_json_text(first.json, "user.name"), "Ann");
	log_in(0, subject, "other@id.test.example", 200, &again);
	assert_string_equal(test_json_text(again.json, "user.id"), test_json_text(first.json, "user.id"));
	assert_string_equal(test_json_text(again.json, "user.email"), email);
	// Its tokens are ours: items, usage, refreshing.
	test_http_json("GET", "/v1/me", test_json_text(again.json, "access_token"), NULL, &reply);
	test_assert_status(&reply, 200);
	assert_true(json_is_false(test_json_at(reply.json, "has_password")));
	test_reply_done(&reply);
	test_http_json("GET", "/v1/me/usage", test_json_text(again.json, "access_token"), NULL, &reply);
	test_assert_status(&reply, 200);
	test_reply_done(&reply);
	(void)snprintf(json, sizeof json, "{\"refresh_token\":\"%s\"}", test_json_text(again.json, "refresh_token"));
	test_http_json("POST", "/v1/auth/refresh", NULL, json, &reply);
	test_assert_status(&reply, 200);
	test_reply_done(&reply);
	// No password fits an account that has none.
	(void)snprintf(json, sizeof json, "{\"email\":\"%s\",\"password\":\"anything\"}", email);
	test_http_json("POST", "/v1/auth/login", NULL, json, &reply);
	test_assert_status(&reply, 401);
	test_reply_done(&reply);
	test_reply_done(&first);
	test_reply_done(&again);
}

static void an_address_of_an_account_is_not_taken_over(void **state)
{
	(void)state;
	char subject[48], email[80];
	struct test_account account;
	struct test_reply reply;
	make_subject(subject, email);
	test_account_new(&account);
	log_in(0, subject, account.email, 200, &reply);
	assert_string_not_equal(test_json_text(reply.json, "user.id"), account.user_id);
	assert_string_equal(test_json_text(reply.json, "user.email"), "");
	test_reply_done(&reply);
	test_account_done(&account);
}

struct racer {
	pthread_t thread;
	char *json;
	struct test_reply reply;
};

static void *race(void *argument)
{
	struct racer *racer = argument;
	test_http_json("POST", "/v1/auth/external", NULL, racer->json, &racer->reply);
	return NULL;
}

static void ten_first_sights_at_once_make_one_account(void **state)
{
	(void)state;
	char subject[48], email[80];
	struct racer racers[10];
	make_subject(subject, email);
	for (size_t i = 0; i < 10; i++) {
		racers[i].json = make_login(0, subject, email);
		assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
	}
	for (size_t i = 0; i < 10; i++)
		(void)pthread_join(racers[i].thread, NULL);
	for (size_t i = 0; i < 10; i++) {
		test_assert_status(&racers[i].reply, 200);
		assert_string_equal(test_json_text(racers[i].reply.json, "user.id"),
		                    test_json_text(racers[0].reply.json, "user.id"));
	}
	for (size_t i = 0; i < 10; i++) {
		test_reply_done(&racers[i].reply);
		free(racers[i].json);
	}
	assert_int_equal(test_sql_int("SELECT count(*) FROM users WHERE external_subject = $1", subject, NULL), 1);
}

static void a_new_key_is_fetched_once_and_an_old_one_refused(void **state)
{
	(void)state;
	char subject[48], email[80];
	struct test_reply reply;
	make_subject(subject, email);
	clock_sleep_ms(2100); // the pause since the last fetch
	unsigned before = atomic_load(&provider.hits);
	for (int i = 0; i < 10; i++) { // a key that nobody has: one fetch, then none
		log_in(1, subject, email, 401, &reply);
		test_reply_done(&reply);
	}
	assert_int_equal(atomic_load(&provider.hits) - before, 1);
	atomic_store(&provider.present, 1);
	clock_sleep_ms(2100);
	log_in(1, subject, email, 200, &reply);
	test_reply_done(&reply);
	assert_int_equal(atomic_load(&provider.hits) - before, 2);
	log_in(0, subject, email, 401, &reply); // taken out of the set
	test_reply_done(&reply);
	// The provider is away: what was fetched holds.
	atomic_store(&provider.is_down, true);
	clock_sleep_ms(2100);
	log_in(0, subject, email, 401, &reply);
	test_reply_done(&reply);
	assert_int_equal(atomic_load(&provider.hits) - before, 3);
	log_in(1, subject, email, 200, &reply);
	test_reply_done(&reply);
	atomic_store(&provider.is_down, false);
	atomic_store(&provider.present, 0);
	clock_sleep_ms(2100);
	log_in(0, subject, email, 200, &reply);
	test_reply_done(&reply);
}

static void an_account_without_password_is_deleted_by_its_token(void **state)
{
	(void)state;
	char subject[48], email[80], json[4200];
	struct test_account account;
	struct test_reply reply, login;
	make_subject(subject, email);
	test_account_new(&account);
	log_in(0, subject, email, 200, &login);
	const char *access = test_json_text(login.json, "access_token");
	char *body = make_login(0, subject, email);
	(void)snprintf(json, sizeof json, "{\"external_%s", body + 2);
	free(body);
	test_http_json("DELETE", "/v1/me", account.access_token, json, &reply); // somebody else's
	test_assert_status(&reply, 403);
	test_reply_done(&reply);
	test_http_json("DELETE", "/v1/me", access, "{\"password\":\"anything\"}", &reply);
	test_assert_status(&reply, 409);
	test_reply_done(&reply);
	test_http_json("DELETE", "/v1/me", access, json, &reply);
	test_assert_status(&reply, 202);
	test_reply_done(&reply);
	test_http_json("GET", "/v1/me", access, NULL, &reply);
	test_assert_status(&reply, 401);
	test_reply_done(&reply);
	char *old = strdup(test_json_text(login.json, "user.id"));
	test_reply_done(&login);
	log_in(0, subject, email, 200, &login); // somebody new
	assert_string_not_equal(test_json_text(login.json, "user.id"), old);
	free(old);
	test_reply_done(&login);
	test_account_done(&account);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_subject_gets_an_account_at_first_sight_and_keeps_it),
		cmocka_unit_test(an_address_of_an_account_is_not_taken_over),
		cmocka_unit_test(ten_first_sights_at_once_make_one_account),
		cmocka_unit_test(a_new_key_is_fetched_once_and_an_old_one_refused),
		cmocka_unit_test(an_account_without_password_is_deleted_by_its_token),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
