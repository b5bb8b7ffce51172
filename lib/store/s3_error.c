// S3's errors: a table by its own code first, since one status stands for many things, then by status.
#include "store/s3_error.h"

#include <string.h>

#include "store/xml.h"

struct code_row {
	const char *code;
	enum rc rc;
};

// "Error responses", Amazon S3 API reference; rgw_common.cc of Ceph for its own.
static const struct code_row CODES[] = {
	{ "BadDigest", RC_INVALID },
	{ "BucketAlreadyExists", RC_EXISTS },
	{ "BucketAlreadyOwnedByYou", RC_EXISTS },
	{ "BucketNotEmpty", RC_CONFLICT },
	{ "ConditionalRequestConflict", RC_UNAVAILABLE }, // two conditional writes at once: Amazon asks to repeat
	{ "EntityTooLarge", RC_LIMIT },
	{ "OperationAborted", RC_UNAVAILABLE }, // another change of the same bucket is under way
	{ "QuotaExceeded", RC_LIMIT },
	{ "RequestTimeout", RC_UNAVAILABLE }, // our body came too slowly: status 400
	{ "SlowDown", RC_UNAVAILABLE },
	{ "TooManyBuckets", RC_LIMIT },
};

static enum rc map_status(long status, struct s3_expectation expectation)
{
	switch (status) {
	case 403:
	case 401:
		return RC_DENIED;
	case 404:
		return RC_NOT_FOUND;
	case 409:
		return RC_CONFLICT;
	case 412:
		return expectation.only_if_absent ? RC_EXISTS : RC_CONFLICT;
	case 413:
		return RC_LIMIT;
	case 408:
	case 429:
	case 503: // refused before anything was done
		return RC_UNAVAILABLE;
	case 501: // not implemented
		return RC_INVALID;
	default:
		break;
	}
	if (status >= 500)
		return expectation.changes ? RC_UNKNOWN : RC_UNAVAILABLE;
	return RC_INVALID;
}

static enum rc map_code(const char *code, enum rc otherwise)
{
	for (size_t i = 0; i < sizeof CODES / sizeof CODES[0]; i++)
		if (strcmp(code, CODES[i].code) == 0)
			return CODES[i].rc;
	return otherwise;
}

// The error element: the root, or (SNS) a child of ErrorResponse.
static const struct xml_node *find_error(const struct xml_document *document)
{
	const struct xml_node *root = xml_root(document);
	const struct xml_node *inner = xml_child(root, "Error");
	return inner != NULL ? inner : root;
}

// Texts of others go into our logs: printable only.
static void make_printable(char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = ' ';
}

enum rc s3_error_map(long status, const char *body, size_t length, struct s3_expectation expectation,
                     char ret_code[S3_ERROR_CODE_SIZE], struct err *err)
{
	char code[S3_ERROR_CODE_SIZE] = "";
	char message[200] = "";
	struct xml_document *document = NULL;
	if (length > 0 && xml_parse(body, length, NULL, &document, NULL) == RC_OK) {
		const struct xml_node *error = find_error(document);
		(void)xml_child_copy(error, "Code", code, sizeof code);
		(void)xml_child_copy(error, "Message", message, sizeof message);
		make_printable(code);
		make_printable(message);
	}
	xml_free(&document);
	// Status 200 with an error inside: copy and complete send their headers before they know.
	enum rc rc = map_status(status == 200 ? 500 : status, expectation);
	rc = map_code(code, rc);
	if (ret_code != NULL)
		memcpy(ret_code, code, sizeof code);
	return err_set(err, rc, "the store answered %ld%s%s%s%s", status, code[0] == '\0' ? "" : " ", code,
	               message[0] == '\0' ? "" : ": ", message);
}
