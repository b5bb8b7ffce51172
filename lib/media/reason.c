// The table of reasons: code, ending state, whether trying again can help, and the sentence for the owner.
#include "media/reason.h"

#include <assert.h>
#include <string.h>

struct reason_row {
	const char *name;
	enum media_state state;
	bool retryable;
	const char *detail;
};

static const struct reason_row rows[] = {
	[REASON_NONE] = { "none", MEDIA_READY, false, "Nothing went wrong." },

	[REASON_EMPTY] = { "empty", MEDIA_REJECTED, false, "The file has no content. Upload it again." },
	[REASON_SIZE_MISMATCH] = { "size_mismatch", MEDIA_REJECTED, false,
	                           "The uploaded file has another size than was declared. Upload it again." },
	[REASON_CHECKSUM] = { "checksum", MEDIA_REJECTED, false,
	                      "The uploaded bytes do not have the declared SHA-256. Upload the file again." },
	[REASON_TYPE_MISMATCH] = { "type_mismatch", MEDIA_REJECTED, false,
	                           "The content is of another type than was declared. Declare the type it has." },
	[REASON_UNSUPPORTED_TYPE] = { "unsupported_type", MEDIA_REJECTED, false,
	                              "This type of file is not supported. Convert it to JPEG, PNG or WebP." },
	[REASON_TOO_LARGE] = { "too_large", MEDIA_REJECTED, false, "The file has more bytes than are allowed." },
	[REASON_TOO_MANY_PIXELS] = { "too_many_pixels", MEDIA_REJECTED, false,
	                             "The picture has more pixels than are allowed. Scale it down." },
	[REASON_TOO_LARGE_SIDE] = { "too_large_side", MEDIA_REJECTED, false,
	                            "The picture is wider or taller than is allowed. Scale it down." },
	[REASON_TOO_MANY_FRAMES] = { "too_many_frames", MEDIA_REJECTED, false,
	                             "The animation has more frames than are allowed. Shorten it." },
	[REASON_TOO_MANY_PAGES] = { "too_many_pages", MEDIA_REJECTED, false,
	                            "The document has more pages than are allowed. Split it." },
	[REASON_INFECTED] = { "infected", MEDIA_REJECTED, false, "A scanner found malicious content in the file." },

	// A worker that reads a short object retries on its own account (the store's fault); what arrives here is the
	// file's own end.
	[REASON_TRUNCATED] = { "truncated", MEDIA_FAILED, false,
	                       "The file ends before its picture does. Upload a complete copy." },
	[REASON_PASSWORD] = { "password_protected", MEDIA_FAILED, false,
	                      "The document is locked with a password. Save a copy without one and upload that." },
	[REASON_DECODE_FAILED] = { "decode_failed", MEDIA_FAILED, false,
	                           "The picture could not be decoded. It may be damaged; save it anew and upload it." },
	[REASON_DECODE_TIMEOUT] = { "decode_timeout", MEDIA_FAILED, true,
	                            "Decoding the picture took too long. Scale it down or save it anew." },
	[REASON_DECODE_MEMORY] = { "decode_memory", MEDIA_FAILED, false,
	                           "Decoding the picture needs too much memory. Scale it down." },
	[REASON_OUTPUT_TOO_LARGE] = { "output_too_large", MEDIA_FAILED, false,
	                              "A scaled copy of the picture became too large. Scale the picture down." },
	[REASON_SANDBOX] = { "sandbox", MEDIA_FAILED, true,
	                     "Decoding was stopped because it did what is not permitted. Save the picture anew." },
	[REASON_CRASHED] = { "crashed", MEDIA_FAILED, true,
	                     "The decoder crashed on this picture. Save it anew and upload it." },
	[REASON_MISSING_OBJECT] = { "missing_object", MEDIA_FAILED, true,
	                            "The uploaded file is missing from the store. Upload it again." },
	[REASON_STORE_FAILED] = { "store_failed", MEDIA_FAILED, true,
	                          "The store could not be reached for too long. The operator can try again." },
	[REASON_INTERNAL] = { "internal", MEDIA_FAILED, true,
	                      "Something went wrong on our side. The operator can try again." },
};
static_assert(sizeof(rows) / sizeof(rows[0]) == MEDIA_REASON_COUNT, "each reason has its row");

static const struct reason_row *reason_row(enum media_reason reason)
{
	assert((unsigned)reason < MEDIA_REASON_COUNT);
	return &rows[reason];
}

const char *media_reason_name(enum media_reason reason)
{
	return reason_row(reason)->name;
}

bool media_reason_parse(const char *name, enum media_reason *ret_reason)
{
	for (unsigned i = 0; i < MEDIA_REASON_COUNT; i++) {
		if (strcmp(name, rows[i].name) != 0)
			continue;
		*ret_reason = (enum media_reason)i;
		return true;
	}
	return false;
}

const char *media_reason_detail(enum media_reason reason)
{
	return reason_row(reason)->detail;
}

enum media_state media_reason_state(enum media_reason reason)
{
	assert(reason != REASON_NONE);
	return reason_row(reason)->state;
}

bool media_reason_is_retryable(enum media_reason reason)
{
	return reason_row(reason)->retryable;
}
