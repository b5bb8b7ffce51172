// The icon class of a file: which of a dozen pictures an application shows for what has no variants to show.
#pragma once

// By content type (any case, parameters ignored; NULL: unknown). One of "image", "video", "audio", "document",
// "spreadsheet", "presentation", "archive", "code", "text", "font", "database", "file"; "file" is whatever is none of
// the others, so a new class never breaks who knows these. Static text, never NULL.
const char *media_icon_name(const char *content_type);
