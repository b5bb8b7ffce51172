// A machine without system-call filters: what takes sandbox_seccomp.c's place in the decoder "unfiltered".
#include "transcoder/decoder/sandbox_priv.h"

bool sandbox_allow_calls(int socket)
{
	(void)socket;
	return false;
}
