// Classes of accounts, applied.
#include "ingest/upload_policy.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "base/settings.h"
#include "catalog/account.h"
#include "http/request.h"
#include "http/respond.h"
#include "ingest/ingest.h"
#include "ingest/upload_view.h"
#include "media/format.h"

const struct class_settings *upload_policy_class(struct ingest *ingest, struct http_request *request)
{
	char name[ACCOUNT_CLASS_SIZE] = "";
	struct err err = { 0 };
	const struct catalog_call call = ingest_call_of(request);
	const struct uuid *user_id = &http_request_principal(request)->user_id;
	if (ingest->settings->class_count == 1)
		return settings_find_class(ingest->settings, "");
	enum rc rc = catalog_account_class(&ingest->catalog, &call, user_id, name, &err);
	if (rc == RC_OK)
		return settings_find_class(ingest->settings, name);
	if (rc == RC_NOT_FOUND)
		http_respond_problem(request, 401, "unauthorized", "This account does not exist any more.");
	else
		upload_view_fail(request, &err);
	return NULL;
}

// "*", "image/*" or "image/jpeg" within a comma-separated list; parameters of the type do not count.
static bool is_listed(const char *list, const char *content_type)
{
	size_t type_length = strcspn(content_type, "; ");
	for (const char *at = list; *at != '\0'; at += strspn(at, ", ")) {
		size_t length = strcspn(at, ", ");
		bool is_prefix = length >= 1 && at[length - 1] == '*';
		size_t compared = is_prefix ? length - 1 : length;
		if ((is_prefix ? compared <= type_length : compared == type_length) &&
		    strncasecmp(at, content_type, compared) == 0)
			return true;
		at += length;
	}
	return false;
}

static int64_t least_of(int64_t left, int64_t right)
{
	return left < right ? left : right;
}

struct upload_refusal upload_policy_judge(const struct ingest *ingest, const struct class_settings *account_class,
                                          const char *content_type, int64_t size)
{
	bool is_image = media_content_type_is_image(content_type);
	int64_t most = ingest->live.max_upload_bytes;
	struct upload_refusal refusal = { 0 };
	if (is_image)
		most = least_of(most, ingest->live.max_image_bytes);
	if (account_class->max_upload_bytes > 0)
		most = least_of(most, account_class->max_upload_bytes);
	if (!media_content_type_is_valid(content_type)) {
		refusal = (struct upload_refusal){ 415, "unsupported-media-type", "content_type", "" };
		(void)snprintf(refusal.detail, sizeof refusal.detail,
		               "content_type must be a media type such as image/jpeg, at most %d bytes long.",
		               LIMIT_CONTENT_TYPE_BYTES);
	} else if (!is_listed(account_class->types, content_type)) {
		refusal = (struct upload_refusal){ 415, "type-not-allowed", "content_type", "" };
		(void)snprintf(refusal.detail, sizeof refusal.detail, "Your account may upload these types: %.100s.",
		               account_class->types);
	} else if (size > most) {
		refusal = (struct upload_refusal){ 413, "too-large", "size", "" };
		(void)snprintf(refusal.detail, sizeof refusal.detail, "%s may have at most %lld bytes.",
		               is_image ? "A picture" : "A file", (long long)most);
	}
	return refusal;
}

struct upload_quota upload_policy_quota(const struct class_settings *account_class)
{
	return (struct upload_quota){ .bytes = account_class->quota_bytes,
		                      .files = account_class->quota_files,
		                      .reserved_files = account_class->open_uploads,
		                      .day_bytes = account_class->day_bytes };
}
