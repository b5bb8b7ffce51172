// Share links: who sees what, and until when.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/settings.h"
#include "tests/integration/support/account.h"
#include "tests/integration/support/http.h"
#include "tests/integration/support/stack.h"
#include "tests/integration/support/upload.h"
#include "tests/unit/cmocka_all.h"

#define PHOTO "samples/photos/ridges.jpg"
#define READY_MS 30000

static struct test_account owner, stranger;
static char item_id[37]; // with one photo, ready

struct share {
	char id[37];
	char path[128]; // "/v1/shared/<token>"
	const char *token;
};

static void ask(const char *method, const char *path, const char *token, const char *json, unsigned status,
                struct test_reply *ret_reply)
{
	test_http_json(method, path, token, json, ret_reply);
	if (ret_reply->status != status)
		fail_msg("%s %s: %u instead of %u: %s", method, path, ret_reply->status, status, ret_reply->body);
}

static void ask_only(const char *method, const char *path, const char *token, const char *json, unsigned status)
{
	struct test_reply reply;
	ask(method, path, token, json, status, &reply);
	test_reply_done(&reply);
}

// GET a share's path and fail unless it is a problem of that status and type.
static void assert_refused(const struct share *share, unsigned status, const char *slug)
{
	struct test_reply reply;
	char type[80];
	ask("GET", share->path, NULL, NULL, status, &reply);
	(void)snprintf(type, sizeof type, "/problems/%s", slug);
	assert_string_equal(test_json_text(reply.json, "type"), type);
	test_reply_done(&reply);
}

static void create_item(const char *json, char ret_id[37])
{
	struct test_reply reply;
	ask("POST", "/v1/items", owner.access_token, json, 201, &reply);
	(void)snprintf(ret_id, 37, "%s", test_json_text(reply.json, "id"));
	test_reply_done(&reply);
}

static void make_share(const char *of_item, const char *json, struct share *ret_share)
{
	struct test_reply reply;
	char path[100];
	(void)snprintf(path, sizeof path, "/v1/items/%s/shares", of_item);
	ask("POST", path, owner.access_token, json, 201, &reply);
	(void)snprintf(ret_share->id, sizeof ret_share->id, "%s", test_json_text(reply.json, "id"));
	(void)snprintf(ret_share->path, sizeof ret_share->path, "/v1/shared/%s", test_json_text(reply.json, "token"));
	assert_non_null(strstr(test_json_text(reply.json, "url"), ret_share->path));
	ret_share->token = ret_share->path + strlen("/v1/shared/");
	test_reply_done(&reply);
}

static int64_t views_of(const struct share *share)
{
	return test_sql_int("SELECT views FROM shares WHERE id = $1::uuid", share->id, NULL);
}

static int setup(void **state)
{
	size_t length;
	char media_id[37], path[100], json[100];
	if (test_stack_setup(state) != 0)
		return -1;
	test_account_new(&owner);
	test_account_new(&stranger);
	create_item("{\"title\":\"Shared trip\",\"body\":\"three days\",\"tags\":[\"alps\"]}", item_id);
	char *data = test_file_read(PHOTO, &length);
	test_upload_whole(&owner, &(struct test_file){ "secret_name.jpg", "image/jpeg", data, length }, media_id);
	free(data);
	json_decref(test_media_await(&owner, media_id, "ready", READY_MS));
	(void)snprintf(path, sizeof path, "/v1/media/%s", media_id);
	(void)snprintf(json, sizeof json, "{\"item_id\":\"%s\",\"alt\":\"a ridge\"}", item_id);
	ask_only("PATCH", path, owner.access_token, json, 200);
	return 0;
}

static int teardown(void **state)
{
	test_account_done(&owner);
	test_account_done(&stranger);
	return test_stack_teardown(state);
}

static int64_t expiry_of(const char *url)
{
	const char *parameter = strstr(url, "?e=");
	assert_non_null(parameter);
	return strtoll(parameter + 3, NULL, 10);
}

static void a_link_shows_the_item_and_nothing_else(void **state)
{
	(void)state;
	struct share share;
	struct test_reply reply, picture;
	char header[100];
	make_share(item_id, "{}", &share);
	ask("GET", share.path, NULL, NULL, 200, &reply);
	assert_string_equal(test_json_text(reply.json, "item.title"), "Shared trip");
	assert_string_equal(test_json_text(reply.json, "item.tags.0"), "alps");
	assert_string_equal(test_json_text(reply.json, "item.media.0.alt"), "a ridge");
	assert_int_equal(test_json_int(reply.json, "item.media.0.width"), 2400);
	assert_true(json_is_false(test_json_at(reply.json, "share.allow_original")));
	test_reply_header(&reply, "Cache-Control", header, sizeof header);
	assert_string_equal(header, "private, no-store");
	test_reply_header(&reply, "Referrer-Policy", header, sizeof header);
	assert_string_equal(header, "no-referrer");
	const char *const secrets[] = { owner.email, owner.user_id, "secret_name", "sha256",       "\"exif\"",
		                        "\"gps\"",   "captured_at", "owner_id",    "original\":\"" };
	for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++)
		if (strcasestr(reply.body, secrets[i]) != NULL)
			fail_msg("the answer tells %s: %s", secrets[i], reply.body);
	// Its pictures can be fetched, for a short time.
	const char *url = test_json_text(reply.json, "item.media.0.variants.0.url");
	int64_t life = expiry_of(url) - clock_now_us() / 1000000;
	assert_in_range(life, test_stack_settings()->api_share_url_seconds / 2 - 6,
	                test_stack_settings()->api_share_url_seconds);
	ask("GET", url, NULL, NULL, 200, &picture);
	test_reply_done(&picture);
	test_reply_done(&reply);
	assert_int_equal(views_of(&share), 1);
}

static void the_database_has_no_token(void **state)
{
	(void)state;
	struct share share;
	struct test_reply reply;
	char path[100];
	make_share(item_id, "{\"password\":\"open sesame\"}", &share);
	char *row = test_sql_text("SELECT row_to_json(s)::text || encode(s.token_hash, 'base64') FROM shares s "
	                          "WHERE id = $1::uuid",
	                          share.id, NULL);
	assert_null(strstr(row, share.token));
	assert_null(strstr(row, "sesame"));
	assert_non_null(strstr(row, "$argon2id$"));
	free(row);
	(void)snprintf(path, sizeof path, "/v1/items/%s/shares", item_id);
	ask("GET", path, owner.access_token, NULL, 200, &reply);
	assert_string_equal(test_json_text(reply.json, "items.0.id"), share.id); // newest first
	assert_true(json_is_true(test_json_at(reply.json, "items.0.has_password")));
	assert_null(strstr(reply.body, share.token));
	assert_null(strstr(reply.body, "argon2id"));
	test_reply_done(&reply);
}

static void a_revoked_link_ends_at_once(void **state)
{
	(void)state;
	struct share first, second;
	char path[200], id[37];
	create_item("{\"title\":\"short\"}", id);
	make_share(id, "{}", &first);
	make_share(id, "{}", &second);
	ask_only("GET", first.path, NULL, NULL, 200);
	(void)snprintf(path, sizeof path, "/v1/items/%s/shares/%s", id, first.id);
	ask_only("DELETE", path, owner.access_token, NULL, 204);
	assert_refused(&first, 403, "share-revoked");
	ask_only("DELETE", path, owner.access_token, NULL, 204); // again: the same
	ask_only("GET", second.path, NULL, NULL, 200);
	(void)snprintf(path, sizeof path, "/v1/items/%s/shares", id);
	ask_only("DELETE", path, owner.access_token, NULL, 204);
	assert_refused(&second, 403, "share-revoked");
	make_share(id, "{}", &first);
	ask_only("GET", first.path, NULL, NULL, 200);
	(void)snprintf(path, sizeof path, "/v1/items/%s", id);
	ask_only("DELETE", path, owner.access_token, NULL, 204);
	assert_refused(&first, 404, "not-found");
}

static void what_the_owner_changes_shows_at_once(void **state)
{
	(void)state;
	struct share share;
	struct test_reply reply;
	char path[100], id[37], etag[80], header[120];
	create_item("{\"title\":\"before\"}", id);
	make_share(id, "{}", &share);
	ask("GET", share.path, NULL, NULL, 200, &reply);
	test_reply_header(&reply, "ETag", etag, sizeof etag);
	test_reply_done(&reply);
	(void)snprintf(header, sizeof header, "If-None-Match: %s", etag);
	const char *const headers[] = { header, NULL };
	const struct test_call again = { .url = share.path, .headers = headers };
	test_http(&again, &reply);
	test_assert_status(&reply, 304);
	test_reply_done(&reply);
	(void)snprintf(path, sizeof path, "/v1/items/%s", id);
	ask_only("PATCH", path, owner.access_token, "{\"title\":\"after\"}", 200);
	test_http(&again, &reply);
	test_assert_status(&reply, 200);
	assert_string_equal(test_json_text(reply.json, "item.title"), "after");
	test_reply_done(&reply);
}

static void an_expired_link_ends_with_its_urls(void **state)
{
	(void)state;
	struct share share;
	struct test_reply reply;
	char time[CLOCK_TEXT_SIZE], json[100];
	int64_t expires_at = clock_now_us() + 3000000;
	clock_format_rfc3339(expires_at, time);
	(void)snprintf(json, sizeof json, "{\"expires_at\":\"%s\"}", time);
	make_share(item_id, json, &share);
	ask("GET", share.path, NULL, NULL, 200, &reply);
	json_t *variants = test_json_at(reply.json, "item.media.0.variants");
	assert_true(json_array_size(variants) > 0);
	for (size_t i = 0; i < json_array_size(variants); i++) {
		const char *url = json_string_value(json_object_get(json_array_get(variants, i), "url"));
		if (url != NULL)
			assert_true(expiry_of(url) <= expires_at / 1000000);
	}
	test_reply_done(&reply);
	clock_sleep_ms((expires_at - clock_now_us()) / 1000 + 50);
	assert_refused(&share, 403, "share-expired");
}

static void a_password_is_asked_for(void **state)
{
	(void)state;
	struct share share;
	struct test_reply reply;
	char retry_after[20];
	make_share(item_id, "{\"password\":\"open sesame\",\"max_views\":2}", &share);
	assert_refused(&share, 401, "password-required");
	ask_only("POST", share.path, NULL, "{}", 422);
	ask("POST", share.path, NULL, "{\"password\":\"open sesam\"}", 401, &reply);
	assert_string_equal(test_json_text(reply.json, "type"), "/problems/wrong-password");
	test_reply_done(&reply);
	assert_int_equal(views_of(&share), 0); // nobody has seen it so far
	ask("POST", share.path, NULL, "{\"password\":\"open sesame\"}", 200, &reply);
	assert_string_equal(test_json_text(reply.json, "item.title"), "Shared trip");
	test_reply_done(&reply);
	for (int64_t i = 0; i < test_stack_settings()->api_login_tries; i++)
		ask_only("POST", share.path, NULL, "{\"password\":\"guess\"}", 401);
	ask("POST", share.path, NULL, "{\"password\":\"open sesame\"}", 429, &reply);
	test_reply_header(&reply, "Retry-After", retry_after, sizeof retry_after);
	assert_string_not_equal(retry_after, "");
	test_reply_done(&reply);
	assert_int_equal(views_of(&share), 1);
}

static void others_have_no_say(void **state)
{
	(void)state;
	struct share share;
	char path[200];
	make_share(item_id, "{}", &share);
	(void)snprintf(path, sizeof path, "/v1/items/%s/shares", item_id);
	ask_only("GET", path, stranger.access_token, NULL, 404);
	ask_only("POST", path, stranger.access_token, "{}", 404);
	ask_only("DELETE", path, stranger.access_token, NULL, 404);
	ask_only("GET", path, NULL, NULL, 401);
	(void)snprintf(path, sizeof path, "/v1/items/%s/shares/%s", item_id, share.id);
	ask_only("DELETE", path, stranger.access_token, NULL, 404);
	ask_only("GET", share.path, NULL, NULL, 200);
	// A link is no account.
	(void)snprintf(path, sizeof path, "/v1/items/%s", item_id);
	ask_only("GET", path, share.token, NULL, 401);
	char id[37];
	create_item("{}", id);
	(void)snprintf(path, sizeof path, "/v1/items/%s/shares/%s", id, share.id); // of another item
	ask_only("DELETE", path, owner.access_token, NULL, 404);
}

static void wrong_links_and_bodies_are_refused(void **state)
{
	(void)state;
	struct share share;
	char path[200];
	static const char *const BAD[] = { "{\"max_views\":0}",
		                           "{\"max_views\":1.5}",
		                           "{\"password\":\"abc\"}",
		                           "{\"expires_at\":\"yesterday\"}",
		                           "{\"expires_at\":\"2001-01-01T00:00:00Z\"}",
		                           "{\"allow_original\":1}" };
	make_share(item_id, "{}", &share);
	share.path[strlen(share.path) - 2] = share.path[strlen(share.path) - 2] == 'A' ? 'B' : 'A';
	assert_refused(&share, 404, "not-found");
	ask_only("GET", "/v1/shared/x", NULL, NULL, 404);
	ask_only("GET", "/v1/shared/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB", NULL, NULL, 404); // not canonical
	(void)snprintf(path, sizeof path, "/v1/items/%s/shares", item_id);
	for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
		ask_only("POST", path, owner.access_token, BAD[i], 422);
	ask_only("POST", path, owner.access_token, "{\"token\":\"mine\"}", 400);
}

static void links_are_listed_in_pages(void **state)
{
	(void)state;
	struct share shares[5];
	struct test_reply reply;
	char id[37], path[300];
	create_item("{}", id);
	(void)snprintf(path, sizeof path, "/v1/items/%s/shares?limit=2", id);
	ask("GET", path, owner.access_token, NULL, 200, &reply);
	assert_int_equal(json_array_size(test_json_at(reply.json, "items")), 0);
	test_reply_done(&reply);
	for (int i = 0; i < 5; i++)
		make_share(id, "{}", &shares[i]);
	int seen = 0;
	for (int page = 0; page < 3; page++) {
		ask("GET", path, owner.access_token, NULL, 200, &reply);
		size_t rows = json_array_size(test_json_at(reply.json, "items"));
		assert_int_equal(rows, page < 2 ? 2 : 1);
		for (size_t i = 0; i < rows; i++) {
			char at[40];
			(void)snprintf(at, sizeof at, "items.%zu.id", i);
			assert_string_equal(test_json_text(reply.json, at), shares[4 - seen++].id);
		}
		if (page < 2)
			(void)snprintf(path, sizeof path, "/v1/items/%s/shares?limit=2&cursor=%s", id,
			               test_json_text(reply.json, "next_cursor"));
		else
			assert_true(json_is_null(test_json_at(reply.json, "next_cursor")));
		test_reply_done(&reply);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_link_shows_the_item_and_nothing_else),
		cmocka_unit_test(the_database_has_no_token),
		cmocka_unit_test(a_revoked_link_ends_at_once),
		cmocka_unit_test(what_the_owner_changes_shows_at_once),
		cmocka_unit_test(an_expired_link_ends_with_its_urls),
		cmocka_unit_test(a_password_is_asked_for),
		cmocka_unit_test(others_have_no_say),
		cmocka_unit_test(wrong_links_and_bodies_are_refused),
		cmocka_unit_test(links_are_listed_in_pages),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
