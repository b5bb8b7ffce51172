// Messages with descriptors over a SOCK_SEQPACKET socket.
#include "transcoder/wire/channel.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

// Descriptors that a hostile sender may attach; more are dropped by the kernel (MSG_CTRUNC), and all are refused.
#define MOST_DESCRIPTORS 4

// Wait until the socket can be used; wait_ms < 0: for ever.
static enum rc await_socket(int socket, short events, int64_t wait_ms, struct err *err)
{
	struct pollfd waiting = { .fd = socket, .events = events };
	int count = poll(&waiting, 1, wait_ms > 60000 ? 60000 : (int)wait_ms);

	if (count > 0 || (count < 0 && errno == EINTR))
		return RC_OK; // after EINTR the caller's attempt says whether it is ready
	if (count == 0)
		return RC_TIMEOUT;
	return err_set(err, RC_INTERNAL, "poll of the decoder channel: %s", strerror(errno));
}

enum rc channel_send(int socket, const struct wire_message *message, int fd, struct deadline deadline, struct err *err)
{
	uint8_t bytes[WIRE_PACKET_BYTES];
	struct iovec part = { .iov_base = bytes, .iov_len = wire_encode(message, bytes) };
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { .room = { 0 } };
	struct msghdr packet = { .msg_iov = &part, .msg_iovlen = 1 };

	if (fd >= 0) {
		packet.msg_control = control.room;
		packet.msg_controllen = sizeof(control.room);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	}
	for (;;) {
		if (sendmsg(socket, &packet, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
			return RC_OK;
		if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN)
			return err_set(err, RC_UNAVAILABLE, "the other end of the decoder channel is gone");
		if (errno != EAGAIN && errno != EINTR && errno != ENOBUFS)
			return err_set(err, RC_INTERNAL, "send on the decoder channel: %s", strerror(errno));
		if (deadline_passed(deadline))
			return err_set(err, RC_TIMEOUT, "the decoder channel took no message in time");
		enum rc rc = await_socket(socket, POLLOUT, deadline_left_ms(deadline), err);
		if (rc != RC_OK && rc != RC_TIMEOUT)
			return rc;
	}
}

// Take the descriptors out of a received packet: the first into *ret_fd, further ones are closed. Returns how many
// came.
static size_t take_descriptors(struct msghdr *packet, int *ret_fd)
{
	size_t count = 0;

	*ret_fd = -1;
	for (struct cmsghdr *header = CMSG_FIRSTHDR(packet); header != NULL; header = CMSG_NXTHDR(packet, header)) {
		size_t fds;

		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
			continue;
		fds = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < fds; i++, count++) {
			int fd;

			memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(fd));
			if (count == 0)
				*ret_fd = fd;
			else
				(void)close(fd);
		}
	}
	return count;
}

static enum rc parse_packet(const uint8_t *bytes, size_t length, struct msghdr *packet,
                            struct wire_message *ret_message, int *ret_fd, struct err *err)
{
	enum rc rc;
	int fd = -1;

	if (take_descriptors(packet, &fd) > 1 || (packet->msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
		rc = err_set(err, RC_CORRUPT, "decoder message too long or with too many descriptors");
	else
		rc = wire_decode(bytes, length, ret_message, err);
	if (rc != RC_OK) {
		if (fd >= 0)
			(void)close(fd);
		return rc;
	}
	*ret_fd = fd;
	return RC_OK;
}

// One attempt; RC_BUSY when nothing is there yet.
static enum rc try_receive(int socket, struct wire_message *ret_message, int *ret_fd, struct err *err)
{
	uint8_t bytes[WIRE_PACKET_BYTES];
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(MOST_DESCRIPTORS * sizeof(int))];
	} control;
	struct iovec part = { .iov_base = bytes, .iov_len = sizeof(bytes) };
	struct msghdr packet = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room),
	};
	ssize_t length = recvmsg(socket, &packet, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (length < 0 && (errno == EAGAIN || errno == EINTR))
		return RC_BUSY;
	if (length < 0 && errno != ECONNRESET)
		return err_set(err, RC_INTERNAL, "receive on the decoder channel: %s", strerror(errno));
	if (length < 0 || (length == 0 && packet.msg_controllen == 0))
		return err_set(err, RC_UNAVAILABLE, "the other end of the decoder channel is gone");
	return parse_packet(bytes, (size_t)length, &packet, ret_message, ret_fd, err);
}

enum rc channel_receive(int socket, struct deadline deadline, struct wire_message *ret_message, int *ret_fd,
                        struct err *err)
{
	for (;;) {
		enum rc rc = try_receive(socket, ret_message, ret_fd, err);

		if (rc != RC_BUSY)
			return rc;
		if (deadline_passed(deadline))
			return err_set(err, RC_TIMEOUT, "no message from the decoder in time");
		rc = await_socket(socket, POLLIN, deadline_left_ms(deadline), err);
		if (rc != RC_OK && rc != RC_TIMEOUT)
			return rc;
	}
}

enum rc channel_wait(int socket, struct wire_message *ret_message, int *ret_fd, struct err *err)
{
	for (;;) {
		enum rc rc = try_receive(socket, ret_message, ret_fd, err);

		if (rc != RC_BUSY)
			return rc;
		rc = await_socket(socket, POLLIN, -1, err);
		if (rc != RC_OK && rc != RC_TIMEOUT)
			return rc;
	}
}
