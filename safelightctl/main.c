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
#include "media/preset_set.h"
#include "safelightctl/command.h"

#define EXIT_USAGE 64
#define EXIT_UNAVAILABLE 69
#define EXIT_CONFIG 78

#ifndef SAFELIGHT_VERSION
#define SAFELIGHT_VERSION "unversioned"
#endif

static void print_usage(FILE *out)
{
	(void)fprintf(out, "usage: safelightctl [--config FILE] COMMAND [--json]\n\n");
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		char line[64];
		(void)snprintf(line, sizeof line, "%s %s", COMMANDS[i]->name, COMMANDS[i]->arguments);
		(void)fprintf(out, "  %-30s %s\n", line, COMMANDS[i]->summary);
	}
	(void)fprintf(out,
	              "\n  COMMAND --help   the options of a command\n"
	              "  --json           print the result as JSON\n"
	              "  --config FILE    read this configuration (else $SAFELIGHT_CONFIG, else defaults)\n"
	              "  --check-config   print the effective configuration, secrets masked\n"
	              "  --help-config    print every option with its default, range and meaning\n"
	              "  --version\n\n"
	              "Exit status: 0 done, 1 failed, 64 wrong usage, 69 a dependency is down (try again), 78 wrong "
	              "configuration.\n");
}

static void print_command_usage(FILE *out, const struct command *command)
{
	(void)fprintf(out, "usage: safelightctl [--config FILE] ");
	command_print_usage(command, out);
	(void)fprintf(out, "\n  %s\n", command->summary);
	for (const struct command_option *option = command->options; option != NULL && option->name != NULL; option++) {
		char line[64];
		(void)snprintf(line, sizeof line, "%s %s", option->name, option->value == NULL ? "" : option->value);
		(void)fprintf(out, "  %-20s %s\n", line, option->meaning);
	}
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

// "pool" alone, or with a word that is none of its commands: name those that there are.
static int refuse_command(int count, char **arguments)
{
	bool is_group = false;
	if (count > 0) {
		size_t length = strlen(arguments[0]);
		(void)fprintf(stderr, "safelightctl: there is no command '%s%s%s'\n", arguments[0],
		              count > 1 ? " " : "", count > 1 ? arguments[1] : "");
		for (size_t i = 0; i < COMMAND_COUNT; i++) {
			if (strncmp(COMMANDS[i]->name, arguments[0], length) != 0 || COMMANDS[i]->name[length] != ' ')
				continue;
			is_group = true;
			(void)fprintf(stderr, "usage: safelightctl ");
			command_print_usage(COMMANDS[i], stderr);
			(void)fprintf(stderr, "\n");
		}
	}
	if (!is_group)
		print_usage(stderr);
	return EXIT_USAGE;
}

static int run_command(const char *config, const struct command *command, int count, char **arguments)
{
	struct err err = { 0 };
	struct settings *settings = NULL;
	struct call call;
	for (int i = 0; i < count && strcmp(arguments[i], "--") != 0; i++) {
		if (strcmp(arguments[i], "--help") == 0) {
			print_command_usage(stdout, command);
			return 0;
		}
	}
	enum rc rc = call_parse(command, count, arguments, &call, &err);
	if (rc == RC_OK && settings_load_for(config, command->secrets, &settings, &err) != RC_OK) {
		(void)fprintf(stderr, "safelightctl: %s\n", err.text);
		return EXIT_CONFIG;
	}
	if (rc == RC_OK) {
		call.settings = settings;
		rc = command->run(&call, &err);
	}
	if (rc == RC_OK && (fflush(stdout) != 0 || ferror(stdout) != 0))
		rc = err_set(&err, RC_INTERNAL, "standard output: not everything could be written");
	if (rc != RC_OK) {
		(void)fflush(stdout);
		(void)fprintf(stderr, "safelightctl %s: %s\n", command->name, err.text);
	}
	if (rc == RC_INVALID)
		print_command_usage(stderr, command);
	settings_free(settings);
	return exit_status(rc);
}

static int check_config(const char *config)
{
	struct err err = { 0 };
	struct settings *settings = NULL;
	if (settings_load(config, &settings, &err) != RC_OK || preset_set_check(settings, &err) != RC_OK) {
		(void)fprintf(stderr, "safelightctl: %s\n", err.text);
		return EXIT_CONFIG;
	}
	settings_print(settings, stdout);
	settings_free(settings);
	return 0;
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
	if (crypto_init(&err) != RC_OK) {
		(void)fprintf(stderr, "safelightctl: %s\n", err.text);
		return 1;
	}
	if (arguments.check_config)
		return check_config(arguments.config);
	int count = argc - optind, words = 0;
	char **rest = argv + optind;
	const struct command *command = find_command(count, rest, &words);
	if (command == NULL)
		return refuse_command(count, rest);
	return run_command(arguments.config, command, count - words, rest + words);
}
