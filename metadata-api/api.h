// What every handler of metadata-api shares: connections, keys, and the threads for password hashing.
#pragma once

#include "base/crypto.h"
#include "base/idempotency.h"
#include "base/secret_box.h"
#include "catalog/catalog.h"
#include "http/access_token.h"
#include "media/delivery.h"

struct background;
struct bus;
struct cache;
struct db_pipeline;
struct db_pool;
struct event_hub;
struct external_keys;
struct http_request;
struct http_server;
struct metrics;
struct password_policy;
struct preset_set;
struct push_sender;
struct rate_limit;
struct rate_share;
struct session_guard;
struct settings;
struct replica;
struct share_board;
struct variant_cache;
struct trace_exporter;
struct webhook_sender;
struct work_pool;

// Settings that SIGHUP changes while requests are under way; each is read once where it counts.
struct api_live {
	_Atomic int64_t account_calls;
	_Atomic int64_t address_calls;
	_Atomic int64_t login_tries;
	_Atomic int64_t login_pause_seconds;
	_Atomic int64_t refresh_seconds;
	_Atomic int64_t refresh_grace_seconds;
	_Atomic int64_t search_ms;
	_Atomic int64_t share_url_seconds;
	_Atomic int64_t event_clients_of_account;
	_Atomic int64_t audit_days;
	_Atomic int64_t told_days;
	_Atomic int64_t webhook_disable_days;
};

// Made at start, read-only afterwards but for live; each member is safe for any thread.
struct api {
	const struct settings *settings;
	struct api_live live;
	struct metrics *metrics;
	struct db_pool *pool;         // transactions
	struct db_pipeline *pipeline; // single statements
	struct replica *replica;      // reads that may go there; NULL: there is none
	struct catalog catalog;       // over both
	struct access_token_keys *tokens;
	struct access_token_gate gate; // of the server, with tokens and guard
	struct delivery_keys delivery;
	struct preset_set *presets;
	struct hmac_key cursor_key;
	struct hmac_key refresh_key;
	struct password_policy *passwords;
	struct work_pool *hashers;   // all that hashes passwords, so that a flood of logins stops nobody else
	struct session_guard *guard; // ended sessions, whose access tokens are refused
	struct idempotency_store idempotency;
	struct rate_limit *limits;      // of tries and calls, by account and address
	struct cache *cache;            // what instances share in Redis; NULL: none is configured
	struct rate_share *rate_share;  // of limits
	struct external_keys *external; // of the identity provider; NULL: none is configured
	struct background *eraser;      // of deleted accounts
	struct background *keeper;      // of what has been kept long enough
	struct share_board *shares;     // readers of share links, gathered
	struct bus *bus;                // events of all processes
	struct event_hub *events;       // clients that follow theirs
	struct variant_cache *variants; // texts of variants, kept
	bool has_webhooks;              // there is a key for their secrets
	struct secret_box_key webhook_box;
	struct webhook_sender *webhooks;
	struct push_sender *pushes;
	struct http_server *server;
	struct trace_exporter *trace; // NULL: nobody wants spans
};

// The context of a request's handler.
struct api *api_of(const struct http_request *request);

// Hand a request over to a thread that may hash: run(request) answers it. 503 at once when too many wait. Call from an
// event thread as the handler's last act.
void api_hash_on_pool(struct http_request *request, void (*run)(void *request));
