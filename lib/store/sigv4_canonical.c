// The canonical form of a request: what both sides of SigV4 must write byte for byte alike.
#include "store/sigv4_canonical.h"

#include <string.h>

static char to_lower(char character)
{
	return character >= 'A' && character <= 'Z' ? (char)(character - 'A' + 'a') : character;
}

static int compare_names(const char *left, const char *right)
{
	while (*left != '\0' && to_lower(*left) == to_lower(*right)) {
		left++;
		right++;
	}
	return (unsigned char)to_lower(*left) - (unsigned char)to_lower(*right);
}

// RFC 9110 §5.6.2: the characters of a header's name.
static bool is_header_name(const char *name)
{
	if (name[0] == '\0')
		return false;
	for (; *name != '\0'; name++) {
		bool alphanumeric = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') ||
		                    (*name >= '0' && *name <= '9');
		if (!alphanumeric && strchr("!#$%&'*+-.^_`|~", *name) == NULL)
			return false;
	}
	return true;
}

// A line break in a value would let it forge headers.
static bool is_header_value(const char *value)
{
	for (; *value != '\0'; value++)
		if (((unsigned char)*value < ' ' && *value != '\t') || *value == 0x7f)
			return false;
	return true;
}

static bool is_reserved(const char *name)
{
	static const char *const reserved[] = { "host", "authorization", "x-amz-date", "x-amz-content-sha256",
		                                "x-amz-security-token" };
	for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
		if (compare_names(name, reserved[i]) == 0)
			return true;
	return false;
}

enum rc canonical_headers_add_all(struct canonical_headers *headers, const struct sigv4_request *request,
                                  struct err *err)
{
	if (request->header_count > SIGV4_PAIRS)
		return err_set(err, RC_LIMIT, "more than %d headers to sign", SIGV4_PAIRS);
	for (size_t i = 0; i < request->header_count; i++) {
		const struct store_pair *pair = &request->headers[i];
		if (!is_header_name(pair->name))
			return err_set(err, RC_INVALID, "\"%.60s\" is no header name", pair->name);
		if (is_reserved(pair->name))
			return err_set(err, RC_INVALID, "the header %s is added by signing", pair->name);
		if (!is_header_value(pair->value))
			return err_set(err, RC_INVALID, "the value of the header %.60s holds control characters",
			               pair->name);
		canonical_headers_add(headers, pair->name, pair->value);
	}
	return RC_OK;
}

void canonical_headers_add(struct canonical_headers *headers, const char *name, const char *value)
{
	headers->pairs[headers->count++] = (struct store_pair){ .name = name, .value = value };
}

// Insertion sort: a handful of entries, nothing allocated, stable.
static void sort_pairs(struct store_pair *pairs, size_t count,
                       int (*compare)(const struct store_pair *, const struct store_pair *))
{
	for (size_t i = 1; i < count; i++) {
		struct store_pair pair = pairs[i];
		size_t at = i;
		for (; at > 0 && compare(&pair, &pairs[at - 1]) < 0; at--)
			pairs[at] = pairs[at - 1];
		pairs[at] = pair;
	}
}

static int compare_headers(const struct store_pair *left, const struct store_pair *right)
{
	return compare_names(left->name, right->name);
}

enum rc canonical_headers_sort(struct canonical_headers *headers, struct err *err)
{
	sort_pairs(headers->pairs, headers->count, compare_headers);
	for (size_t i = 1; i < headers->count; i++)
		if (compare_headers(&headers->pairs[i - 1], &headers->pairs[i]) == 0)
			return err_set(err, RC_INVALID, "the header %.60s is there twice", headers->pairs[i].name);
	return RC_OK;
}

static void append_lower(struct span *out, const char *name)
{
	for (; *name != '\0'; name++)
		span_append_char(out, to_lower(*name));
}

void canonical_headers_write_names(const struct canonical_headers *headers, struct span *out)
{
	for (size_t i = 0; i < headers->count; i++) {
		if (i > 0)
			span_append_char(out, ';');
		append_lower(out, headers->pairs[i].name);
	}
}

// Without blanks at both ends, each run of blanks inside as one space.
static void append_value(struct span *out, const char *value)
{
	bool blank = false;
	bool begun = false;
	for (; *value != '\0'; value++) {
		if (*value == ' ' || *value == '\t') {
			blank = begun;
			continue;
		}
		if (blank)
			span_append_char(out, ' ');
		blank = false;
		begun = true;
		span_append_char(out, *value);
	}
}

// Walks the percent-encoded form of a text without writing it down.
struct encoded_walk {
	const char *at;
	unsigned digit; // 0: at a character; 1, 2: at the first or second hex digit of one
};

static int next_encoded(struct encoded_walk *walk)
{
	static const char digits[] = "0123456789ABCDEF";
	unsigned char byte = (unsigned char)*walk->at;
	if (byte == '\0')
		return -1;
	if (walk->digit == 0 && span_is_unreserved(*walk->at)) {
		walk->at++;
		return byte;
	}
	walk->digit++;
	if (walk->digit == 1)
		return '%';
	if (walk->digit == 2)
		return digits[byte >> 4];
	walk->digit = 0;
	walk->at++;
	return digits[byte & 15];
}

static int compare_encoded(const char *left, const char *right)
{
	struct encoded_walk left_walk = { .at = left };
	struct encoded_walk right_walk = { .at = right };
	for (;;) {
		int left_character = next_encoded(&left_walk);
		int right_character = next_encoded(&right_walk);
		if (left_character != right_character || left_character < 0)
			return left_character - right_character;
	}
}

// The order is of the encoded forms: '~' stands behind '%C3', though '~' < 'ü' before encoding.
static int compare_parameters(const struct store_pair *left, const struct store_pair *right)
{
	int order = compare_encoded(left->name, right->name);
	return order != 0 ? order : compare_encoded(left->value, right->value);
}

static enum rc append_query(const struct store_pair *query, size_t query_count, struct span *out, struct err *err)
{
	struct store_pair sorted[SIGV4_PAIRS + 6]; // as many as a presigned request has
	if (query_count > sizeof sorted / sizeof sorted[0])
		return err_set(err, RC_INVALID, "more than %d query parameters", SIGV4_PAIRS);
	for (size_t i = 0; i < query_count; i++)
		sorted[i] = query[i];
	sort_pairs(sorted, query_count, compare_parameters);
	for (size_t i = 0; i < query_count; i++) {
		if (i > 0)
			span_append_char(out, '&');
		span_append_percent(out, sorted[i].name, false);
		span_append_char(out, '=');
		span_append_percent(out, sorted[i].value, false);
	}
	return RC_OK;
}

static enum rc append_path(const char *path, struct span *out, struct err *err)
{
	if (path[0] != '/')
		return err_set(err, RC_INVALID, "the path to sign does not begin with '/'");
	span_append_percent(out, path, true);
	return RC_OK;
}

enum rc sigv4_encode_target(const char *path, const struct store_pair *query, size_t query_count, struct span *out,
                            struct err *err)
{
	enum rc rc = append_path(path, out, err);
	if (rc == RC_OK && query_count > 0) {
		span_append_char(out, '?');
		rc = append_query(query, query_count, out, err);
	}
	if (rc == RC_OK && !span_ok(out))
		return err_set(err, RC_LIMIT, "the request target is too long");
	return rc;
}

enum rc canonical_write(const struct sigv4_request *request, const struct store_pair *query, size_t query_count,
                        const struct canonical_headers *headers, const char *payload, struct span *out, struct err *err)
{
	span_append_text(out, request->method);
	span_append_char(out, '\n');
	enum rc rc = append_path(request->path, out, err);
	if (rc != RC_OK)
		return rc;
	span_append_char(out, '\n');
	rc = append_query(query, query_count, out, err);
	if (rc != RC_OK)
		return rc;
	span_append_char(out, '\n');
	for (size_t i = 0; i < headers->count; i++) {
		append_lower(out, headers->pairs[i].name);
		span_append_char(out, ':');
		append_value(out, headers->pairs[i].value);
		span_append_char(out, '\n');
	}
	span_append_char(out, '\n');
	canonical_headers_write_names(headers, out);
	span_append_char(out, '\n');
	span_append_text(out, payload);
	if (!span_ok(out))
		return err_set(err, RC_LIMIT, "the request is too long to sign");
	return RC_OK;
}
