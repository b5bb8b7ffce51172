// libjpeg's errors as a jump back into planar_jpeg_guard.
#include "transcoder/decoder/planar_jpeg_error.h"

static void fail(j_common_ptr info)
{
	struct planar_jpeg_error *error = (struct planar_jpeg_error *)info->err;

	info->err->format_message(info, error->text);
	longjmp(error->back, 1);
}

// Warnings: many phones' files earn some. They are counted by nobody and written nowhere.
static void drop_message(j_common_ptr info, int level)
{
	(void)info;
	(void)level;
}

struct jpeg_error_mgr *planar_jpeg_error_init(struct planar_jpeg_error *error)
{
	struct jpeg_error_mgr *manager = jpeg_std_error(&error->manager);

	manager->error_exit = fail;
	manager->emit_message = drop_message;
	return manager;
}

bool planar_jpeg_guard(struct planar_jpeg_error *error, void (*step)(void *context), void *context)
{
	if (setjmp(error->back) != 0)
		return false;
	step(context);
	return true;
}
