// Scope-bound cleanup for the few owner types, by gcc's cleanup attribute (systemd's CODING_STYLE has the rules).
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(function) __attribute__((cleanup(function)))

// Frees a pointer obtained from malloc and friends. Use: CLEANUP(free_pointer) char *text = NULL;
static inline void free_pointer(void *pointer_to_pointer)
{
	void **pointer = pointer_to_pointer;
	free(*pointer);
	*pointer = NULL;
}

// Closes a file descriptor unless it is negative. Use: CLEANUP(close_descriptor) int fd = -1;
static inline void close_descriptor(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

// Closes a stdio stream unless it is NULL.
static inline void close_stream(FILE **stream)
{
	if (*stream != NULL)
		(void)fclose(*stream);
	*stream = NULL;
}
