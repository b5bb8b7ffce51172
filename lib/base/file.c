// Reading small files, memory files.
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/cleanup.h"

static enum rc file_failure(const char *path, struct err *err)
{
	enum rc rc = errno == ENOENT ? RC_NOT_FOUND : errno == EACCES || errno == EPERM ? RC_DENIED : RC_INTERNAL;
	return err_set(err, rc, "%s: %s", path, strerror(errno));
}

static enum rc read_whole(int fd, const char *path, size_t limit, char **ret_data, size_t *ret_length, struct err *err)
{
	CLEANUP(free_pointer) char *data = NULL;
	size_t length = 0, capacity = 0;
	for (;;) {
		if (length == capacity) {
			if (length > limit)
				return err_set(err, RC_LIMIT, "%s: larger than %zu bytes", path, limit);
			capacity = capacity == 0 ? 4096 : 2 * capacity;
			char *grown = realloc(data, capacity + 1);
			if (grown == NULL)
				return err_set(err, RC_NO_MEMORY, "%s: no memory", path);
			data = grown;
		}
		ssize_t got = read(fd, data + length, capacity - length);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return file_failure(path, err);
		if (got == 0)
			break;
		length += (size_t)got;
	}
	if (length > limit)
		return err_set(err, RC_LIMIT, "%s: larger than %zu bytes", path, limit);
	data[length] = '\0';
	*ret_data = data;
	data = NULL;
	if (ret_length != NULL)
		*ret_length = length;
	return RC_OK;
}

enum rc file_read(const char *path, size_t limit, char **ret_data, size_t *ret_length, struct err *err)
{
	CLEANUP(close_descriptor) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return file_failure(path, err);
	return read_whole(fd, path, limit, ret_data, ret_length, err);
}

enum rc file_read_secret(const char *path, char **ret_text, struct err *err)
{
	CLEANUP(close_descriptor) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return file_failure(path, err);
	struct stat status;
	if (fstat(fd, &status) != 0)
		return file_failure(path, err);
	if ((status.st_mode & (S_IWGRP | S_IROTH | S_IWOTH)) != 0)
		return err_set(err, RC_DENIED, "%s: a secret that others may read or write; chmod 0600 it", path);
	size_t length = 0;
	char *text = NULL;
	enum rc rc = read_whole(fd, path, 64 * 1024, &text, &length, err);
	if (rc != RC_OK)
		return rc;
	if (length > 0 && text[length - 1] == '\n')
		text[--length] = '\0';
	if (strlen(text) != length) {
		free(text);
		return err_set(err, RC_INVALID, "%s: a secret with a NUL byte", path);
	}
	*ret_text = text;
	return RC_OK;
}

enum rc file_new_memory(const char *name, int *ret_fd, struct err *err)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return err_set(err, RC_UNAVAILABLE, "memfd %s: %s", name, strerror(errno));
	*ret_fd = fd;
	return RC_OK;
}

enum rc file_seal(int fd, struct err *err)
{
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0)
		return err_set(err, RC_INTERNAL, "sealing a memory file: %s", strerror(errno));
	return RC_OK;
}

enum rc file_write_all(int fd, const void *data, size_t length, struct err *err)
{
	const char *at = data;
	while (length > 0) {
		ssize_t written = write(fd, at, length);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return err_set(err, errno == ENOSPC || errno == EFBIG ? RC_LIMIT : RC_INTERNAL, "write: %s",
			               strerror(errno));
		at += written;
		length -= (size_t)written;
	}
	return RC_OK;
}
