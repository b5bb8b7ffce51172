// What a daemon and the service manager above it (systemd) tell each other: listening sockets handed down, readiness
// and draining told upwards. Without a manager every call does nothing.
//
// Sources: sd_listen_fds(3), sd_notify(3).
#pragma once

// How many sockets the manager opened for this process. They are descriptors from *ret_first on, each marked
// close-on-exec by this call, and belong to the manager too: do not shutdown() them. From the main thread.
int service_manager_sockets(int *ret_first);

// The process has started and serves. Any thread; never fails towards the caller.
void service_manager_tell_ready(const char *status);

// The process drains.
void service_manager_tell_stopping(void);
