// One command of safelightctl: a file each, listed in commands.c. The same table makes the usage texts, the parsing of
// arguments and the shell completion.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

struct settings;
struct call;

#define COMMAND_OPTIONS_MAX 16

struct command_option {
	const char *name;    // "--workers"
	const char *value;   // what it takes, for the usage: "N"; NULL: a switch
	const char *meaning; // one line
};

struct command {
	const char *name;      // "migrate", "store init": one or two words
	const char *arguments; // for the usage: "NAME", "ID…"; "" when there are none
	const char *summary;   // one line
	// Beside --json, which every command has; closed by a name of NULL. NULL: none.
	const struct command_option *options;
	int least_arguments;
	int most_arguments;
	const char *secrets; // which secrets it reads, as in settings_load_for; NULL: all of them
	// Prints its result on stdout. RC_INVALID: wrong arguments (exit status 64, with the usage).
	enum rc (*run)(const struct call *call, struct err *err);
};

// A command as it was called.
struct call {
	const struct settings *settings;
	const struct command *command;
	bool json;                               // --json
	const char *values[COMMAND_OPTIONS_MAX]; // by the index of command->options; NULL: not given; "" for switches
	const char *const *arguments;
	int argument_count;
};

// Read what stands after the command's name; options may stand between the arguments, "--" ends them. The arguments are
// moved to the front of `words`. RC_INVALID.
enum rc call_parse(const struct command *command, int count, char **words, struct call *ret_call,
                   struct err *err) MUST_CHECK;

// An option's text ("" for a switch that was given), NULL when it was not given. The name must be the command's.
const char *call_option(const struct call *call, const char *name);

// A whole number; *value keeps what it holds when the option was not given. RC_INVALID outside of least to most.
enum rc call_number(const struct call *call, const char *name, int64_t least, int64_t most, int64_t *value,
                    struct err *err) MUST_CHECK;

// "pool set NAME [--workers N] … [--json]" on a stdio stream; for usage texts.
void command_print_usage(const struct command *command, FILE *out);

// commands.c: every command, in the order of --help.
extern const struct command *const COMMANDS[];
extern const size_t COMMAND_COUNT;

extern const struct command command_status;
extern const struct command command_top;
extern const struct command command_doctor;
extern const struct command command_pool_list;
extern const struct command command_pool_show;
extern const struct command command_pool_set;
extern const struct command command_pool_pause;
extern const struct command command_pool_resume;
extern const struct command command_pool_history;
extern const struct command command_pool_rollback;
extern const struct command command_dead_list;
extern const struct command command_dead_show;
extern const struct command command_dead_redrive;
extern const struct command command_dead_drop;
extern const struct command command_media_show;
extern const struct command command_media_trace;
extern const struct command command_media_reprocess;
extern const struct command command_upload;
extern const struct command command_bench;
extern const struct command command_user_list;
extern const struct command command_user_make_admin;
extern const struct command command_user_show;
extern const struct command command_user_create;
extern const struct command command_user_disable;
extern const struct command command_user_enable;
extern const struct command command_user_reset_password;
extern const struct command command_user_end_sessions;
extern const struct command command_user_quota;
extern const struct command command_user_delete;
extern const struct command command_keys_rotate;
extern const struct command command_capacity;
extern const struct command command_migrate;
extern const struct command command_store_init;
extern const struct command command_reconcile;
extern const struct command command_completion_bash;
