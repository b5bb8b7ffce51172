// Which parts of libvips run, and how.
#include "transcoder/decoder/codecs.h"

#include <dlfcn.h>
#include <gmodule.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <vips/vips.h>
#include <webp/encode.h>

#include "transcoder/decoder/document.h"
#include "transcoder/decoder/fonts.h"
#include "transcoder/decoder/picture.h"
#include "transcoder/decoder/profile.h"

#define HEAP_STEP (8 << 20) // bytes by which the heap grows at least

// Logging opens the time zone's file for its time stamps, which the sandbox forbids; what matters comes back as an
// error. What is fatal to GLib is an allocation that failed.
static void drop_log(const char *domain, GLogLevelFlags level, const char *text, void *data)
{
	(void)domain;
	(void)text;
	(void)data;
	if ((level & G_LOG_FLAG_FATAL) != 0)
		_exit(WIRE_EXIT_MEMORY);
}

static GLogWriterOutput drop_structured_log(GLogLevelFlags level, const GLogField *fields, size_t count, void *data)
{
	(void)level;
	(void)fields;
	(void)count;
	(void)data;
	return G_LOG_WRITER_HANDLED;
}

// libvips loads every plugin it finds (ImageMagick, PDF, OpenSlide, JPEG XL, HEIF on Debian). Point it to a folder that
// is not there, and load the ones we want ourselves.
bool codecs_load_plugin(const char *file, const char *class_name, struct failure *failure)
{
	typedef const char *check_init_function(GModule * module);
	check_init_function *check_init;
	char path[4096];
	Dl_info library;
	void *plugin;
	const char *slash;

	if (g_type_from_name(class_name) != 0)
		return true;
	if (dladdr((void *)vips_init, &library) == 0 || library.dli_fname == NULL ||
	    (slash = strrchr(library.dli_fname, '/')) == NULL)
		return failure_set(failure, REASON_INTERNAL, "cannot tell where libvips lies");
	(void)snprintf(path, sizeof(path), "%.*s/vips-modules-%d.%d/%s", (int)(slash - library.dli_fname),
	               library.dli_fname, VIPS_MAJOR_VERSION, VIPS_MINOR_VERSION, file);
	plugin = dlopen(path, RTLD_NOW | RTLD_LOCAL); // never closed: its types stay registered
	if (plugin == NULL)
		return failure_set(failure, REASON_INTERNAL, "no plugin: %.150s", dlerror());
	check_init = (check_init_function *)dlsym(plugin, "g_module_check_init");
	if (check_init == NULL || check_init(NULL) != NULL || g_type_from_name(class_name) == 0)
		return failure_set(failure, REASON_INTERNAL, "the plugin %s does not start", file);
	return true;
}

// Nothing of that kind but the few classes that the profile needs.
static void allow_only(const char *kind, const char *const *classes, size_t count)
{
	vips_operation_block_set(kind, TRUE);
	for (size_t i = 0; i < count; i++)
		vips_operation_block_set(classes[i], FALSE);
}

void codecs_block_savers(void)
{
	static const char *const allowed[] = { "VipsForeignSaveJpeg", "VipsForeignSaveHeif" };

	allow_only("VipsForeignSave", allowed, sizeof(allowed) / sizeof(allowed[0]));
}

static void block_loaders(const struct profile *profile)
{
	static const char *const of_photos[] = {
		"VipsForeignLoadJpeg",  "VipsForeignLoadPng",  "VipsForeignLoadWebp",
		"VipsForeignLoadNsgif", "VipsForeignLoadHeif", "VipsForeignLoadTiff",
	};
	static const char *const of_documents[] = { "VipsForeignLoadPdf", "VipsForeignLoadSvg" };

	if (profile == &profile_document)
		allow_only("VipsForeignLoad", of_documents, sizeof(of_documents) / sizeof(of_documents[0]));
	else
		allow_only("VipsForeignLoad", of_photos, sizeof(of_photos) / sizeof(of_photos[0]));
}

bool codecs_start(const struct profile *profile, struct failure *failure)
{
	(void)g_log_set_default_handler(drop_log, NULL);
	g_log_set_writer_func(drop_structured_log, NULL, NULL);
	// One heap for all threads. glibc's further ones take 64 MiB of address space each, and reading a system file
	// when they shrink (which the sandbox would punish); with one worker at a time nobody waits for the lock.
	(void)mallopt(M_ARENA_MAX, 1);
	// Planes and encoders' buffers stay in that heap: mapped singly each would be faulted in page by page and
	// unmapped again, a dozen times a photo. serve.c gives back what a large picture leaves.
	(void)mallopt(M_MMAP_MAX, 0);
	(void)mallopt(M_TRIM_THRESHOLD, INT_MAX);
	(void)mallopt(M_TOP_PAD, HEAP_STEP);
	// libvips compiles its vector code at run time (orc), into memory that stays executable. We do without: photos
	// take the planar path, whose vector code the compiler made; of other jobs it is about an eighth. (libvips
	// compiles some even when it shall not use any, unless orc itself is told to emulate.)
	if (setenv("VIPSHOME", "/nonexistent", 1) != 0 || setenv("VIPS_NOVECTOR", "1", 1) != 0 ||
	    setenv("ORC_CODE", "emulate", 1) != 0)
		return failure_set(failure, REASON_INTERNAL, "no memory");
	// Pictures that must be had whole stay in memory (the address space bounds them): there is no disc in here.
	if (setenv("VIPS_DISC_THRESHOLD", "1000g", 1) != 0)
		return failure_set(failure, REASON_INTERNAL, "no memory");
	if (VIPS_INIT("safelight-decoder") != 0)
		return picture_failed(failure, "start of libvips");
	// Where HEIF is built in, there is nothing to load. The document profile needs it to write AVIF.
	if (!codecs_load_plugin("vips-heif.so", "VipsForeignLoadHeif", failure))
		return false;
	if (profile == &profile_document && (!fonts_start(failure) || !document_start(failure)))
		return false;
	// No picture comes twice, so the cache would only keep memory (and one owner's bytes) alive.
	vips_cache_set_max(0);
	vips_cache_set_max_mem(0);
	vips_cache_set_max_files(0);
	// One child a core: more threads would only fight.
	vips_concurrency_set(1);
	vips_block_untrusted_set(TRUE); // what libvips's authors do not fuzz; it comes first, for it blocks PDF and SVG
	block_loaders(profile);
	return true;
}

void codecs_text(char *ret_text, size_t size)
{
	int webp = WebPGetEncoderVersion();

	(void)snprintf(ret_text, size, "vips %s, libwebp %d.%d.%d", vips_version_string(), webp >> 16, webp >> 8 & 255,
	               webp & 255);
}
