// Options from the configuration.
#include "db/options.h"

#include "base/settings.h"

void db_options_init(struct db_options *ret_options, const struct settings *settings, const char *user,
                     const char *password, const char *application_name, struct metrics *metrics)
{
	int64_t timeout_ms = settings->database_timeout_ms;

	*ret_options = (struct db_options){
		.host = settings->database_host,
		.port = settings->database_port,
		.name = settings->database_name,
		.user = user,
		.password = password,
		.application_name = application_name,
		.is_pooled = settings->database_pooled,
		.connect_ms = timeout_ms,
		.statement_ms = timeout_ms / 2,
		.lock_ms = timeout_ms / 4,
		.idle_transaction_ms = timeout_ms * 2,
		.batch = (unsigned)settings->database_batch,
		.metrics = metrics,
	};
}

bool db_options_go_direct(struct db_options *options, const struct settings *settings)
{
	if (settings->database_listen_host[0] == '\0')
		return !options->is_pooled;
	options->host = settings->database_listen_host;
	if (settings->database_listen_port != 0)
		options->port = settings->database_listen_port;
	options->is_pooled = false;
	return true;
}
