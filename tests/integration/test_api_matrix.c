// Who may do what: every route of metadata-api and ingest, called by nobody, by somebody else, by an administrator and
// by the owner. The routes are read from the sources, so one that is missing here fails the test.
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/support/account.h"
#include "tests/integration/support/http.h"
#include "tests/integration/support/stack.h"
#include "tests/integration/support/tus.h"
#include "tests/integration/support/upload.h"
#include "tests/unit/cmocka_all.h"

#define ROUTES_MAX 200

// What {id} stands for: a thing of the owner's.
enum object { NOTHING, ITEM, MEDIA, UPLOAD, TUS, SESSION, DEVICE, WEBHOOK, NOTIFICATION, NOBODY, OBJECT_COUNT };

// Sent to tus' routes, which ask for their own before they look at whose an upload is.
#define TUS_PREFIX "/files"
static const char *const TUS_HEADERS[] = { "Tus-Resumable: 1.0.0",
	                                   "Upload-Length: 3",
	                                   "Upload-Offset: 0",
	                                   "Content-Type: application/offset+octet-stream",
	                                   "X-HTTP-Method-Override: HEAD",
	                                   NULL };

struct row {
	const char *method;
	const char *path; // as the source has it
	enum object object;
	const char *query; // NULL: none
	const char *json;  // NULL: none
	unsigned nobody;
	unsigned other;
	unsigned admin;
	unsigned owner;
};

// In order: what takes a thing away stands behind what needs it.
static const struct row ROWS[] = {
	{ "POST", "/v1/auth/signup", NOTHING, NULL, "{}", 422, 422, 422, 422 },
	{ "POST", "/v1/auth/login", NOTHING, NULL, "{}", 422, 422, 422, 422 },
	{ "POST", "/v1/auth/refresh", NOTHING, NULL, "{\"refresh_token\":\"x\"}", 401, 401, 401, 401 },
	{ "POST", "/v1/auth/logout", NOTHING, NULL, "{\"refresh_token\":\"x\"}", 204, 204, 204, 204 },
	{ "POST", "/v1/auth/external", NOTHING, NULL, "{\"token\":\"x\"}", 404, 404, 404, 404 },
	{ "POST", "/v1/auth/email", NOTHING, NULL, "{\"email\":\"a@b.example\",\"password\":\"wrong\"}", 401, 403, 403,
	  403 },
	{ "POST", "/v1/auth/password", NOTHING, NULL, "{\"old_password\":\"wrong\",\"new_password\":\"long enough\"}",
	  401, 403, 403, 403 },
	{ "GET", "/v1/auth/sessions", NOTHING, NULL, NULL, 401, 200, 200, 200 },
	{ "DELETE", "/v1/auth/sessions/{id}", SESSION, NULL, NULL, 401, 404, 404, 204 },
	{ "GET", "/v1/me", NOTHING, NULL, NULL, 401, 200, 200, 200 },
	{ "PATCH", "/v1/me", NOTHING, NULL, "{\"name\":\"x\"}", 401, 200, 200, 200 },
	{ "DELETE", "/v1/me", NOTHING, NULL, "{\"password\":\"wrong\"}", 401, 403, 403, 403 },
	{ "GET", "/v1/me/usage", NOTHING, NULL, NULL, 401, 200, 200, 200 },
	{ "GET", "/v1/me/export", NOTHING, NULL, NULL, 401, 200, 200, 200 },
	{ "GET", "/v1/devices", NOTHING, NULL, NULL, 401, 200, 200, 200 },
	{ "POST", "/v1/devices", NOTHING, NULL, "{\"platform\":\"fcm\",\"token\":\"of the matrix\"}", 401, 201, 201,
	  201 },
	{ "DELETE", "/v1/devices/{id}", DEVICE, NULL, NULL, 401, 404, 404, 204 },
	{ "GET", "/v1/audit", NOTHING, NULL, NULL, 401, 200, 200, 200 },
	{ "GET", "/v1/audit", NOTHING, "?scope=all&limit=1", NULL, 401, 403, 200, 403 },
	{ "GET", "/v1/search", NOTHING, "?q=tide", NULL, 401, 200, 200, 200 },
	{ "GET", "/v1/changes", NOTHING, NULL, NULL, 401, 200, 200, 200 },
	{ "GET", "/v1/events", NOTHING, "?limit=1", NULL, 401, 400, 400, 400 },
	{ "GET", "/v1/notifications", NOTHING, NULL, NULL, 401, 200, 200, 200 },
	{ "POST", "/v1/notifications/{id}/read", NOTIFICATION, NULL, NULL, 401, 404, 404, 204 },
	{ "POST", "/v1/notifications/read", NOTHING, NULL, NULL, 401, 204, 204, 204 },
	{ "POST", "/v1/webhooks", NOTHING, NULL, "{\"url\":\"https://hooks.example/x\"}", 401, 201, 201, 201 },
	{ "GET", "/v1/webhooks", NOTHING, NULL, NULL, 401, 200, 200, 200 },
	{ "PATCH", "/v1/webhooks/{id}", WEBHOOK, NULL, "{\"enabled\":false}", 401, 404, 404, 200 },
	{ "POST", "/v1/webhooks/{id}/secret", WEBHOOK, NULL, NULL, 401, 404, 404, 200 },
	{ "GET", "/v1/webhooks/{id}/deliveries", WEBHOOK, NULL, NULL, 401, 404, 404, 200 },
	{ "POST", "/v1/webhooks/{id}/deliveries/{delivery}/retry", WEBHOOK, NULL, NULL, 401, 404, 404, 202 },
	{ "DELETE", "/v1/webhooks/{id}", WEBHOOK, NULL, NULL, 401, 404, 404, 204 },
	{ "POST", "/v1/items", NOTHING, NULL, "{\"title\":\"x\"}", 401, 201, 201, 201 },
	{ "GET", "/v1/items", NOTHING, NULL, NULL, 401, 200, 200, 200 },
	{ "GET", "/v1/items/{id}", ITEM, NULL, NULL, 401, 404, 404, 200 },
	{ "PATCH", "/v1/items/{id}", ITEM, NULL, "{\"title\":\"y\"}", 401, 404, 404, 200 },
	{ "POST", "/v1/items/{id}/shares", ITEM, NULL, "{}", 401, 404, 404, 201 },
	{ "GET", "/v1/items/{id}/shares", ITEM, NULL, NULL, 401, 404, 404, 200 },
	{ "GET", "/v1/shared/{token}", NOTHING, NULL, NULL, 200, 200, 200, 200 },
	{ "POST", "/v1/shared/{token}", NOTHING, NULL, "{\"password\":\"x\"}", 200, 200, 200, 200 },
	{ "DELETE", "/v1/items/{id}/shares/{share}", ITEM, NULL, NULL, 401, 404, 404, 204 },
	{ "DELETE", "/v1/items/{id}/shares", ITEM, NULL, NULL, 401, 404, 404, 204 },
	{ "GET", "/v1/media", NOTHING, NULL, NULL, 401, 200, 200, 200 },
	{ "GET", "/v1/media/{id}", MEDIA, NULL, NULL, 401, 404, 404, 200 },
	{ "GET", "/v1/media/{id}/similar", MEDIA, NULL, NULL, 401, 404, 404, 200 },
	{ "GET", "/v1/media/{id}/original", MEDIA, NULL, NULL, 401, 404, 404, 200 },
	{ "PATCH", "/v1/media/{id}", MEDIA, NULL, "{\"alt\":\"x\"}", 401, 404, 404, 200 },
	{ "POST", "/v1/media/{id}/reprocess", MEDIA, NULL, NULL, 401, 404, 404, 409 },
	{ "GET", "/v1/admin/overview", NOTHING, NULL, NULL, 401, 403, 200, 403 },
	{ "GET", "/v1/admin/requests", NOTHING, NULL, NULL, 401, 403, 200, 403 },
	{ "GET", "/v1/admin/media/{id}", MEDIA, NULL, NULL, 401, 403, 200, 403 },
	{ "GET", "/v1/admin/dead-letters", NOTHING, "?state=all", NULL, 401, 403, 200, 403 },
	{ "POST", "/v1/admin/dead-letters/{id}/redrive", NOBODY, NULL, NULL, 401, 403, 404, 403 },
	{ "DELETE", "/v1/admin/dead-letters/{id}", NOBODY, NULL, NULL, 401, 403, 404, 403 },
	{ "PATCH", "/v1/admin/pools/{name}", NOTHING, NULL, "{\"workers\":1}", 401, 403, 404, 403 },
	{ "DELETE", "/v1/media/{id}", MEDIA, NULL, NULL, 401, 404, 404, 204 },
	{ "DELETE", "/v1/items/{id}", ITEM, NULL, NULL, 401, 404, 404, 204 },
	{ "POST", "/v1/uploads", NOTHING, NULL, "{\"filename\":\"a.txt\",\"content_type\":\"text/plain\",\"size\":3}",
	  401, 201, 201, 201 },
	{ "POST", "/v1/uploads/batch", NOTHING, NULL,
	  "{\"uploads\":[{\"filename\":\"a.txt\",\"content_type\":\"text/plain\",\"size\":3}]}", 401, 201, 201, 201 },
	{ "POST", "/v1/uploads/{id}/parts", UPLOAD, NULL, "{\"numbers\":[1]}", 401, 404, 404, 409 },
	{ "GET", "/v1/uploads/{id}", UPLOAD, NULL, NULL, 401, 404, 404, 200 },
	{ "POST", "/v1/uploads/{id}/complete", UPLOAD, NULL, "{}", 401, 404, 404, 409 },
	{ "DELETE", "/v1/uploads/{id}", UPLOAD, NULL, NULL, 401, 404, 404, 204 },
	{ "GET", "/openapi.json", NOTHING, NULL, NULL, 200, 200, 200, 200 },
	{ "GET", "/docs", NOTHING, NULL, NULL, 200, 200, 200, 200 },
	{ "POST", "/hooks/s3", NOTHING, NULL, "{}", 401, 401, 401, 401 },
	{ "OPTIONS", "/files", NOTHING, NULL, NULL, 204, 204, 204, 204 },
	{ "POST", "/files", NOTHING, NULL, NULL, 401, 201, 201, 201 },
	{ "OPTIONS", "/files/{id}", TUS, NULL, NULL, 204, 204, 204, 204 },
	{ "GET", "/files/{id}", TUS, NULL, NULL, 401, 404, 404, 200 },
	{ "POST", "/files/{id}", TUS, NULL, NULL, 401, 404, 404, 200 },
	{ "PATCH", "/files/{id}", TUS, NULL, NULL, 401, 404, 404, 204 },
	{ "DELETE", "/files/{id}", TUS, NULL, NULL, 401, 404, 404, 204 },
	{ "GET", "/s3/params", NOTHING, "?filename=a.txt&type=text/plain&metadata[size]=3", NULL, 401, 200, 200, 200 },
	{ "POST", "/s3/multipart", NOTHING, NULL,
	  "{\"filename\":\"a.txt\",\"type\":\"text/plain\",\"metadata\":{\"size\":3}}", 401, 200, 200, 200 },
	{ "GET", "/s3/multipart/{uploadId}", NOTHING, "?key={key}", NULL, 401, 404, 404, 200 },
	{ "GET", "/s3/multipart/{uploadId}/{partNumber}", NOTHING, "?key={key}", NULL, 401, 404, 404, 200 },
	{ "GET", "/s3/multipart/{uploadId}/batch", NOTHING, "?key={key}&partNumbers=1", NULL, 401, 404, 404, 200 },
	{ "POST", "/sign", NOTHING, NULL,
	  "{\"method\":\"PUT\",\"key\":\"a.txt\",\"filename\":\"a.txt\",\"type\":\"text/plain\",\"size\":3}", 401, 200,
	  200, 200 },
	{ "POST", "/sign", NOTHING, NULL,
	  "{\"method\":\"PUT\",\"key\":\"{key}\",\"uploadId\":\"{uploadId}\",\"partNumber\":1}", 401, 404, 404, 200 },
	{ "POST", "/s3/multipart/{uploadId}/complete", NOTHING, "?key={key}",
	  "{\"parts\":[{\"PartNumber\":1,\"ETag\":\"never sent\"}]}", 401, 404, 404, 409 },
	{ "DELETE", "/s3/multipart/{uploadId}", NOTHING, "?key={key}", NULL, 401, 404, 404, 200 },
};
#define ROW_COUNT (sizeof ROWS / sizeof ROWS[0])

// ---- the routes that there are ------------------------------------------------------------------------------------

struct found {
	char method[8];
	char path[80];
	char auth[16];
};

static struct found routes[ROUTES_MAX];
static size_t route_count;

// The text between the first `before` behind `at` and the next `after`.
static void cut(const char *at, const char *before, char after, char *ret_text, size_t size)
{
	const char *begin = strstr(at, before);
	assert_non_null(begin);
	begin += strlen(before);
	const char *end = strchr(begin, after);
	assert_non_null(end);
	assert_in_range(end - begin, 1, size - 1);
	(void)snprintf(ret_text, size, "%.*s", (int)(end - begin), begin);
}

static void read_routes(const char *pattern)
{
	glob_t files;
	assert_int_equal(glob(pattern, 0, NULL, &files), 0);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		size_t length;
		char *text = test_file_read(files.gl_pathv[i], &length);
		for (const char *at = text; (at = strstr(at, "\nconst struct route route_")) != NULL; at++) {
			assert_true(route_count < ROUTES_MAX);
			struct found *route = &routes[route_count++];
			cut(at, ".method = \"", '"', route->method, sizeof route->method);
			cut(at, ".path = \"", '"', route->path, sizeof route->path);
			cut(at, ".auth = ROUTE_", ',', route->auth, sizeof route->auth);
		}
		free(text);
	}
	globfree(&files);
}

static bool is_of(const struct row *row, const struct found *route)
{
	return strcmp(row->method, route->method) == 0 && strcmp(row->path, route->path) == 0;
}

static const struct found *find_route(const struct row *row)
{
	for (size_t i = 0; i < route_count; i++)
		if (is_of(row, &routes[i]))
			return &routes[i];
	return NULL;
}

static int setup(void **state)
{
	if (test_stack_setup(state) != 0)
		return -1;
	read_routes("metadata-api/*.c");
	read_routes("ingest/*.c");
	return 0;
}

static void every_route_is_in_the_table_and_no_other(void **state)
{
	(void)state;
	assert_in_range(route_count, 20, ROUTES_MAX);
	for (size_t i = 0; i < route_count; i++) {
		bool is_known = false;
		for (size_t row = 0; row < ROW_COUNT && !is_known; row++)
			is_known = is_of(&ROWS[row], &routes[i]);
		if (!is_known)
			fail_msg("who may call %s %s? Say it in ROWS.", routes[i].method, routes[i].path);
	}
	for (size_t row = 0; row < ROW_COUNT; row++)
		if (find_route(&ROWS[row]) == NULL)
			fail_msg("there is no route %s %s", ROWS[row].method, ROWS[row].path);
}

// ---- the calls ----------------------------------------------------------------------------------------------------

static struct test_account owner, other, admin;
static char ids[OBJECT_COUNT][37], share_id[37], share_token[128], delivery_id[37];
static char uppy_id[300], uppy_key[300]; // of an upload in parts, as Uppy names it

static void make(const char *path, const char *json, char ret_id[37], char *ret_token)
{
	struct test_reply reply;
	test_http_json("POST", path, owner.access_token, json, &reply);
	test_assert_status(&reply, 201);
	(void)snprintf(ret_id, 37, "%s", test_json_text(reply.json, "id"));
	if (ret_token != NULL)
		(void)snprintf(ret_token, sizeof share_token, "%s", test_json_text(reply.json, "token"));
	test_reply_done(&reply);
}

static void log_in_again(struct test_account *account)
{
	struct test_reply reply;
	char json[256];
	(void)snprintf(json, sizeof json, "{\"email\":\"%s\",\"password\":\"%s\"}", account->email, account->password);
	test_http_json("POST", "/v1/auth/login", NULL, json, &reply);
	test_assert_status(&reply, 200);
	free(account->access_token);
	account->access_token = strdup(test_json_text(reply.json, "access_token"));
	test_reply_done(&reply);
}

static void make_uppy(void)
{
	struct test_reply reply;
	test_http_json("POST", "/s3/multipart", owner.access_token,
	               "{\"filename\":\"a.txt\",\"type\":\"text/plain\",\"metadata\":{\"size\":3}}", &reply);
	test_assert_status(&reply, 200);
	(void)snprintf(uppy_id, sizeof uppy_id, "%s", test_json_text(reply.json, "uploadId"));
	(void)snprintf(uppy_key, sizeof uppy_key, "%s", test_json_text(reply.json, "key"));
	test_reply_done(&reply);
}

static void make_things(void)
{
	static const char TEXT[] = "Nothing to see here.\n";
	const struct test_file file = { "note.txt", "text/plain", TEXT, sizeof TEXT - 1 };
	struct test_upload upload;
	char path[80];
	test_account_new(&owner);
	test_account_new(&other);
	test_account_new(&admin);
	(void)test_sql_int("UPDATE users SET is_admin = true WHERE id = $1::uuid", admin.user_id, NULL);
	log_in_again(&admin);
	char *session = test_sql_text("SELECT id FROM sessions WHERE user_id = $1::uuid", owner.user_id, NULL);
	(void)snprintf(ids[SESSION], sizeof ids[SESSION], "%s", session);
	free(session);
	log_in_again(&owner);
	make("/v1/items", "{\"title\":\"tide\"}", ids[ITEM], NULL);
	make("/v1/devices", "{\"platform\":\"fcm\",\"token\":\"of the owner of the matrix\"}", ids[DEVICE], NULL);
	make("/v1/webhooks", "{\"url\":\"https://hooks.example/\"}", ids[WEBHOOK], NULL);
	char *made = test_sql_text(
	        "INSERT INTO webhook_deliveries (id, webhook_id, event_id, event_type, payload, state) VALUES "
	        "(gen_random_uuid(), $1::uuid, gen_random_uuid(), 'item.created', '{}', 'failed') "
	        "RETURNING id",
	        ids[WEBHOOK], NULL);
	(void)snprintf(delivery_id, sizeof delivery_id, "%s", made);
	free(made);
	made = test_sql_text(
	        "INSERT INTO notifications (id, user_id, kind, subject_id) VALUES (gen_random_uuid(), $1::uuid, "
	        "'media.ready', gen_random_uuid()) RETURNING id",
	        owner.user_id, NULL);
	(void)snprintf(ids[NOTIFICATION], sizeof ids[NOTIFICATION], "%s", made);
	free(made);
	(void)snprintf(path, sizeof path, "/v1/items/%s/shares", ids[ITEM]);
	make(path, "{}", share_id, share_token);
	test_upload_whole(&owner, &file, ids[MEDIA]);
	test_upload_request(&owner, &file, &upload);
	(void)snprintf(ids[NOBODY], sizeof ids[NOBODY], "%s", "01a20ca8-1180-7243-b65c-1dee9be55c5b");
	(void)snprintf(ids[UPLOAD], sizeof ids[UPLOAD], "%s", upload.upload_id);
	test_upload_done(&upload);
	tus_create(&owner, "note.txt", "text/plain", 3, path);
	memcpy(ids[TUS], path + strlen(TUS_PREFIX "/"), sizeof ids[TUS]);
	make_uppy();
}

// A text of the row's with what its names in braces stand for, behind what ret_text holds.
static void append(const struct row *row, const char *text, char *ret_text, size_t size)
{
	const struct {
		const char *name, *value;
	} names[] = { { "{id}", ids[row->object] }, { "{share}", share_id },     { "{delivery}", delivery_id },
		      { "{token}", share_token },   { "{uploadId}", uppy_id },   { "{partNumber}", "1" },
		      { "{key}", uppy_key },        { "{name}", "no_such_pool" } };
	size_t length = strlen(ret_text);
	while (*text != '\0') {
		const char *value = NULL;
		for (size_t i = 0; i < sizeof names / sizeof names[0] && value == NULL; i++)
			if (strncmp(text, names[i].name, strlen(names[i].name)) == 0)
				value = names[i].value;
		assert_true(length + sizeof uppy_id < size);
		if (value == NULL) {
			ret_text[length++] = *text++;
			ret_text[length] = '\0';
			continue;
		}
		assert_true(*value != '\0');
		length += (size_t)snprintf(ret_text + length, size - length, "%s", value);
		text = strchr(text, '}') + 1;
	}
}

static void call(const struct row *row, const char *url, const char *token, struct test_reply *ret_reply)
{
	char json[1024] = "";
	bool is_tus = strncmp(row->path, TUS_PREFIX, strlen(TUS_PREFIX)) == 0;
	append(row, row->json == NULL ? "" : row->json, json, sizeof json);
	test_http(&(struct test_call){ .method = row->method,
	                               .url = url,
	                               .token = token,
	                               .json = row->json == NULL ? NULL : json,
	                               .headers = is_tus ? TUS_HEADERS : NULL },
	          ret_reply);
}

static unsigned wrong; // answers so far

static void expect(const struct row *row, const char *who, const char *token, unsigned status)
{
	char url[1024] = "";
	struct test_reply reply;
	append(row, row->path, url, sizeof url);
	append(row, row->query == NULL ? "" : row->query, url, sizeof url);
	call(row, url, token, &reply);
	if (reply.status != status) {
		print_error("%s %s by %s: %u, not %u\n", row->method, url, who, reply.status, status);
		wrong++;
	}
	// Nothing of these may be kept by a cache, and every answer can be asked about.
	char id[80], kept[80];
	test_reply_header(&reply, "X-Request-Id", id, sizeof id);
	test_reply_header(&reply, "Cache-Control", kept, sizeof kept);
	if (id[0] == '\0' || (strstr(kept, "no-store") == NULL && strstr(row->path, "/shared/") == NULL)) {
		print_error("%s %s by %s: request id \"%s\", cache control \"%s\"\n", row->method, url, who, id, kept);
		wrong++;
	}
	test_reply_done(&reply);
}

static void everybody_gets_what_is_theirs(void **state)
{
	(void)state;
	make_things();
	wrong = 0;
	for (size_t i = 0; i < ROW_COUNT; i++) {
		const struct row *row = &ROWS[i];
		const struct found *route = find_route(row);
		assert_non_null(route);
		bool is_public = strcmp(route->auth, "PUBLIC") == 0;
		assert_true(is_public || row->nobody == 401);
		expect(row, "nobody", NULL, row->nobody);
		// Other kinds of tokens are no access tokens; public routes do not look at them.
		expect(row, "a refresh token", other.refresh_token, row->nobody);
		expect(row, "a share's token", share_token, row->nobody);
		expect(row, "somebody else", other.access_token, row->other);
		expect(row, "an administrator", admin.access_token, row->admin);
		expect(row, "the owner", owner.access_token, row->owner);
	}
	assert_int_equal(wrong, 0);
	(void)test_sql_int("UPDATE users SET is_admin = false WHERE id = $1::uuid", admin.user_id, NULL);
	test_account_done(&owner);
	test_account_done(&other);
	test_account_done(&admin);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_route_is_in_the_table_and_no_other),
		cmocka_unit_test(everybody_gets_what_is_theirs),
	};
	return cmocka_run_group_tests(tests, setup, test_stack_teardown);
}
