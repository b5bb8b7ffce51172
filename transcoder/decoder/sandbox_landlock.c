// Landlock: refuse every access to files by path, TCP, and signals and abstract sockets beyond ourselves.
#include "transcoder/decoder/sandbox_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "transcoder/wire/wire.h"

// From linux/landlock.h of newer kernels than the one whose headers we build with: the numbers are the kernel's ABI.
#define CREATE_RULESET_VERSION (1u << 0)
#define ACCESS_FILES_1 ((1ull << 13) - 1)   // execute, read, write, list, remove, make
#define ACCESS_READ (1ull << 2 | 1ull << 3) // files, folders
#define RULE_PATH_BENEATH 1
#define ACCESS_REFER (1ull << 13)        // ABI 2
#define ACCESS_TRUNCATE (1ull << 14)     // ABI 3
#define ACCESS_NETWORK_TCP 3ull          // ABI 4: bind, connect
#define ACCESS_DEVICE_IOCTL (1ull << 15) // ABI 5
#define SCOPE_SOCKETS_AND_SIGNALS 3ull   // ABI 6

struct ruleset {
	uint64_t handled_access_fs;
	uint64_t handled_access_net; // kernels before ABI 4 take a longer struct when its rest is zero
	uint64_t scoped;
};

int sandbox_new_ruleset(uint32_t *ret_abi, uint32_t *ret_layers)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);
	struct ruleset ruleset = { .handled_access_fs = ACCESS_FILES_1 };
	uint32_t layers = WIRE_LAYER_LANDLOCK;
	int fd;

	*ret_abi = 0;
	*ret_layers = 0;
	if (abi < 1)
		return -1;
	if (abi >= 2)
		ruleset.handled_access_fs |= ACCESS_REFER;
	if (abi >= 3)
		ruleset.handled_access_fs |= ACCESS_TRUNCATE;
	if (abi >= 4) {
		ruleset.handled_access_net = ACCESS_NETWORK_TCP;
		layers |= WIRE_LAYER_LANDLOCK_NETWORK;
	}
	if (abi >= 5)
		ruleset.handled_access_fs |= ACCESS_DEVICE_IOCTL;
	if (abi >= 6) {
		ruleset.scoped = SCOPE_SOCKETS_AND_SIGNALS;
		layers |= WIRE_LAYER_LANDLOCK_SCOPE;
	}
	fd = (int)syscall(SYS_landlock_create_ruleset, &ruleset, sizeof(ruleset), 0);
	if (fd < 0)
		return -1;
	*ret_abi = (uint32_t)abi;
	*ret_layers = layers;
	return fd;
}

struct __attribute__((packed)) rule_path_beneath {
	uint64_t allowed_access;
	int32_t parent_fd;
};

bool sandbox_allow_reading(int ruleset, const char *const *readable)
{
	for (size_t i = 0; readable[i] != NULL; i++) {
		CLEANUP(close_descriptor) int folder = open(readable[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
		struct rule_path_beneath rule = { .allowed_access = ACCESS_READ, .parent_fd = folder };

		if (folder < 0 && errno == ENOENT)
			continue;
		if (folder < 0 || syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0) != 0)
			return false;
	}
	return true;
}
