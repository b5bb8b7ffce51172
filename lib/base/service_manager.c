// The service manager's protocol, by libsystemd.
#include "base/service_manager.h"

#include <systemd/sd-daemon.h>

int service_manager_sockets(int *ret_first)
{
	int count = sd_listen_fds(0);
	*ret_first = SD_LISTEN_FDS_START;
	return count > 0 ? count : 0;
}

void service_manager_tell_ready(const char *status)
{
	(void)sd_notifyf(0, "READY=1\nSTATUS=%s", status);
}

void service_manager_tell_stopping(void)
{
	(void)sd_notify(0, "STOPPING=1\nSTATUS=draining");
}
