// The table of icon classes: types as IANA registers them, and as libmagic and clients call them.
#include "media/icon.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#define ICON_OTHER "file"

struct icon_rule {
	const char *pattern; // of a type: all of it, its beginning before a final *, its end behind a first *
	const char *icon;
};

// The first that fits counts, so exceptions stand before the families that they belong to.
static const struct icon_rule rules[] = {
	{ "image/*", "image" },
	{ "video/*", "video" },
	{ "audio/*", "audio" },
	{ "font/*", "font" },
	{ "text/csv", "spreadsheet" },
	{ "text/tab-separated-values", "spreadsheet" },
	{ "text/rtf", "document" },
	{ "text/plain", "text" },
	{ "text/markdown", "text" },
	{ "text/calendar", "text" },
	{ "text/vcard", "text" },
	{ "text/x-log", "text" },
	{ "text/*", "code" }, // html, css, xml, javascript, x-c, x-python, x-shellscript …

	{ "application/pdf", "document" },
	{ "application/x-pdf", "document" },
	{ "application/rtf", "document" },
	{ "application/postscript", "document" },
	{ "application/epub+zip", "document" },
	{ "application/x-mobipocket-ebook", "document" },
	{ "application/msword", "document" },
	{ "application/vnd.openxmlformats-officedocument.wordprocessingml.*", "document" },
	{ "application/vnd.ms-word.*", "document" },
	{ "application/vnd.oasis.opendocument.text*", "document" },
	{ "application/vnd.apple.pages", "document" },
	{ "application/vnd.ms-excel*", "spreadsheet" },
	{ "application/vnd.openxmlformats-officedocument.spreadsheetml.*", "spreadsheet" },
	{ "application/vnd.oasis.opendocument.spreadsheet*", "spreadsheet" },
	{ "application/vnd.apple.numbers", "spreadsheet" },
	{ "application/vnd.ms-powerpoint*", "presentation" },
	{ "application/vnd.openxmlformats-officedocument.presentationml.*", "presentation" },
	{ "application/vnd.oasis.opendocument.presentation*", "presentation" },
	{ "application/vnd.apple.keynote", "presentation" },

	{ "application/zip", "archive" },
	{ "application/x-zip*", "archive" },
	{ "application/gzip", "archive" },
	{ "application/x-gzip", "archive" },
	{ "application/x-tar", "archive" },
	{ "application/x-gtar*", "archive" },
	{ "application/x-7z-compressed", "archive" },
	{ "application/vnd.rar", "archive" },
	{ "application/x-rar*", "archive" },
	{ "application/x-bzip*", "archive" },
	{ "application/x-xz", "archive" },
	{ "application/zstd", "archive" },
	{ "application/x-zstd", "archive" },
	{ "application/x-lz*", "archive" },
	{ "application/x-cpio", "archive" },
	{ "application/x-iso9660-image", "archive" },
	{ "application/x-apple-diskimage", "archive" },
	{ "application/vnd.debian.binary-package", "archive" },
	{ "application/x-rpm", "archive" },
	{ "application/java-archive", "archive" },
	{ "application/vnd.android.package-archive", "archive" },
	{ "application/vnd.ms-cab-compressed", "archive" },

	{ "application/ogg", "audio" },
	{ "application/mp4", "video" },
	{ "application/vnd.rn-realmedia", "video" },
	{ "application/vnd.ms-opentype", "font" },
	{ "application/vnd.ms-fontobject", "font" },
	{ "application/font-*", "font" },
	{ "application/x-font-*", "font" },
	{ "application/vnd.sqlite3", "database" },
	{ "application/x-sqlite3", "database" },
	{ "application/vnd.apache.parquet", "database" },
	{ "application/json", "code" },
	{ "application/x-ndjson", "code" },
	{ "application/xml", "code" },
	{ "application/yaml", "code" },
	{ "application/toml", "code" },
	{ "application/sql", "code" },
	{ "application/wasm", "code" },
	{ "application/javascript", "code" },
	{ "application/x-javascript", "code" },
	{ "application/x-httpd-php", "code" },
	{ "application/x-sh", "code" },
	{ "*+json", "code" },
	{ "*+xml", "code" },
	{ "*+zip", "archive" },
};

static bool fits(const char *pattern, const char *type, size_t length)
{
	size_t pattern_length = strlen(pattern);
	if (pattern[0] == '*')
		return length >= pattern_length - 1 &&
		       strncasecmp(type + length - (pattern_length - 1), pattern + 1, pattern_length - 1) == 0;
	if (pattern[pattern_length - 1] == '*')
		return length >= pattern_length - 1 && strncasecmp(type, pattern, pattern_length - 1) == 0;
	return length == pattern_length && strncasecmp(type, pattern, length) == 0;
}

const char *media_icon_name(const char *content_type)
{
	if (content_type == NULL)
		return ICON_OTHER;
	size_t length = strcspn(content_type, "; \t");
	for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
		if (fits(rules[i].pattern, content_type, length))
			return rules[i].icon;
	return ICON_OTHER;
}
