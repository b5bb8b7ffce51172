// The fonts of this machine, for text whose own the document does not bring.
//
// Which font is meant is settled by fontconfig from its caches, read in the warm-up; the font's file is opened when it
// is first drawn with, so these folders, and nothing else, stay readable in the document profile's sandbox.
#pragma once

#include "transcoder/decoder/failure.h"

// Folders, ended by NULL; one that is not there is no mistake.
extern const char *const fonts_folders[];

// Have fontconfig know the fonts of these folders only, by the system's rules of likeness, and never look again for new
// ones. Once, before anything draws text. Without any font documents are drawn without such text.
bool fonts_start(struct failure *failure);
