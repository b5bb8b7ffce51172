// A root folder without files, but for the few folders that may be read.
#include "transcoder/decoder/sandbox_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

// Any folder that exists everywhere; in our own mount namespace nobody else sees what lies over it.
#define MOUNT_POINT "/proc"
#define MOUNT_FLAGS (MS_NOSUID | MS_NODEV | MS_NOEXEC)
#define MOUNT_SIZE "size=4k,nr_inodes=16,mode=0555"

// The folders on the way to path, and itself.
static bool make_folders(const char *path)
{
	char part[256];
	size_t length = strlen(path);

	if (length >= sizeof(part))
		return false;
	for (size_t i = 1; i <= length; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		(void)snprintf(part, sizeof(part), "%.*s", (int)i, path);
		if (mkdir(part + 1, 0555) != 0 && errno != EEXIST)
			return false;
	}
	return true;
}

// Show a folder of the old root at the same place below the working folder: read-only, and without the mounts in it.
static bool show(const char *path)
{
	CLEANUP(close_descriptor) int tree = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	struct mount_attr attributes = {
		.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
	};

	if (tree < 0)
		return errno == ENOENT; // nothing to show
	return mount_setattr(tree, "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) == 0 && make_folders(path) &&
	       move_mount(tree, "", AT_FDCWD, path + 1, MOVE_MOUNT_F_EMPTY_PATH) == 0;
}

static bool fill_root(const char *const *readable)
{
	if (readable == NULL)
		return true;
	if (mount(NULL, MOUNT_POINT, NULL, MS_REMOUNT | MOUNT_FLAGS, MOUNT_SIZE) != 0)
		return false;
	(void)umask(0); // whatever the supervisor's: another user than root passes through them
	for (size_t i = 0; readable[i] != NULL; i++) {
		if (!show(readable[i]))
			return false;
	}
	return mount(NULL, MOUNT_POINT, NULL, MS_REMOUNT | MS_RDONLY | MOUNT_FLAGS, MOUNT_SIZE) == 0;
}

bool sandbox_empty_root(const char *const *readable)
{
	// Nothing that we mount may spread to the namespace we come from.
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return false;
	if (mount("none", MOUNT_POINT, "tmpfs", MS_RDONLY | MOUNT_FLAGS, MOUNT_SIZE) != 0)
		return false;
	if (chdir(MOUNT_POINT) != 0 || !fill_root(readable))
		return false;
	// Swap old and new root in place, then drop the old one whole. On the initial RAM file system the kernel
	// refuses to, and chroot does: the way out of it needs rights that are given up next.
	if (syscall(SYS_pivot_root, ".", ".") == 0) {
		if (umount2(".", MNT_DETACH) != 0)
			return false;
	} else if (chroot(".") != 0) {
		return false;
	}
	return chdir("/") == 0;
}
