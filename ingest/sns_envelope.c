// Reading SNS' envelope.
#include "ingest/sns_envelope.h"

#include <jansson.h>
#include <string.h>

#include "base/arena.h"
#include "base/encoding.h"

// A member's text, copied; NULL when it is absent or no text.
static const char *text_of(const json_t *json, const char *name, struct arena *arena)
{
	const char *text = json_string_value(json_object_get(json, name));
	return text == NULL ? NULL : arena_copy_text(arena, text);
}

static bool read_kind(const json_t *json, enum sns_kind *ret_kind)
{
	static const char *const NAMES[] = { [SNS_NOTIFICATION] = "Notification",
		                             [SNS_SUBSCRIPTION] = "SubscriptionConfirmation",
		                             [SNS_UNSUBSCRIPTION] = "UnsubscribeConfirmation" };
	const char *name = json_string_value(json_object_get(json, "Type"));
	for (size_t i = 0; name != NULL && i < sizeof NAMES / sizeof NAMES[0]; i++) {
		if (strcmp(NAMES[i], name) == 0) {
			*ret_kind = (enum sns_kind)i;
			return true;
		}
	}
	return false;
}

static bool read_signature(const json_t *json, struct sns_envelope *envelope)
{
	const char *text = json_string_value(json_object_get(json, "Signature"));
	const char *version = json_string_value(json_object_get(json, "SignatureVersion"));
	if (text == NULL || version == NULL || (strcmp(version, "1") != 0 && strcmp(version, "2") != 0))
		return false;
	envelope->is_sha256 = version[0] == '2';
	return decode_base64(text, strlen(text), envelope->signature, sizeof envelope->signature,
	                     &envelope->signature_length);
}

static enum rc read_members(const json_t *json, struct arena *arena, struct sns_envelope *envelope, struct err *err)
{
	if (!read_kind(json, &envelope->kind) || !read_signature(json, envelope))
		return err_set(err, RC_INVALID, "Type, SignatureVersion or Signature is not SNS'");
	envelope->topic = text_of(json, "TopicArn", arena);
	envelope->message_id = text_of(json, "MessageId", arena);
	envelope->message = text_of(json, "Message", arena);
	envelope->subject = text_of(json, "Subject", arena);
	envelope->timestamp = text_of(json, "Timestamp", arena);
	envelope->token = text_of(json, "Token", arena);
	envelope->subscribe_url = text_of(json, "SubscribeURL", arena);
	envelope->certificate_url = text_of(json, "SigningCertURL", arena);
	bool confirms = envelope->kind != SNS_NOTIFICATION;
	if (envelope->topic == NULL || envelope->message_id == NULL || envelope->message == NULL ||
	    envelope->timestamp == NULL || envelope->certificate_url == NULL ||
	    (confirms && (envelope->token == NULL || envelope->subscribe_url == NULL)))
		return err_set(err, RC_INVALID, "a member of the SNS message is missing");
	return RC_OK;
}

enum rc sns_envelope_read(const char *data, size_t length, struct arena *arena, struct sns_envelope *ret_envelope,
                          struct err *err)
{
	struct sns_envelope envelope = { .kind = SNS_NOTIFICATION };
	json_error_t error;
	json_t *json = json_loadb(data, length, JSON_REJECT_DUPLICATES, &error);
	if (json == NULL)
		return err_set(err, RC_INVALID, "not valid JSON: line %d, column %d", error.line, error.column);
	enum rc rc = read_members(json, arena, &envelope, err);
	json_decref(json);
	if (rc == RC_OK)
		*ret_envelope = envelope;
	return rc;
}

static void append(struct buffer *out, const char *name, const char *value)
{
	if (value != NULL)
		buffer_append_format(out, "%s\n%s\n", name, value);
}

void sns_envelope_append_signed(const struct sns_envelope *envelope, struct buffer *out)
{
	static const char *const NAMES[] = { "Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation" };
	bool confirms = envelope->kind != SNS_NOTIFICATION;
	append(out, "Message", envelope->message);
	append(out, "MessageId", envelope->message_id);
	append(out, "Subject", confirms ? NULL : envelope->subject);
	append(out, "SubscribeURL", confirms ? envelope->subscribe_url : NULL);
	append(out, "Timestamp", envelope->timestamp);
	append(out, "Token", confirms ? envelope->token : NULL);
	append(out, "TopicArn", envelope->topic);
	append(out, "Type", NAMES[envelope->kind]);
}

static bool is_region(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (strchr("abcdefghijklmnopqrstuvwxyz0123456789-", text[i]) == NULL)
			return false;
	return length > 0;
}

static bool is_amazon(const char *url)
{
	static const char START[] = "https://sns.";
	static const char *const ENDS[] = { ".amazonaws.com/", ".amazonaws.com.cn/" };
	if (strncmp(url, START, sizeof START - 1) != 0)
		return false;
	const char *region = url + sizeof START - 1;
	size_t length = strcspn(region, ".");
	for (size_t i = 0; i < sizeof ENDS / sizeof ENDS[0]; i++)
		if (is_region(region, length) && strncmp(region + length, ENDS[i], strlen(ENDS[i])) == 0)
			return true;
	return false;
}

bool sns_url_is_trusted(const char *url, const char *other)
{
	size_t length = strlen(other);
	// What could end or hide the host for another reader of URLs.
	if (strpbrk(url, "\\#@ \t\r\n") != NULL)
		return false;
	return is_amazon(url) || (length > 0 && strncmp(url, other, length) == 0 && url[length] == '/');
}

bool sns_topic_is_listed(const char *topic, const char *list)
{
	size_t length = strlen(topic);
	for (const char *at = list + strspn(list, ", "); *at != '\0'; at += strspn(at, ", ")) {
		size_t listed = strcspn(at, ", ");
		if (listed == length && memcmp(at, topic, length) == 0)
			return true;
		at += listed;
	}
	return false;
}
