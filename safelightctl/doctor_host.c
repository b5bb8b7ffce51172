// What this host and its configuration are like.
#include <errno.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/settings.h"
#include "http/access_token.h"
#include "media/delivery.h"
#include "safelightctl/command.h"
#include "safelightctl/doctor.h"
#include "safelightctl/report.h"

#define FREE_PERCENT_LEAST 10
#define ACTIONS_BYTES 4096

static void check_configuration(struct doctor *doctor)
{
	const char *file = doctor->call->settings->file;
	struct stat found;
	if (file == NULL) {
		doctor_add(doctor, "configuration", false, "give --config FILE or set SAFELIGHT_CONFIG",
		           "no file was read: everything is at its default");
		return;
	}
	bool is_good = stat(file, &found) == 0 && (found.st_mode & (S_IWGRP | S_IWOTH)) == 0;
	doctor_add(doctor, "configuration", is_good, "chmod go-w the file: who may write it may redirect every secret",
	           "%s, mode %04o; its secret files are readable by their owner's side only", file,
	           (unsigned)found.st_mode & 07777u);
}

// Reading the configuration has refused secret files with open modes already; what is left is that they are there.
static void check_secrets(struct doctor *doctor)
{
	const struct settings *settings = doctor->call->settings;
	const struct {
		const char *name;
		const char *value;
	} secrets[] = {
		{ "admin.database_password", settings->admin_database_password },
		{ "ingest.database_password", settings->ingest_database_password },
		{ "transcoder.database_password", settings->transcoder_database_password },
		{ "api.database_password", settings->api_database_password },
		{ "admin.secret_key", settings->admin_secret_key },
		{ "ingest.secret_key", settings->ingest_secret_key },
		{ "ingest.presign_secret_key", settings->ingest_presign_secret_key },
		{ "transcoder.secret_key", settings->transcoder_secret_key },
		{ "edge.secret_key", settings->edge_secret_key },
		{ "ingest.hook_token", settings->ingest_hook_token },
		{ "bus.token", settings->bus_token },
		{ "cdn.purge_token", settings->cdn_purge_token },
		{ "api.cursor_key", settings->api_cursor_key },
		{ "api.refresh_key", settings->api_refresh_key },
	};
	size_t missing = 0, count = sizeof secrets / sizeof secrets[0];
	const char *first = "";
	for (size_t i = 0; i < count; i++) {
		if (secrets[i].value[0] != '\0')
			continue;
		first = missing == 0 ? secrets[i].name : first;
		missing++;
	}
	doctor_add(doctor, "secrets", missing == 0, "set it, best as <key>_file = a file of mode 0600",
	           missing == 0 ? "all %zu are set%s" : "%zu are missing, the first is %s",
	           missing == 0 ? count : missing, first);
}

static void check_keys(struct doctor *doctor)
{
	const struct settings *settings = doctor->call->settings;
	struct delivery_keys delivery = { 0 };
	struct access_token_keys *tokens = NULL;
	struct err err = { 0 };
	bool is_good = delivery_keys_parse(settings->cdn_keys, &delivery, &err) == RC_OK;
	doctor_add(doctor, "delivery keys", is_good, "[cdn] keys_file: a line <id>:<64 hex digits> for each key",
	           is_good ? "%s%zu, the first signs" : "%s (%zu)", err.text, delivery.count);
	delivery_keys_wipe(&delivery);
	is_good = access_token_keys_new(settings->auth_jwt_key, settings->auth_issuer, settings->auth_audience, &tokens,
	                                &err) == RC_OK;
	doctor_add(doctor, "access-token keys", is_good, "[auth] jwt_key_file: 64 hex digits, or <id>:<hex>, …", "%s",
	           is_good ? "can be read" : err.text);
	access_token_keys_free(tokens);
}

static void check_kernel(struct doctor *doctor)
{
	const char *wanted = doctor->call->settings->transcoder_sandbox;
	CLEANUP(free_pointer) char *actions = NULL;
	struct err err = { 0 };
	long landlock = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	bool has_seccomp =
	        file_read("/proc/sys/kernel/seccomp/actions_avail", ACTIONS_BYTES, &actions, NULL, &err) == RC_OK &&
	        strstr(actions, "kill_process") != NULL;
	doctor_add(doctor, "kernel: seccomp", has_seccomp, "run a kernel with CONFIG_SECCOMP_FILTER", "%s",
	           has_seccomp ? "filters that kill are there" : "no filter that kills");
	doctor_add(
	        doctor, "kernel: Landlock", landlock > 0,
	        "boot with lsm=landlock,… (Debian 12 has it); without it [transcoder] sandbox = required does not start",
	        landlock > 0 ? "ABI %ld" : "not there (%ld)", landlock);
	doctor_add(
	        doctor, "sandbox", strcmp(wanted, "required") == 0,
	        "[transcoder] sandbox = required, so that a transcoder without its box does not start",
	        "[transcoder] sandbox is %s; layers and codec versions stand in the transcoder's log, event `sandbox`",
	        wanted);
}

static void check_disk(struct doctor *doctor)
{
	const char *file = doctor->call->settings->file;
	char folder[4096] = ".", free_text[REPORT_TEXT_SIZE];
	struct statvfs disk;
	const char *slash = file == NULL ? NULL : strrchr(file, '/');
	if (slash != NULL)
		(void)snprintf(folder, sizeof folder, "%.*s", slash == file ? 1 : (int)(slash - file), file);
	if (statvfs(folder, &disk) != 0 || disk.f_blocks == 0) {
		doctor_add(doctor, "disk", false, "look at the file system", "%s: %s", folder, strerror(errno));
		return;
	}
	unsigned long percent = disk.f_bavail * 100 / disk.f_blocks;
	doctor_add(doctor, "disk", percent >= FREE_PERCENT_LEAST,
	           "free or add room before it is full: Postgres and NATS stop taking writes then",
	           "%s: %s free, %lu %%", folder, report_bytes((int64_t)(disk.f_bavail * disk.f_frsize), free_text),
	           percent);
}

static void check_decoder(struct doctor *doctor)
{
	const char *decoder = doctor->call->settings->transcoder_decoder;
	struct stat found;
	if (decoder[0] == '\0')
		return; // beside the transcoder, wherever that runs
	bool is_there = stat(decoder, &found) == 0;
	doctor_add(doctor, "decoder", is_there && access(decoder, X_OK) == 0 && (found.st_mode & S_IWOTH) == 0,
	           "install safelight-decoder there, executable, writable by its owner alone", "%s%s", decoder,
	           is_there ? "" : " is not there");
}

void doctor_check_host(struct doctor *doctor)
{
	check_configuration(doctor);
	check_secrets(doctor);
	check_keys(doctor);
	check_kernel(doctor);
	check_decoder(doctor);
	check_disk(doctor);
}
