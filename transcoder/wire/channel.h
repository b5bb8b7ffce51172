// Sending and receiving messages over one end of a SOCK_SEQPACKET socketpair, each with at most one file descriptor.
//
// Shared by supervisor and decoder, so it uses nothing but sockets. Not thread-safe: one thread per end.
#pragma once

#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "transcoder/wire/wire.h"

// Send one message and, unless fd is negative, a duplicate of fd with it (the caller keeps its own). Blocks until the
// deadline. RC_UNAVAILABLE: the other end is gone; RC_TIMEOUT; RC_INTERNAL.
enum rc channel_send(int socket, const struct wire_message *message, int fd, struct deadline deadline,
                     struct err *err) MUST_CHECK;

// Receive one message. ret_fd gets the descriptor that came with it (close-on-exec, owned by the caller) or -1.
// RC_UNAVAILABLE: the other end is gone; RC_TIMEOUT; RC_CORRUPT: not a message, or more than one descriptor (all are
// closed).
enum rc channel_receive(int socket, struct deadline deadline, struct wire_message *ret_message, int *ret_fd,
                        struct err *err) MUST_CHECK;

// Like channel_receive, without a deadline: waits until a message comes or the other end is gone.
enum rc channel_wait(int socket, struct wire_message *ret_message, int *ret_fd, struct err *err) MUST_CHECK;
