// What one decoder process opens: pictures or documents, never both.
#pragma once

struct profile {
	const char *name; // as the supervisor says it
	unsigned formats; // FORMAT_BIT()s of what is opened
	// Folders that stay readable behind the closed sandbox, ended by NULL; NULL: nothing is.
	const char *const *readable;
};

// Pictures: reads no file.
extern const struct profile profile_photo;

// PDF and SVG: their text may be in fonts of this machine, which are opened as they are met.
extern const struct profile profile_document;

// By its name; NULL when there is none.
const struct profile *profile_find(const char *name);
