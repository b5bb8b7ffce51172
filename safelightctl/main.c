// safelightctl: what operators (and the stack's scripts) do by hand.
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/log.h"
#include "base/settings.h"
#include "safelightctl/command.h"

#define EXIT_USAGE 64
#define EXIT_UNAVAILABLE 69
#define EXIT_CONFIG 78

#ifndef SAFELIGHT_VERSION
#define SAFELIGHT_VERSION "unversioned"
#endif

static const struct command *const COMMANDS[] = { &command_migrate, &command_store_init };
#define COMMAND_COUNT (sizeof COMMANDS / sizeof COMMANDS[0])

static void print_usage(FILE *out)
{
	(void)fprintf(out, "usage: safelightctl [--config FILE] COMMAND\n\n");
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		(void)fprintf(out, "  %-16s %s\n", COMMANDS[i]->name, COMMANDS[i]->summary);
	(void)fprintf(out,
	              "\n  --config FILE    read this configuration (else $SAFELIGHT_CONFIG, else defaults)\n"
	              "  --check-config   print the effective configuration, secrets masked\n"
	              "  --help-config    print every option with its default, range and meaning\n"
	              "  --version\n\n"
	              "Exit status: 0 done, 1 failed, 64 wrong usage, 69 a dependency is down (try again), 78 wrong "
	              "configuration.\n");
}

// The command whose words the arguments begin with; *ret_words counts them.
static const struct command *find_command(int count, char **arguments, int *ret_words)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		char joined[64] = "";
		*ret_words = strchr(COMMANDS[i]->name, ' ') == NULL ? 1 : 2;
		if (count < *ret_words)
			continue;
		(void)snprintf(joined, sizeof joined, "%s%s%s", arguments[0], *ret_words == 2 ? " " : "",
		               *ret_words == 2 ? arguments[1] : "");
		if (strcmp(joined, COMMANDS[i]->name) == 0)
			return COMMANDS[i];
	}
	return NULL;
}

static int exit_status(enum rc rc)
{
	if (rc == RC_OK)
		return 0;
	if (rc == RC_INVALID)
		return EXIT_USAGE;
	return rc_is_transient(rc) ? EXIT_UNAVAILABLE : 1;
}

static int run_command(const struct settings *settings, int count, char **arguments)
{
	int words = 0;
	const struct command *command = find_command(count, arguments, &words);
	if (command == NULL) {
		if (count > 0)
			(void)fprintf(stderr, "safelightctl: there is no command '%s'\n\n", arguments[0]);
		print_usage(stderr);
		return EXIT_USAGE;
	}
	struct err err = { 0 };
	enum rc rc = command->run(settings, count - words, arguments + words, &err);
	if (rc != RC_OK)
		(void)fprintf(stderr, "safelightctl %s: %s\n", command->name, err.text);
	return exit_status(rc);
}

struct arguments {
	const char *config;
	bool check_config;
	int status; // of a call that is over already; -1: go on
};

static struct arguments parse_arguments(int argc, char **argv)
{
	static const struct option OPTIONS[] = {
		{ "config", required_argument, NULL, 'c' }, { "check-config", no_argument, NULL, 'k' },
		{ "help-config", no_argument, NULL, 'o' },  { "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },         { 0 }
	};
	struct arguments arguments = { .config = getenv("SAFELIGHT_CONFIG"), .status = -1 };
	for (int letter; (letter = getopt_long(argc, argv, "+", OPTIONS, NULL)) != -1;) {
		switch (letter) {
		case 'c':
			arguments.config = optarg;
			break;
		case 'k':
			arguments.check_config = true;
			break;
		case 'o':
			settings_print_help(stdout);
			arguments.status = 0;
			break;
		case 'v':
			(void)printf("safelightctl %s\n", SAFELIGHT_VERSION);
			arguments.status = 0;
			break;
		case 'h':
			print_usage(stdout);
			arguments.status = 0;
			break;
		default:
			print_usage(stderr);
			arguments.status = EXIT_USAGE;
			break;
		}
	}
	return arguments;
}

int main(int argc, char **argv)
{
	struct arguments arguments = parse_arguments(argc, argv);
	if (arguments.status >= 0)
		return arguments.status;
	log_init("ctl", LOG_WARNING);
	(void)signal(SIGPIPE, SIG_IGN);
	struct err err = { 0 };
	struct settings *settings = NULL;
	enum rc rc = crypto_init(&err);
	if (rc == RC_OK)
		rc = settings_load(arguments.config, &settings, &err);
	if (rc != RC_OK) {
		(void)fprintf(stderr, "safelightctl: %s\n", err.text);
		return EXIT_CONFIG;
	}
	int status = 0;
	if (arguments.check_config)
		settings_print(settings, stdout);
	else
		status = run_command(settings, argc - optind, argv + optind);
	settings_free(settings);
	return status;
}
