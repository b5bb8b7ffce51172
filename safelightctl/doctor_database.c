// Postgres: reachable, up to date, durable, in time, and every service can log in.
#include <stdlib.h>
#include <string.h>

#include "base/settings.h"
#include "db/migrate.h"
#include "db/options.h"
#include "db/pool.h"
#include "safelightctl/command.h"
#include "safelightctl/doctor.h"
#include "safelightctl/probe.h"
#include "safelightctl/report.h"

#define LOGIN_MS 5000
#define VERSION_LEAST 15
#define TRANSACTION_MS_MOST 60000

static void check_schema(struct doctor *doctor)
{
	const struct settings *settings = doctor->call->settings;
	struct db_options options;
	struct db_migrate_options migrate = { 0 };
	struct err err = { 0 };
	unsigned applied = 0, available = 0;
	db_options_init(&options, settings, settings->admin_database_user, settings->admin_database_password,
	                "safelightctl", NULL);
	enum rc rc = db_migrate_status(&options, &migrate, deadline_after_ms(LOGIN_MS), &applied, &available, &err);
	if (rc != RC_OK)
		doctor_add(doctor, "database: schema", false,
		           "run safelightctl migrate; SAFELIGHT_MIGRATIONS names the folder of the SQL files", "%s",
		           err.text);
	else
		doctor_add(doctor, "database: schema", applied == available, "run safelightctl migrate",
		           "at version %u of %u", applied, available);
}

static void check_login(struct doctor *doctor, const char *name, const char *user, const char *password)
{
	struct db_options options;
	struct db_pool *pool = NULL;
	struct err err = { 0 };
	db_options_init(&options, doctor->call->settings, user, password, "safelightctl", NULL);
	enum rc rc = db_pool_new(&options, 1, &pool, &err);
	if (rc == RC_OK)
		rc = db_pool_ping(pool, deadline_after_ms(LOGIN_MS), &err);
	db_pool_free(pool);
	doctor_add(doctor, name, rc == RC_OK,
	           "ALTER ROLE … LOGIN PASSWORD …, the one in the role's database_password_file", "%s%s%s", user,
	           rc == RC_OK ? " can log in" : ": ", rc == RC_OK ? "" : err.text);
}

static void check_server(struct doctor *doctor, const json_t *server)
{
	const char *version = report_text(server, "version"), *commit = report_text(server, "synchronous_commit");
	bool is_durable = strcmp(report_text(server, "fsync"), "on") == 0 && strcmp(commit, "off") != 0;
	int64_t skew_ms = report_int(server, "clock_skew_ms"), used = report_int(server, "connections"),
	        most = report_int(server, "max_connections"), oldest_ms = report_int(server, "oldest_transaction_ms");
	char text[REPORT_TEXT_SIZE];
	doctor_add(doctor, "database: version", strtol(version, NULL, 10) >= VERSION_LEAST, "upgrade to Postgres 15",
	           "%s", version);
	doctor_add(doctor, "database: durable", is_durable,
	           "fsync = on, synchronous_commit = on: what was acknowledged must survive a crash",
	           "fsync %s, synchronous_commit %s", report_text(server, "fsync"), commit);
	doctor_add(doctor, "database: writable", !report_bool(server, "standby"),
	           "[database] host must lead to the primary (several hosts: the one that takes writes is used)", "%s",
	           report_bool(server, "standby") ? "this is a standby" : "primary");
	doctor_add(doctor, "database: clock", llabs(skew_ms) < PROBE_SKEW_MS, "run chrony or systemd-timesyncd on both",
	           "%+lld ms against ours", (long long)skew_ms);
	doctor_add(doctor, "database: connections", used * 10 < most * 9,
	           "raise max_connections, lower [database] connections, or put PgBouncer in between", "%lld of %lld",
	           (long long)used, (long long)most);
	doctor_add(doctor, "database: transactions", oldest_ms < TRANSACTION_MS_MOST,
	           "find it in pg_stat_activity and end it: it holds back vacuum and locks", "the oldest runs for %s",
	           report_duration(oldest_ms, text));
}

void doctor_check_database(struct doctor *doctor)
{
	const struct settings *settings = doctor->call->settings;
	json_auto_t *server = probe_database(doctor->call);
	bool is_up = json_object_get(server, "version") != NULL;
	doctor_add(doctor, "database", is_up,
	           "start Postgres; check [database] host and port, and the admin role's password", "%s",
	           is_up ? "answers" : report_text(server, "detail"));
	if (!is_up)
		return;
	check_server(doctor, server);
	check_schema(doctor);
	check_login(doctor, "database: ingest's role", settings->ingest_database_user,
	            settings->ingest_database_password);
	check_login(doctor, "database: transcoder's", settings->transcoder_database_user,
	            settings->transcoder_database_password);
	check_login(doctor, "database: api's role", settings->api_database_user, settings->api_database_password);
}
