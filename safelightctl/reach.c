// Opening and asking Postgres, NATS and HTTP.
#include "safelightctl/reach.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/settings.h"
#include "bus/bus.h"
#include "db/options.h"
#include "db/pool.h"
#include "db/result.h"
#include "http/client.h"
#include "safelightctl/command.h"

#define RESPONSE_BYTES (4 * 1024 * 1024)
#define HTTP_CONNECT_MS 1000

void reach_database_done(struct db_pool **database)
{
	db_pool_free(*database);
	*database = NULL;
}

void reach_bus_done(struct bus **bus)
{
	bus_close(*bus);
	*bus = NULL;
}

void reach_http_done(struct http_client **client)
{
	http_client_free(*client);
	*client = NULL;
}

enum rc reach_database(const struct call *call, struct db_pool **ret_database, struct err *err)
{
	const struct settings *settings = call->settings;
	struct db_options options;
	db_options_init(&options, settings, settings->admin_database_user, settings->admin_database_password,
	                "safelightctl", NULL);
	options.statement_ms = REACH_STATEMENT_MS;
	(void)db_options_go_direct(&options, settings);
	return db_pool_new(&options, 1, ret_database, err);
}

struct catalog reach_catalog(struct db_pool *database)
{
	return (struct catalog){ .pool = database, .source = "/safelight/ctl" };
}

struct catalog_call reach_catalog_call(void)
{
	return (struct catalog_call){ .deadline = deadline_after_ms(REACH_STATEMENT_MS) };
}

enum rc reach_query(struct db_pool *database, const struct db_statement *statement, const struct db_value *values,
                    json_t **ret_json, struct err *err)
{
	struct deadline deadline = deadline_after_ms(REACH_STATEMENT_MS);
	struct db_connection *connection = NULL;
	CLEANUP(db_result_free_pointer) struct db_result *result = NULL;
	json_error_t where;
	enum rc rc = db_pool_acquire(database, deadline, &connection, err);
	if (rc != RC_OK)
		return err_prefix(err, rc, "the database");
	rc = db_execute(connection, statement, values, statement->parameter_count, deadline, &result, err);
	db_pool_release(database, connection);
	if (rc != RC_OK)
		return err_prefix(err, rc, "the database");
	if (db_result_rows(result) == 0 || db_result_is_null(result, 0, 0))
		return err_set(err, RC_NOT_FOUND, "there is nothing");
	*ret_json = json_loads(db_result_text(result, 0, 0), JSON_DECODE_ANY, &where);
	return *ret_json == NULL ? err_set(err, RC_CORRUPT, "the database's JSON: %s", where.text) : RC_OK;
}

enum rc reach_bus(const struct call *call, struct bus **ret_bus, struct err *err)
{
	const struct settings *settings = call->settings;
	const struct bus_options options = { .servers = settings->bus_url,
		                             .token = settings->bus_token,
		                             .name = "safelightctl",
		                             .timeout_ms = settings->bus_timeout_ms < REACH_BUS_MS
		                                                   ? settings->bus_timeout_ms
		                                                   : REACH_BUS_MS };
	struct bus *bus = NULL;
	enum rc rc = bus_open(&options, &bus, err);
	if (rc != RC_OK)
		return rc;
	if (!bus_is_connected(bus)) {
		char reason[ERR_TEXT_SIZE];
		bus_connect_error(bus, reason);
		bus_close(bus);
		return err_set(err, RC_UNAVAILABLE, "NATS is not reachable at %s: %s", settings->bus_url, reason);
	}
	*ret_bus = bus;
	return RC_OK;
}

enum rc reach_http(struct http_client **ret_client, unsigned connections, struct err *err)
{
	const struct http_client_config config = { .connections = connections,
		                                   .connect_ms = HTTP_CONNECT_MS,
		                                   .user_agent = "safelightctl" };
	return http_client_new(&config, ret_client, err);
}

void reach_url(const char *listen, char *ret_url, size_t size)
{
	const char *colon = strrchr(listen, ':');
	const char *port = colon == NULL ? "" : colon;
	size_t length = colon == NULL ? strlen(listen) : (size_t)(colon - listen);
	bool is_any = length == 0 || strncmp(listen, "0.0.0.0:", 8) == 0 || listen[0] == '*';
	bool is_any6 = strncmp(listen, "[::]:", 5) == 0;
	(void)snprintf(ret_url, size, "http://%.*s%s", is_any || is_any6 ? 9 : (int)length,
	               is_any ? "127.0.0.1" : (is_any6 ? "[::1]" : listen), port);
}

enum rc reach_get(struct http_client *client, const char *url, int64_t timeout_ms, unsigned *ret_status,
                  char **ret_body, struct err *err)
{
	const struct http_call http = {
		.method = "GET", .url = url, .timeout_ms = timeout_ms, .response_limit = RESPONSE_BYTES
	};
	struct http_reply reply;
	enum rc rc = http_client_call(client, &http, &reply, err);
	if (rc != RC_OK)
		return rc;
	*ret_status = reply.status;
	if (ret_body != NULL)
		*ret_body = strdup(buffer_text(&reply.body));
	http_reply_done(&reply);
	return ret_body != NULL && *ret_body == NULL ? err_set(err, RC_NO_MEMORY, "no memory") : RC_OK;
}

const char *reach_operator(char *ret_name, size_t size)
{
	char host[64] = "localhost";
	const char *name = getenv("SUDO_USER");
	const struct passwd *entry = name == NULL ? getpwuid(getuid()) : NULL;
	if (entry != NULL)
		name = entry->pw_name;
	(void)gethostname(host, sizeof host - 1);
	(void)snprintf(ret_name, size, "%s@%s", name == NULL ? "unknown" : name, host);
	return ret_name;
}
