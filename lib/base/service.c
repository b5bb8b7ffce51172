// The life of a daemon.
#include "base/service.h"

#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/service_manager.h"
#include "base/settings.h"

#define EXIT_USAGE 64
#define EXIT_CONFIG 78
#define DRAIN_MS 25000

#ifndef SAFELIGHT_VERSION
#define SAFELIGHT_VERSION "unversioned"
#endif

struct arguments {
	const char *config;
	bool check_config;
	bool help_config;
	bool routes;
};

static void print_usage(const struct service *service, FILE *out)
{
	(void)fprintf(out,
	              "safelight-%s: %s\n\n"
	              "  --config FILE    read this file (else $SAFELIGHT_CONFIG, else defaults)\n"
	              "  --check-config   print the effective configuration, secrets masked, and exit\n"
	              "  --help-config    print every option with its default, range and meaning, and exit\n"
	              "%s"
	              "  --version        print the version and exit\n",
	              service->name, service->summary,
	              service->print_routes == NULL ? ""
	                                            : "  --routes         print the HTTP routes as JSON and exit\n");
}

// Returns -1 to go on, or the exit status.
static int parse_arguments(int argc, char **argv, const struct service *service, struct arguments *ret_arguments)
{
	static const struct option_name {
		const char *name;
		int has_value;
		int letter;
	} NAMES[] = { { "config", 1, 'c' }, { "check-config", 0, 'k' }, { "help-config", 0, 'o' },
		      { "routes", 0, 'r' }, { "version", 0, 'v' },      { "help", 0, 'h' } };
	struct option options[sizeof NAMES / sizeof NAMES[0] + 1] = { 0 };
	for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++)
		options[i] = (struct option){ NAMES[i].name, NAMES[i].has_value, NULL, NAMES[i].letter };
	*ret_arguments = (struct arguments){ .config = getenv("SAFELIGHT_CONFIG") };
	for (int letter; (letter = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		switch (letter) {
		case 'c':
			ret_arguments->config = optarg;
			break;
		case 'k':
			ret_arguments->check_config = true;
			break;
		case 'o':
			ret_arguments->help_config = true;
			break;
		case 'r':
			if (service->print_routes == NULL) {
				(void)fprintf(stderr, "safelight-%s: has no routes\n", service->name);
				return EXIT_USAGE;
			}
			ret_arguments->routes = true;
			break;
		case 'v':
			(void)printf("safelight-%s %s\n", service->name, SAFELIGHT_VERSION);
			return 0;
		case 'h':
			print_usage(service, stdout);
			return 0;
		default:
			print_usage(service, stderr);
			return EXIT_USAGE;
		}
	}
	if (optind != argc) {
		(void)fprintf(stderr, "safelight-%s: unexpected argument: %s\n", service->name, argv[optind]);
		return EXIT_USAGE;
	}
	return -1;
}

static enum rc apply_log_level(const struct settings *settings, struct err *err)
{
	enum log_level level;
	if (!log_level_parse(settings->log_level, &level))
		return err_set(err, RC_INVALID, "[log] level = %s: must be debug, info, warning or error",
		               settings->log_level);
	log_set_level(level);
	return RC_OK;
}

static enum rc load(const struct service *service, const char *config, struct settings **ret_settings, struct err *err)
{
	struct settings *settings = NULL;
	enum rc rc = settings_load_for(config, service->secrets, &settings, err);
	if (rc == RC_OK && service->check != NULL)
		rc = service->check(settings, err);
	if (rc != RC_OK) {
		settings_free(settings);
		return rc;
	}
	*ret_settings = settings;
	return RC_OK;
}

static void reload(const struct service *service, void *state, const char *config)
{
	struct err err = { 0 };
	struct settings *fresh = NULL;
	enum rc rc = load(service, config, &fresh, &err);
	if (rc == RC_OK)
		rc = apply_log_level(fresh, &err);
	if (rc != RC_OK)
		LOG_FAILURE(LOG_ERROR, "reload_refused", &err);
	else if (service->reload != NULL)
		service->reload(state, fresh);
	if (rc == RC_OK)
		LOG_EVENT(LOG_INFO, "reloaded");
	settings_free(fresh);
}

// A second SIGTERM during the drain ends the process at once: Postgres keeps the truth.
static void *watch_second_signal(void *argument)
{
	int number;
	(void)sigwait(argument, &number);
	LOG_EVENT(LOG_WARNING, "drain_cut_short");
	_exit(1);
}

static void drain(const struct service *service, void *state, sigset_t *signals)
{
	pthread_t watcher;
	LOG_EVENT(LOG_INFO, "draining");
	service_manager_tell_stopping();
	(void)sigdelset(signals, SIGHUP);
	if (pthread_create(&watcher, NULL, watch_second_signal, signals) == 0)
		(void)pthread_detach(watcher);
	int64_t began_us = clock_monotonic_us();
	service->stop(state, DRAIN_MS);
	LOG_EVENT(LOG_INFO, "stopped", LOG_INT("milliseconds", (clock_monotonic_us() - began_us) / 1000));
}

static int run(const struct service *service, const struct settings *settings, const char *config)
{
	struct err err = { 0 };
	void *state = NULL;
	sigset_t signals;
	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGTERM);
	(void)sigaddset(&signals, SIGINT);
	(void)sigaddset(&signals, SIGHUP);
	// Blocked before any thread exists, so that only sigwait below sees them.
	(void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)prctl(PR_SET_DUMPABLE, 0); // no core dump, no /proc/PID/mem for others: secrets live in here
	if (service->start(settings, &state, &err) != RC_OK) {
		LOG_FAILURE(LOG_ERROR, "start_failed", &err);
		return 1;
	}
	LOG_EVENT(LOG_INFO, "started", LOG_TEXT("version", SAFELIGHT_VERSION));
	service_manager_tell_ready("version " SAFELIGHT_VERSION);
	for (int number; sigwait(&signals, &number) == 0 && number == SIGHUP;)
		reload(service, state, config);
	drain(service, state, &signals);
	return 0;
}

int service_main(int argc, char **argv, const struct service *service)
{
	struct arguments arguments;
	int status = parse_arguments(argc, argv, service, &arguments);
	if (status >= 0)
		return status;
	if (arguments.help_config) {
		settings_print_help(stdout);
		return 0;
	}
	if (arguments.routes) {
		service->print_routes(stdout);
		return 0;
	}
	log_init(service->name, LOG_INFO);
	struct err err = { 0 };
	struct settings *settings = NULL;
	enum rc rc = crypto_init(&err);
	if (rc == RC_OK)
		rc = load(service, arguments.config, &settings, &err);
	if (rc == RC_OK)
		rc = apply_log_level(settings, &err);
	if (rc != RC_OK) {
		(void)fprintf(stderr, "safelight-%s: %s\n", service->name, err.text);
		status = EXIT_CONFIG;
	} else if (arguments.check_config) {
		settings_print(settings, stdout);
		status = 0;
	} else {
		status = run(service, settings, arguments.config);
	}
	settings_free(settings);
	return status;
}
