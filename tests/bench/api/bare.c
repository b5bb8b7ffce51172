// Anchors of the API's benchmark on bare libmicrohttpd:
//   bare hello PORT THREADS BYTES   one event thread (a pool of them when THREADS > 1) that answers BYTES bytes
//   bare pool PORT THREADS BYTES    the synchronous design: each of THREADS event threads has a libpq connection of its
//                                   own (PGHOST and others) and waits for the statement of the file STATEMENT, whose
//                                   parameters are the query's parameters p1, p2, …; answers BYTES bytes, writes no
//                                   JSON
#include <libpq-fe.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PARAMETERS 8
// What lib/http gives a connection too: libmicrohttpd clears it after each request.
#define CONNECTION_BYTES ((size_t)48 * 1024)

static char *body, *statement;
static size_t body_bytes;
static _Thread_local PGconn *connection;

static bool run_statement(struct MHD_Connection *mhd)
{
	const char *values[PARAMETERS];
	int count = 0;
	char name[8];
	for (; count < PARAMETERS; count++) {
		(void)snprintf(name, sizeof name, "p%d", count + 1);
		values[count] = MHD_lookup_connection_value(mhd, MHD_GET_ARGUMENT_KIND, name);
		if (values[count] == NULL)
			break;
		if (*values[count] == '\0')
			values[count] = NULL;
	}
	if (connection == NULL) {
		connection = PQconnectdb("");
		PQclear(PQprepare(connection, "page", statement, 0, NULL));
	}
	PGresult *result = PQexecPrepared(connection, "page", count, values, NULL, NULL, 1);
	bool good = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) > 0;
	if (!good)
		(void)fprintf(stderr, "bare: %s\n", PQerrorMessage(connection));
	PQclear(result);
	return good;
}

static enum MHD_Result answer(void *context, struct MHD_Connection *mhd, const char *url, const char *method,
                              const char *version, const char *upload, size_t *upload_size, void **request)
{
	static int second;
	(void)url;
	(void)method;
	(void)version;
	(void)upload;
	(void)upload_size;
	if (*request == NULL) { // a response in the first call would close the connection
		*request = &second;
		return MHD_YES;
	}
	unsigned status = context == NULL || run_statement(mhd) ? 200 : 500;
	struct MHD_Response *response = MHD_create_response_from_buffer(body_bytes, body, MHD_RESPMEM_PERSISTENT);
	(void)MHD_add_response_header(response, "Content-Type", "application/json");
	enum MHD_Result result = MHD_queue_response(mhd, status, response);
	MHD_destroy_response(response);
	return result;
}

static char *read_text(const char *path)
{
	static char text[65536];
	FILE *file = fopen(path, "r");
	if (file == NULL)
		return NULL;
	text[fread(text, 1, sizeof text - 1, file)] = '\0';
	(void)fclose(file);
	return text;
}

int main(int count, char **arguments)
{
	bool is_pool = count == 6 && strcmp(arguments[1], "pool") == 0;
	if (!is_pool && (count != 5 || strcmp(arguments[1], "hello") != 0)) {
		(void)fputs("bare hello PORT THREADS BYTES | bare pool PORT THREADS BYTES STATEMENT\n", stderr);
		return 64;
	}
	unsigned threads = (unsigned)strtoul(arguments[3], NULL, 10);
	body_bytes = strtoul(arguments[4], NULL, 10);
	body = malloc(body_bytes + 1);
	if (body == NULL || (is_pool && (statement = read_text(arguments[5])) == NULL))
		return 1;
	memset(body, 'x', body_bytes);
	struct MHD_OptionItem pool[] = { { MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)threads, NULL },
		                         { MHD_OPTION_END, 0, NULL } };
	if (threads <= 1)
		pool[0] = pool[1];
	if (MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, (uint16_t)strtoul(arguments[2], NULL, 10), NULL, NULL,
	                     answer, is_pool ? body : NULL, MHD_OPTION_CONNECTION_LIMIT, 2000u,
	                     MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_BYTES, MHD_OPTION_ARRAY, pool,
	                     MHD_OPTION_END) == NULL)
		return 1;
	(void)pause();
	return 0;
}
