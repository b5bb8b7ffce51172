// Reaching what the commands work on: Postgres as the schema's owner, NATS, the services' HTTP.
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "catalog/catalog.h"
#include "db/statement.h"

struct bus;
struct call;
struct db_pool;
struct http_client;

// Longest that one statement of an operator may take (a look at a table of millions of rows), in milliseconds.
#define REACH_STATEMENT_MS 15000

// Longest that one call to NATS may take, in milliseconds: a person waits, and reads are repeated.
#define REACH_BUS_MS 1500

// What the database commands read of the secrets, what the bus commands read.
#define SECRETS_DATABASE "admin.database_password"
#define SECRETS_BUS "bus.token"

// For CLEANUP(reach_database_done) struct db_pool *database = NULL, and so on.
void reach_database_done(struct db_pool **database);
void reach_bus_done(struct bus **bus);
void reach_http_done(struct http_client **client);

// A pool of one connection for the [admin] role. Contacts nobody.
enum rc reach_database(const struct call *call, struct db_pool **ret_database, struct err *err) MUST_CHECK;

// The catalog on it, and a call's frame.
struct catalog reach_catalog(struct db_pool *database);
struct catalog_call reach_catalog_call(void);

// Run a statement whose first row's first column is JSON, and parse that. RC_NOT_FOUND (without text): no row, or NULL.
// The caller drops *ret_json with json_decref.
enum rc reach_query(struct db_pool *database, const struct db_statement *statement, const struct db_value *values,
                    json_t **ret_json, struct err *err) MUST_CHECK;

// Connected to NATS; RC_UNAVAILABLE with the reason when that does not succeed in time.
enum rc reach_bus(const struct call *call, struct bus **ret_bus, struct err *err) MUST_CHECK;

// connections: calls at once; more wait for their turn.
enum rc reach_http(struct http_client **ret_client, unsigned connections, struct err *err) MUST_CHECK;

// "http://address:port" of a listen option, with a loopback address for a wildcard one. size: of ret_url.
void reach_url(const char *listen, char *ret_url, size_t size);

// GET url within timeout_ms: the status, the body (malloc'ed text, may be NULL when the caller does not want it).
enum rc reach_get(struct http_client *client, const char *url, int64_t timeout_ms, unsigned *ret_status,
                  char **ret_body, struct err *err) MUST_CHECK;

// Who is calling, for the record: "name@host". size: of ret_name, which is returned.
const char *reach_operator(char *ret_name, size_t size);
