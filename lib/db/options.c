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
		.connect_ms = timeout_ms,
		.statement_ms = timeout_ms / 2,
		.lock_ms = timeout_ms / 4,
		.idle_transaction_ms = timeout_ms * 2,
		.batch = (unsigned)settings->database_batch,
		.metrics = metrics,
	};
}
