// Reading a command's arguments by its table of options.
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "safelightctl/command.h"

// The option that a word names, up to its '='; NULL when the command has none of that name.
static const struct command_option *find_option(const struct command *command, const char *word, size_t *ret_index)
{
	size_t length = strcspn(word, "=");
	for (size_t i = 0; command->options != NULL && command->options[i].name != NULL; i++) {
		const struct command_option *option = &command->options[i];
		assert(i < COMMAND_OPTIONS_MAX);
		if (strlen(option->name) == length && strncmp(word, option->name, length) == 0) {
			*ret_index = i;
			return option;
		}
	}
	return NULL;
}

// Reads the option at words[at]; *ret_taken says how many words it was.
static enum rc read_option(const struct command *command, int count, char **words, int at, struct call *call,
                           int *ret_taken, struct err *err)
{
	const char *word = words[at], *equals = strchr(word, '=');
	size_t index = 0;
	*ret_taken = 1;
	if (strcmp(word, "--json") == 0) {
		call->json = true;
		return RC_OK;
	}
	const struct command_option *option = find_option(command, word, &index);
	if (option == NULL)
		return err_set(err, RC_INVALID, "there is no option %s", word);
	if (call->values[index] != NULL)
		return err_set(err, RC_INVALID, "%s is given twice", option->name);
	if (option->value == NULL) {
		call->values[index] = "";
		return equals == NULL ? RC_OK : err_set(err, RC_INVALID, "%s takes no value", option->name);
	}
	if (equals == NULL && at + 1 >= count)
		return err_set(err, RC_INVALID, "%s needs a value", option->name);
	call->values[index] = equals == NULL ? words[at + 1] : equals + 1;
	*ret_taken = equals == NULL ? 2 : 1;
	return RC_OK;
}

enum rc call_parse(const struct command *command, int count, char **words, struct call *ret_call, struct err *err)
{
	struct call call = { .command = command, .arguments = (const char *const *)words };
	bool options_end = false;
	for (int at = 0, taken = 1; at < count; at += taken) {
		taken = 1;
		if (!options_end && strcmp(words[at], "--") == 0) {
			options_end = true;
		} else if (!options_end && words[at][0] == '-' && words[at][1] != '\0') {
			enum rc rc = read_option(command, count, words, at, &call, &taken, err);
			if (rc != RC_OK)
				return rc;
		} else {
			words[call.argument_count++] = words[at];
		}
	}
	if (command->most_arguments == 0 && call.argument_count > 0)
		return err_set(err, RC_INVALID, "takes no arguments");
	if (call.argument_count < command->least_arguments)
		return err_set(err, RC_INVALID, "%s is missing", command->arguments);
	if (call.argument_count > command->most_arguments)
		return err_set(err, RC_INVALID, "too many arguments: %s", words[command->most_arguments]);
	*ret_call = call;
	return RC_OK;
}

const char *call_option(const struct call *call, const char *name)
{
	size_t index = 0;
	const struct command_option *option = find_option(call->command, name, &index);
	assert(option != NULL);
	return option == NULL ? NULL : call->values[index];
}

enum rc call_number(const struct call *call, const char *name, int64_t least, int64_t most, int64_t *value,
                    struct err *err)
{
	const char *text = call_option(call, name);
	char *end = NULL;
	if (text == NULL)
		return RC_OK;
	errno = 0;
	long long number = strtoll(text, &end, 10);
	if (end == text || *end != '\0' || errno != 0 || number < least || number > most)
		return err_set(err, RC_INVALID, "%s must be a whole number from %lld to %lld, not '%s'", name,
		               (long long)least, (long long)most, text);
	*value = number;
	return RC_OK;
}

void command_print_usage(const struct command *command, FILE *out)
{
	(void)fprintf(out, "%s", command->name);
	if (command->arguments[0] != '\0')
		(void)fprintf(out, " %s", command->arguments);
	for (const struct command_option *option = command->options; option != NULL && option->name != NULL; option++)
		(void)fprintf(out, " [%s%s%s]", option->name, option->value == NULL ? "" : " ",
		              option->value == NULL ? "" : option->value);
	(void)fprintf(out, " [--json]");
}
