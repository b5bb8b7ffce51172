// AWS Signature Version 4 for S3: header signatures, presigned URLs, POST policies. Pure: no I/O, no clock, no
// allocation, no logging, so that the edge's nginx module links it too.
//
// Source: "Authenticating Requests (AWS Signature Version 4)" of the Amazon S3 API reference. As S3 wants it, paths are
// encoded once, '/' stays, dot segments are not resolved, query parameters are sorted by their encoded form.
// Everything is given raw (not encoded) and goes to the wire in the form that sigv4_encode_target gives.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/crypto.h"
#include "base/error.h"
#include "store/pair.h"
#include "store/span.h"

#define SIGV4_DATE_SIZE 9         // "20130524"
#define SIGV4_TIME_SIZE 17        // "20130524T000000Z"
#define SIGV4_SIGNATURE_SIZE 65   // 64 hex digits
#define SIGV4_ACCESS_KEY_SIZE 129 // as IAM bounds them
#define SIGV4_SECRET_KEY_SIZE 129
#define SIGV4_TOKEN_SIZE 2049
#define SIGV4_NAME_SIZE 65 // a region or a service
#define SIGV4_SCOPE_SIZE (SIGV4_DATE_SIZE + 2 * SIGV4_NAME_SIZE + 16)
#define SIGV4_CREDENTIAL_SIZE (SIGV4_ACCESS_KEY_SIZE + SIGV4_SCOPE_SIZE)
#define SIGV4_PAIRS 64                // most headers, and most query parameters, of one request
#define SIGV4_TARGET_SIZE (16 * 1024) // room that is enough for every encoded path and query of ours
#define SIGV4_AUTHORIZATION_SIZE 2048
#define SIGV4_UNSIGNED_PAYLOAD "UNSIGNED-PAYLOAD"
#define SIGV4_EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define SIGV4_PRESIGN_SECONDS_MAX 604800 // seven days

// The key of one day: valid for one (secret, date, region, service). Copyable; signing with it changes nothing.
struct sigv4_key {
	char scope[SIGV4_SCOPE_SIZE];           // "20130524/us-east-1/s3/aws4_request"
	char credential[SIGV4_CREDENTIAL_SIZE]; // access key "/" scope
	char token[SIGV4_TOKEN_SIZE];           // security token of temporary credentials; "" without
	struct hmac_key hmac;
};

// Who signs, with the last day's key remembered. One thread at a time; wipe with sigv4_signer_done.
struct sigv4_signer {
	char access_key[SIGV4_ACCESS_KEY_SIZE];
	char secret_key[SIGV4_SECRET_KEY_SIZE];
	char token[SIGV4_TOKEN_SIZE];
	char region[SIGV4_NAME_SIZE];
	char service[SIGV4_NAME_SIZE];
	char date[SIGV4_DATE_SIZE]; // the day of key; "" before the first use
	struct sigv4_key key;
};

// Copies the texts. token may be NULL (long-lived credentials). RC_INVALID when one is empty, too long or holds
// characters that do not belong there.
enum rc sigv4_signer_init(struct sigv4_signer *signer, const char *access_key, const char *secret_key,
                          const char *token, const char *region, const char *service, struct err *err) MUST_CHECK;
void sigv4_signer_done(struct sigv4_signer *signer);

// The key for the day of time ("20130524T000000Z" or "20130524"): remembered, or derived (four HMACs). Lives in the
// signer until the next call; copy it to use it in another thread. Never NULL.
const struct sigv4_key *sigv4_signer_key(struct sigv4_signer *signer, const char *time);

// What is to be signed. Texts are borrowed for the call.
struct sigv4_request {
	const char *method;             // "GET", in upper case
	const char *scheme;             // "http" or "https"; used by presigned URLs alone
	const char *host;               // as it goes into the Host header: with the port unless it is the scheme's own
	const char *path;               // raw, begins with '/': "/bucket/key with spaces"
	const struct store_pair *query; // raw names and values, any order
	size_t query_count;
	// Further headers to sign (names in any case): the sender must send each with exactly this value, up to blanks
	// at its ends and runs of blanks. Not host, x-amz-date, x-amz-content-sha256, x-amz-security-token: they are
	// added.
	const struct store_pair *headers;
	size_t header_count;
	// Lower-case hex SHA-256 of the body, or SIGV4_UNSIGNED_PAYLOAD. Presigned URLs always use the latter.
	const char *payload;
};

// "path?query" in the encoded form that is signed; without '?' when there is no query. RC_LIMIT when out is too small;
// RC_INVALID for more than SIGV4_PAIRS parameters or a path that does not begin with '/'.
enum rc sigv4_encode_target(const char *path, const struct store_pair *query, size_t query_count, struct span *out,
                            struct err *err) MUST_CHECK;

// Append the canonical request for header signing (for tests and for explaining a refused signature).
enum rc sigv4_canonical_request(const struct sigv4_key *key, const struct sigv4_request *request, const char *time,
                                struct span *out, struct err *err) MUST_CHECK;

// The value of the Authorization header. The sender must also send, besides host and request->headers: "x-amz-date:
// time", "x-amz-content-sha256: payload" and, when key->token is not "", "x-amz-security-token: token".
// RC_INVALID when a header's value holds line breaks, NULs or other control characters, a name is no token, twice there
// or reserved; RC_LIMIT when something does not fit. Allocates nothing; needs SIGV4_WORK_SIZE of stack. Any thread.
enum rc sigv4_sign(const struct sigv4_key *key, const struct sigv4_request *request, const char *time,
                   char ret_authorization[SIGV4_AUTHORIZATION_SIZE], struct err *err) MUST_CHECK;

// The presigned URL, absolute, valid from time for seconds (1 to SIGV4_PRESIGN_SECONDS_MAX). The sender must send
// request->headers. Errors like sigv4_sign.
enum rc sigv4_presign(const struct sigv4_key *key, const struct sigv4_request *request, const char *time,
                      int64_t seconds, struct span *ret_url, struct err *err) MUST_CHECK;

// The x-amz-signature field of a POST form: policy is the base64 text of its policy document.
void sigv4_sign_policy(const struct sigv4_key *key, const char *policy, char ret_signature[SIGV4_SIGNATURE_SIZE]);

// Stack that signing takes for the canonical request.
#define SIGV4_WORK_SIZE (24 * 1024)
