// The table of commands.
#include "safelightctl/command.h"

const struct command *const COMMANDS[] = {
	&command_status,          &command_top,           &command_doctor,          &command_pool_list,
	&command_pool_show,       &command_pool_set,      &command_pool_pause,      &command_pool_resume,
	&command_pool_history,    &command_pool_rollback, &command_dead_list,       &command_dead_show,
	&command_dead_redrive,    &command_dead_drop,     &command_media_show,      &command_media_trace,
	&command_media_reprocess, &command_upload,        &command_bench,           &command_user_list,
	&command_user_make_admin, &command_keys_rotate,   &command_capacity,        &command_migrate,
	&command_store_init,      &command_reconcile,     &command_completion_bash,
};
const size_t COMMAND_COUNT = sizeof COMMANDS / sizeof COMMANDS[0];
