// What the files of the nginx module share: its configuration, a request's context, and the calls between them.
//
// Everything runs in nginx's worker processes, which have one thread each; nothing here needs a lock except the shared
// memory of metrics (atomic) and of the cache (its own mutex).
#pragma once

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <stdbool.h>

#include "media/delivery.h"
#include "media/delivery_original.h"
#include "store/sigv4.h"

// Where media come from on a miss, and who asks.
struct edge_origin {
	char host[256];        // the Host header
	ngx_str_t path_prefix; // "/bucket/"
	struct sigv4_signer signer;
};

// One answer of `safelight_problem`.
struct edge_problem {
	ngx_uint_t status;
	const char *slug;
	const char *detail;
};

#define EDGE_PURGE_ZONES 2
struct edge_purge {
	ngx_shm_zone_t *zones[EDGE_PURGE_ZONES]; // of caches; their data is the ngx_http_file_cache_t once workers run
	size_t zone_count;
	uint8_t token_digest[SHA256_SIZE]; // SHA-256 of the bearer token
};

// Origins whose pages may read media: at least one, each as browsers write it; or "*" alone.
struct edge_cors {
	ngx_array_t *origins; // of ngx_str_t
};

// Configuration of the http block, and what a worker keeps.
#define EDGE_UPSTREAM_WORDS 3
struct edge_main_conf {
	ngx_shm_zone_t *metrics;
	ngx_int_t request_id_index;                      // of $safelight_request_id
	ngx_int_t upstream_indexes[EDGE_UPSTREAM_WORDS]; // of $upstream_addr, _status, _response_time
	ngx_pid_t id_pid;                                // the worker that made the following; 0 before the first
	uint64_t id_prefix;                              // random: front of this worker's request ids
	uint64_t id_state;                               // random at first, then counting
};

// What a location delivers.
enum edge_delivery { EDGE_NO_DELIVERY, EDGE_VARIANTS, EDGE_PUBLIC_VARIANTS, EDGE_ORIGINALS };

// Configuration of a location. Pointers are NULL where nothing was said there or around it.
struct edge_conf {
	ngx_uint_t delivery; // enum edge_delivery
	ngx_flag_t metrics;
	struct delivery_keys *keys;
	struct edge_origin *origin;
	struct edge_problem *problem;
	struct edge_purge *purge;
	struct edge_cors *cors;
	ngx_str_t on_demand_authorization; // header for the transcoder; empty: none
};

// What is known of a request to a delivery location. It outlives internal redirects.
struct edge_context {
	bool is_method_refused; // neither GET nor HEAD; the verdict was not reached then
	enum delivery_verdict verdict;
	struct delivery_grant grant;        // of DELIVERY_OK only, like what follows
	enum media_format format;           // granted or negotiated
	struct delivery_original *original; // of a request for an original, whose expiry is the grant's; else NULL
	ngx_str_t object_key;               // NUL-terminated, the end of the request's uri
	char amz_date[SIGV4_TIME_SIZE];     // of the origin request; "" before it
	ngx_str_t authorization;            // of the origin request, in the request's pool
	time_t signed_at;
};

extern ngx_module_t ngx_http_safelight_module;
extern ngx_module_t ngx_http_safelight_conditional_module; // edge_conditional.c

// The context of a request or of its subrequests; NULL when its location was no delivery location.
struct edge_context *edge_context_find(ngx_http_request_t *request);

// ACCESS phase: verify the URL, negotiate the format, make the request one for the object at its origin; answers
// refused requests itself.
ngx_int_t edge_delivery_check(ngx_http_request_t *request);

// POST_READ phase: from here on error messages name a request without its query, which holds signatures and tokens.
ngx_int_t edge_log_hide_query(ngx_http_request_t *request);

// What logs may say of the request's target: its path without its query, /v1/shared/ without its token.
ngx_str_t edge_log_path(const ngx_http_request_t *request);

// The request's line in the access log: a JSON object without line end, in the request's pool. NGX_OK or NGX_ERROR.
ngx_int_t edge_log_line(ngx_http_request_t *request, ngx_str_t *ret_line);

// For logs: ok, malformed, …; method; none outside of deliveries. The format that was granted, or "". Never NULL.
const char *edge_verdict_name(ngx_http_request_t *request);
const char *edge_format_name(ngx_http_request_t *request);

// The variables of the module; NGX_OK or NGX_ERROR.
ngx_int_t edge_variables_add(ngx_conf_t *conf);

// Header filter: what leaves a delivery location carries our headers and no others. Installed after configuration.
void edge_headers_install(void);

// Drop every header that was set so far, but keep Content-Range (416).
void edge_headers_clear(ngx_http_request_t *request);

// Add one header to the answer; texts are not copied. NGX_OK or NGX_ERROR.
ngx_int_t edge_headers_add(ngx_http_request_t *request, ngx_str_t name, ngx_str_t value);
#define EDGE_TEXT(literal) ((ngx_str_t)ngx_string(literal))

// The headers of every answer of ours: request id, nosniff, CSP, CORP. NGX_OK or NGX_ERROR.
ngx_int_t edge_headers_add_common(ngx_http_request_t *request);

// A header of the request by its name in lower case; NULL when there is none.
const ngx_table_elt_t *edge_header_find(ngx_http_request_t *request, ngx_str_t name);

// CORS (WHATWG Fetch): the headers with which the answer's bytes may be read by pages of other origins, where the
// configuration names any and the request is one for media. NGX_OK or NGX_ERROR.
ngx_int_t edge_cors_add(ngx_http_request_t *request);
// Whether those depend on the request's Origin.
bool edge_cors_varies(ngx_http_request_t *request);
// Whether it is a preflight of an origin that is allowed; its answer, returning what a content handler returns.
bool edge_cors_is_preflight(ngx_http_request_t *request);
ngx_int_t edge_cors_send_preflight(ngx_http_request_t *request);

// Sign the origin request of this context, unless that was done a moment ago (slices of one original are fetched one
// after the other, for as long as the client takes): fills amz_date and authorization. NGX_OK or NGX_ERROR (logged).
ngx_int_t edge_origin_sign(ngx_http_request_t *request, struct edge_origin *origin, struct edge_context *context);

// Answer with a problem (RFC 9457) or with another body; what these return is what a content handler returns.
ngx_int_t edge_problem_send(ngx_http_request_t *request, const struct edge_problem *problem);
ngx_int_t edge_body_send(ngx_http_request_t *request, ngx_uint_t status, const char *content_type, const char *data,
                         size_t length);

// Content handlers of locations with safelight_problem, safelight_purge, safelight_metrics.
ngx_int_t edge_problem_handler(ngx_http_request_t *request);
ngx_int_t edge_purge_handler(ngx_http_request_t *request);
ngx_int_t edge_metrics_handler(ngx_http_request_t *request);

// The caller's X-Request-Id when it is 1 - 64 of A-Z a-z 0-9 _ -, else a new one. Never NULL data.
ngx_str_t edge_request_id(ngx_http_request_t *request);

// The zone of the counters; LOG phase: count a request of a delivery location; count purged files.
ngx_shm_zone_t *edge_metrics_zone(ngx_conf_t *conf);
ngx_int_t edge_metrics_count(ngx_http_request_t *request);
void edge_metrics_count_purged(ngx_http_request_t *request, ngx_uint_t files);

// A secret read by file_read_secret: overwritten and freed. Accepts NULL.
void edge_secret_free(char *text);

// Directives, in the form nginx calls them.
char *edge_set_keys_file(ngx_conf_t *conf, ngx_command_t *command, void *location);
char *edge_set_origin(ngx_conf_t *conf, ngx_command_t *command, void *location);
char *edge_set_problem(ngx_conf_t *conf, ngx_command_t *command, void *location);
char *edge_set_purge(ngx_conf_t *conf, ngx_command_t *command, void *location);
char *edge_set_on_demand_token(ngx_conf_t *conf, ngx_command_t *command, void *location);
char *edge_set_cors(ngx_conf_t *conf, ngx_command_t *command, void *location);
char *edge_set_metrics(ngx_conf_t *conf, ngx_command_t *command, void *location);
