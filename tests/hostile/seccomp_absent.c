// A machine without system-call filters: what takes sandbox_seccomp.c's place in the decoder "unfiltered".
#include "transcoder/decoder/sandbox_priv.h"

bool sandbox_allow_calls(int socket, bool opens_files)
{
	(void)socket;
	(void)opens_files;
	return false;
}
