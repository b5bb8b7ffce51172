// An empty root folder for a process that has all its files open already.
#include "transcoder/decoder/sandbox_priv.h"

#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

// Any folder that exists everywhere; in our own mount namespace nobody else sees what lies over it.
#define MOUNT_POINT "/proc"

bool sandbox_empty_root(void)
{
	// Nothing that we mount may spread to the namespace we come from.
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return false;
	if (mount("none", MOUNT_POINT, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
	          "size=4k,nr_inodes=2,mode=0555") != 0)
		return false;
	if (chdir(MOUNT_POINT) != 0)
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
