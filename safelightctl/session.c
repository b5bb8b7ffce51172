// Calling the public API.
#include "safelightctl/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/crypto.h"
#include "base/encoding.h"
#include "base/uuid.h"
#include "http/client.h"
#include "safelightctl/reach.h"
#include "safelightctl/report.h"

#define CALL_MS 30000
#define PUT_MS 600000
#define ANSWER_BYTES (4 * 1024 * 1024)
#define HEADERS_MAX 16
#define PASSWORD_BYTES ((SESSION_PASSWORD_SIZE - 1) / 2)

enum rc session_refused(unsigned status, const json_t *problem, const char *what, struct err *err)
{
	const char *detail = json_string_value(json_object_get(problem, "detail"));
	const char *field =
	        json_string_value(json_object_get(json_array_get(json_object_get(problem, "errors"), 0), "detail"));
	return err_set(err, status >= 500 ? RC_UNAVAILABLE : RC_DENIED, "%s was answered %u%s%s%s%s", what, status,
	               detail == NULL ? "" : ": ", detail == NULL ? "" : detail, field == NULL ? "" : " ",
	               field == NULL ? "" : field);
}

static enum rc perform(struct session *session, const struct http_call *call, const char *what, unsigned *ret_status,
                       json_t **ret_json, struct err *err)
{
	struct http_reply reply;
	json_error_t where;
	enum rc rc = http_client_call(session->http, call, &reply, err);
	if (rc != RC_OK)
		return err_prefix(err, rc, "%s", what);
	*ret_status = reply.status;
	if (ret_json != NULL)
		*ret_json = json_loadb(buffer_text(&reply.body), reply.body.length, 0, &where);
	http_reply_done(&reply);
	return RC_OK;
}

enum rc session_call(struct session *session, const char *method, const char *path, json_t *body, unsigned *ret_status,
                     json_t **ret_json, struct err *err)
{
	const char *headers[4] = { "Accept: application/json" };
	size_t count = 1;
	char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT), *url = NULL, *authorization = NULL;
	json_decref(body);
	bool good = asprintf(&url, "%s%s", session->url, path) >= 0;
	if (text != NULL)
		headers[count++] = "Content-Type: application/json";
	if (session->access_token != NULL && good) {
		good = asprintf(&authorization, "Authorization: Bearer %s", session->access_token) >= 0;
		headers[count++] = authorization;
	}
	headers[count] = NULL;
	const struct http_call call = { .method = method,
		                        .url = url,
		                        .headers = headers,
		                        .body = text,
		                        .body_length = text == NULL ? 0 : strlen(text),
		                        .timeout_ms = CALL_MS,
		                        .response_limit = ANSWER_BYTES };
	enum rc rc = good ? perform(session, &call, path, ret_status, ret_json, err)
	                  : err_set(err, RC_NO_MEMORY, "no memory");
	free(authorization);
	free(url);
	free(text);
	return rc;
}

enum rc session_put(struct session *session, const char *url, const json_t *headers, const void *data, size_t length,
                    unsigned *ret_status, struct err *err)
{
	char *lines[HEADERS_MAX + 1] = { 0 };
	size_t count = 0;
	const char *name;
	json_t *value;
	json_object_foreach((json_t *)headers, name, value)
	{
		// libcurl counts the bytes itself.
		if (count == HEADERS_MAX || strcasecmp(name, "content-length") == 0 || strcasecmp(name, "host") == 0)
			continue;
		if (asprintf(&lines[count], "%s: %s", name, json_string_value(value)) < 0)
			lines[count] = NULL;
		else
			count++;
	}
	const struct http_call call = { .method = "PUT",
		                        .url = url,
		                        .headers = (const char *const *)lines,
		                        .body = data,
		                        .body_length = length,
		                        .timeout_ms = PUT_MS,
		                        .response_limit = ANSWER_BYTES };
	enum rc rc = perform(session, &call, "the PUT to the store", ret_status, NULL, err);
	for (size_t i = 0; i < count; i++)
		free(lines[i]);
	return rc;
}

static char *copy_text(const json_t *json, const char *name)
{
	const char *text = json_string_value(json_object_get(json, name));
	return text == NULL ? NULL : strdup(text);
}

// Sign up; when the address is taken, log in.
static enum rc enter(struct session *session, const char *email, const char *password, struct err *err)
{
	json_auto_t *answer = NULL;
	unsigned status = 0;
	enum rc rc = session_call(session, "POST", "/v1/auth/signup",
	                          json_pack("{s:s, s:s}", "email", email, "password", password), &status, &answer, err);
	if (rc == RC_OK && status == 409) {
		json_decref(answer);
		answer = NULL;
		rc = session_call(session, "POST", "/v1/auth/login",
		                  json_pack("{s:s, s:s}", "email", email, "password", password), &status, &answer, err);
	}
	if (rc != RC_OK)
		return rc;
	if (status != 200 && status != 201)
		return session_refused(status, answer, "signing in", err);
	session->access_token = copy_text(answer, "access_token");
	session->refresh_token = copy_text(answer, "refresh_token");
	return session->access_token == NULL ? err_set(err, RC_CORRUPT, "signing in gave no token") : RC_OK;
}

enum rc session_begin(struct session *ret_session, const char *url, unsigned connections, struct err *err)
{
	const char *email = getenv("SAFELIGHT_EMAIL"), *password = getenv("SAFELIGHT_PASSWORD");
	char made_email[80], id[UUID_TEXT_SIZE];
	*ret_session = (struct session){ .url = url };
	if ((email == NULL) != (password == NULL))
		return err_set(err, RC_INVALID, "set both SAFELIGHT_EMAIL and SAFELIGHT_PASSWORD, or neither");
	if (email == NULL) {
		uint8_t random[PASSWORD_BYTES];
		struct uuid made = uuid_new();
		random_fill(random, sizeof random);
		encode_hex(random, sizeof random, ret_session->password);
		uuid_format(&made, id);
		(void)snprintf(made_email, sizeof made_email, "smoke-%s@safelight.invalid", id);
		email = made_email;
		password = ret_session->password;
	}
	enum rc rc = reach_http(&ret_session->http, connections, err);
	return rc == RC_OK ? enter(ret_session, email, password, err) : rc;
}

bool session_is_throw_away(const struct session *session)
{
	return session->password[0] != '\0';
}

bool session_erase(struct session *session)
{
	unsigned status = 0;
	enum rc rc = session_call(session, "DELETE", "/v1/me", json_pack("{s:s}", "password", session->password),
	                          &status, NULL, NULL);
	return rc == RC_OK && status / 100 == 2;
}

void session_done(struct session *session)
{
	unsigned status;
	enum rc rc = RC_OK;
	if (session->http != NULL && session->refresh_token != NULL)
		rc = session_call(session, "POST", "/v1/auth/logout",
		                  json_pack("{s:s}", "refresh_token", session->refresh_token), &status, NULL, NULL);
	(void)rc; // a session that could not be ended ends by its age
	reach_http_done(&session->http);
	free(session->access_token);
	free(session->refresh_token);
	crypto_wipe(session->password, sizeof session->password);
	*session = (struct session){ 0 };
}
