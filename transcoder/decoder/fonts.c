// Fontconfig, told by us instead of by files of its own.
#include "transcoder/decoder/fonts.h"

#include <fontconfig/fontconfig.h>
#include <stddef.h>

#define FONTS "/usr/share/fonts"
// How poppler reads Chinese, Japanese and Korean text in PDF files that do not say it themselves (poppler-data).
#define ENCODINGS "/usr/share/poppler"

const char *const fonts_folders[] = { FONTS, ENCODINGS, NULL };

// Not /etc/fonts/fonts.conf: it also names folders that are closed to us.
static const FcChar8 configuration[] = "<?xml version=\"1.0\"?><fontconfig><dir>" FONTS "</dir>"
                                       "<cachedir>/var/cache/fontconfig</cachedir>"
                                       "<include ignore_missing=\"yes\">/etc/fonts/conf.d</include>"
                                       "<config><rescan><int>0</int></rescan></config></fontconfig>";

bool fonts_start(struct failure *failure)
{
	FcConfig *config = FcConfigCreate();

	if (config == NULL || !FcConfigParseAndLoadFromMemory(config, configuration, FcFalse) ||
	    !FcConfigBuildFonts(config) || !FcConfigSetCurrent(config)) {
		if (config != NULL)
			FcConfigDestroy(config);
		return failure_set(failure, REASON_INTERNAL, "fontconfig does not start");
	}
	FcConfigDestroy(config); // the current one has its own reference
	return true;
}
