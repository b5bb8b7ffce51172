// safelightctl completion bash: a script for bash-completion, made from the table of commands.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "safelightctl/command.h"
#include "safelightctl/report.h"

// The first words of all commands, each once.
static void print_first_words(FILE *out)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		size_t length = strcspn(COMMANDS[i]->name, " ");
		bool is_new = true;
		for (size_t j = 0; j < i && is_new; j++)
			is_new = strcspn(COMMANDS[j]->name, " ") != length ||
			         strncmp(COMMANDS[j]->name, COMMANDS[i]->name, length) != 0;
		if (is_new)
			(void)fprintf(out, "%s%.*s", i == 0 ? "" : " ", (int)length, COMMANDS[i]->name);
	}
}

// case "pool") … : the second words of each group.
static void print_groups(FILE *out)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		size_t length = strcspn(COMMANDS[i]->name, " ");
		if (COMMANDS[i]->name[length] == '\0' ||
		    (i > 0 && strncmp(COMMANDS[i - 1]->name, COMMANDS[i]->name, length + 1) == 0))
			continue;
		(void)fprintf(out, "\t%.*s) echo '", (int)length, COMMANDS[i]->name);
		for (size_t j = 0; j < COMMAND_COUNT; j++)
			if (strncmp(COMMANDS[j]->name, COMMANDS[i]->name, length + 1) == 0)
				(void)fprintf(out, "%s%s", j == i ? "" : " ", COMMANDS[j]->name + length + 1);
		(void)fprintf(out, "' ;;\n");
	}
}

static void print_options(FILE *out)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		(void)fprintf(out, "\t'%s') echo '", COMMANDS[i]->name);
		for (const struct command_option *option = COMMANDS[i]->options; option != NULL && option->name != NULL;
		     option++)
			(void)fprintf(out, "%s ", option->name);
		(void)fprintf(out, "--json --help' ;;\n");
	}
}

static void print_script(FILE *out)
{
	(void)fprintf(out, "# bash completion of safelightctl; printed by `safelightctl completion bash`.\n"
	                   "# shellcheck shell=bash\n\n"
	                   "_safelightctl_groups() {\n\tcase $1 in\n");
	print_groups(out);
	(void)fprintf(out, "\tesac\n}\n\n_safelightctl_options() {\n\tcase $1 in\n");
	print_options(out);
	(void)fprintf(out, "\tesac\n}\n\n"
	                   "_safelightctl() {\n"
	                   "\tlocal current=${COMP_WORDS[COMP_CWORD]} i words=() skip=0 choices\n"
	                   "\tCOMPREPLY=()\n"
	                   "\tif [[ ${COMP_WORDS[COMP_CWORD - 1]} == --config ]]; then\n"
	                   "\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n"
	                   "\t\treturn\n"
	                   "\tfi\n"
	                   "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	                   "\t\tcase ${COMP_WORDS[i]} in\n"
	                   "\t\t--config) skip=1 ;;\n"
	                   "\t\t-*) ;;\n"
	                   "\t\t*) if ((skip)); then skip=0; else words+=(\"${COMP_WORDS[i]}\"); fi ;;\n"
	                   "\t\tesac\n"
	                   "\tdone\n"
	                   "\tif ((${#words[@]} == 0)); then\n"
	                   "\t\tchoices='");
	print_first_words(out);
	(void)fprintf(out, " --config --check-config --help-config --version --help'\n"
	                   "\telif ((${#words[@]} == 1)) && [[ -n $(_safelightctl_groups \"${words[0]}\") ]]; then\n"
	                   "\t\tchoices=$(_safelightctl_groups \"${words[0]}\")\n"
	                   "\telif [[ $current != -* && ${words[0]} == upload ]]; then\n"
	                   "\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n"
	                   "\t\treturn\n"
	                   "\telse\n"
	                   "\t\tchoices=$(_safelightctl_options \"${words[0]} ${words[1]-}\")\n"
	                   "\t\t[[ -n $choices ]] || choices=$(_safelightctl_options \"${words[0]}\")\n"
	                   "\tfi\n"
	                   "\tmapfile -t COMPREPLY < <(compgen -W \"$choices\" -- \"$current\")\n"
	                   "}\n\n"
	                   "complete -F _safelightctl safelightctl\n");
}

static enum rc run(const struct call *call, struct err *err)
{
	if (!call->json) {
		print_script(stdout);
		return RC_OK;
	}
	char *text = NULL;
	size_t length = 0;
	FILE *memory = open_memstream(&text, &length);
	if (memory == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory");
	print_script(memory);
	(void)fclose(memory);
	json_t *document = json_pack("{s:s}", "bash", text);
	report_json(document);
	json_decref(document);
	free(text);
	return RC_OK;
}

const struct command command_completion_bash = {
	.name = "completion bash",
	.arguments = "",
	.summary = "print the completion script for bash",
	.secrets = "",
	.run = run,
};
