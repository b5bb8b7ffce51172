// libjpeg's way to fail: it calls back and must never be returned to.
#pragma once

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h> // jpeglib.h wants it

#include <jpeglib.h>

struct planar_jpeg_error {
	struct jpeg_error_mgr manager; // first: libjpeg hands back a pointer to it
	jmp_buf back;
	char text[JMSG_LENGTH_MAX];
};

// The error manager to put into a (de)compressor.
struct jpeg_error_mgr *planar_jpeg_error_init(struct planar_jpeg_error *error);

// Run step(context), during which libjpeg may fail: false then, and error->text says why. Nothing that step's own frame
// holds is cleaned up.
bool planar_jpeg_guard(struct planar_jpeg_error *error, void (*step)(void *context), void *context);
