// libcurl calls and reading their answers.
#include "tests/integration/support/http.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/settings.h"
#include "tests/integration/support/stack.h"
#include "tests/unit/cmocka_all.h"

#define CALL_MS 30000
#define CONNECT_MS 5000L
#define NUMBER_SIZE 24

struct text {
	char *data;
	size_t length;
};

static size_t take(char *data, size_t size, size_t count, void *context)
{
	struct text *text = context;
	char *grown = realloc(text->data, text->length + size * count + 1);
	if (grown == NULL)
		return 0;
	memcpy(grown + text->length, data, size * count);
	text->data = grown;
	text->length += size * count;
	text->data[text->length] = '\0';
	return size * count;
}

static void add_header(struct curl_slist **list, const char *name, const char *value)
{
	char line[8192];
	(void)snprintf(line, sizeof line, "%s%s", name, value);
	*list = curl_slist_append(*list, line);
}

static struct curl_slist *make_headers(const struct test_call *call)
{
	struct curl_slist *list = NULL;
	// Not libcurl's own ideas of a form and of waiting for a go-ahead.
	add_header(&list, "Expect:", "");
	if (call->json != NULL)
		add_header(&list, "Content-Type: ", "application/json");
	else
		add_header(&list, "Content-Type:", "");
	if (call->token != NULL)
		add_header(&list, "Authorization: Bearer ", call->token);
	for (const char *const *header = call->headers; header != NULL && *header != NULL; header++)
		add_header(&list, *header, "");
	return list;
}

static void set_body(CURL *curl, const struct test_call *call)
{
	const void *data = call->json != NULL ? call->json : call->body;
	size_t length = call->json != NULL ? strlen(call->json) : call->length;
	const char *method = call->method == NULL ? "GET" : call->method;
	if (strcmp(method, "HEAD") == 0)
		(void)curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
	else
		(void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	if (data == NULL && strcmp(method, "POST") != 0 && strcmp(method, "PUT") != 0 && strcmp(method, "PATCH") != 0)
		return;
	(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)length);
	(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, data == NULL ? "" : data);
}

void test_http(const struct test_call *call, struct test_reply *ret_reply)
{
	struct text body = { 0 }, head = { 0 };
	char url[8192];
	long status = 0;
	CURL *curl = curl_easy_init();
	*ret_reply = (struct test_reply){ 0 };
	if (curl == NULL)
		return;
	bool is_path = call->url[0] == '/';
	(void)snprintf(url, sizeof url, "%s%s", is_path ? test_stack_settings()->cdn_public_url : "", call->url);
	struct curl_slist *headers = make_headers(call);
	(void)curl_easy_setopt(curl, CURLOPT_URL, url);
	(void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)(call->timeout_ms == 0 ? CALL_MS : call->timeout_ms));
	(void)curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
	(void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take);
	(void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, &head);
	set_body(curl, call);
	if (curl_easy_perform(curl) == CURLE_OK)
		(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
	*ret_reply = (struct test_reply){
		.status = (unsigned)status,
		.body = body.data == NULL ? strdup("") : body.data,
		.length = body.length,
		.head = head.data == NULL ? strdup("") : head.data,
		.json = body.data == NULL ? NULL : json_loadb(body.data, body.length, JSON_REJECT_DUPLICATES, NULL),
	};
}

void test_reply_done(struct test_reply *reply)
{
	free(reply->body);
	free(reply->head);
	json_decref(reply->json);
	*reply = (struct test_reply){ 0 };
}

void test_http_json(const char *method, const char *url, const char *token, const char *json,
                    struct test_reply *ret_reply)
{
	test_http(&(struct test_call){ .method = method, .url = url, .token = token, .json = json }, ret_reply);
}

void test_reply_header(const struct test_reply *reply, const char *name, char *ret_value, size_t size)
{
	size_t name_length = strlen(name);
	ret_value[0] = '\0';
	for (const char *line = reply->head; line != NULL && *line != '\0';) {
		const char *end = strstr(line, "\r\n");
		if (strncasecmp(line, name, name_length) == 0 && line[name_length] == ':') {
			const char *value = line + name_length + 1;
			value += strspn(value, " \t");
			size_t length = end == NULL ? strlen(value) : (size_t)(end - value);
			(void)snprintf(ret_value, size, "%.*s", (int)length, value);
			return;
		}
		line = end == NULL ? NULL : end + 2;
	}
}

void test_reply_expect(const struct test_reply *reply, unsigned status, const char *file, int line)
{
	if (reply->status == status)
		return;
	if (reply->json != NULL)
		print_error("answer %u, not %u: %.2000s\n", reply->status, status, reply->body);
	else
		print_error("answer %u, not %u, with %zu bytes\n", reply->status, status, reply->length);
	_assert_int_equal(reply->status, status, file, line);
}

json_t *test_json_at(json_t *json, const char *path)
{
	char name[128];
	while (json != NULL && path[0] != '\0') {
		size_t length = strcspn(path, ".");
		(void)snprintf(name, sizeof name, "%.*s", (int)length, path);
		json = json_is_array(json) ? json_array_get(json, (size_t)strtoul(name, NULL, 10))
		                           : json_object_get(json, name);
		path += length + (path[length] == '.');
	}
	return json;
}

static json_t *find(json_t *json, const char *path, json_type type)
{
	json_t *value = test_json_at(json, path);
	if (value == NULL || json_typeof(value) != type) {
		char *text = json == NULL ? NULL : json_dumps(json, JSON_ENCODE_ANY);
		fail_msg("no such %s: \"%s\" in %.2000s", type == JSON_STRING ? "text" : "number", path,
		         text == NULL ? "nothing" : text);
	}
	return value;
}

const char *test_json_text(json_t *json, const char *path)
{
	return json_string_value(find(json, path, JSON_STRING));
}

int64_t test_json_int(json_t *json, const char *path)
{
	return json_integer_value(find(json, path, JSON_INTEGER));
}
