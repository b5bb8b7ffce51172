// The edge in its tests: a private nginx with the rendered configuration, three servers behind it, delivery keys, and
// requests written byte by byte (a client library would tidy up what must arrive as it is).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "media/delivery.h"
#include "media/delivery_original.h"
#include "tests/integration/support/edge_origin.h"

#define EDGE_PURGE_TOKEN "purge-token-of-the-test"

struct edge_rig {
	char folder[128];          // everything of this nginx; removed at the end
	char module[512];          // ngx_http_safelight_module.so of the build under test
	uint16_t port, admin_port; // of nginx
	pid_t nginx;
	struct edge_origin store, ingest, api; // a test may put a fourth on port + 5, where [transcoder] listens
	struct delivery_keys keys;             // the first one signs
	struct uuid media_id; // edge_rig_fresh_media makes a new one, so that tests do not share cache entries
};

// Start everything, on the first ten free ports from EDGE_TEST_PORT (default 21600) on. cache_valid: what replaces
// `proxy_cache_valid 200 30d;`, so that staleness can be awaited; NULL: as it is. Fails the test when something does
// not start.
void edge_rig_start(struct edge_rig *rig, const char *cache_valid);
// The same with more lines of the [edge] section, each with its line end.
void edge_rig_start_with(struct edge_rig *rig, const char *cache_valid, const char *edge_settings);
// Stop everything; -1 when nginx complained of itself (a worker crashed, a sanitizer reported), else 0: a teardown's
// result.
int edge_rig_stop(struct edge_rig *rig);

// Render the configuration once more, elsewhere, under the environment of now; its words are the log "render.log".
// Returns its exit status.
int edge_rig_render(const struct edge_rig *rig);

// Write the keys file (text of cdn.keys) and let nginx reload; returns when the new workers answer.
void edge_rig_rotate(struct edge_rig *rig, const char *keys);
// The same with keys that nginx must refuse: returns when it has said so.
void edge_rig_try_rotate(struct edge_rig *rig, const char *keys);

// Append one of nginx's logs: "access.log", "error.log".
struct buffer;
void edge_rig_read_log(const struct edge_rig *rig, const char *name, struct buffer *out);

// A media that nobody asked for yet.
void edge_rig_fresh_media(struct edge_rig *rig);
// Sign `variant` of the present media (generation 1); format FORMAT_NONE: negotiated among all. lifetime: seconds from
// now, or 0 for ever.
void edge_rig_sign(struct edge_rig *rig, const char *variant, enum media_format format, int64_t lifetime,
                   char ret_url[DELIVERY_URL_SIZE]);

struct edge_reply {
	unsigned status; // 0: no answer
	char *head;      // status line and headers
	char *body;      // NUL-terminated behind length bytes
	size_t length;
};
void edge_reply_done(struct edge_reply *reply);

// Send these bytes on a new connection and read until the server closes (or twenty seconds passed). Any thread.
struct edge_reply edge_send(uint16_t port, const char *bytes, size_t length);
// A request with Connection: close; headers: further lines, each with CR LF; NULL: none.
struct edge_reply edge_request(uint16_t port, const char *method, const char *target, const char *headers);
struct edge_reply edge_get(struct edge_rig *rig, const char *target, const char *headers);

// True when the answer has the header with exactly this value / has it at all.
bool edge_reply_has(const struct edge_reply *reply, const char *name, const char *value);
bool edge_reply_names(const struct edge_reply *reply, const char *name);
// Fails the test unless it is a problem of that status and slug that nobody may keep.
void edge_assert_problem(const struct edge_reply *reply, unsigned status, const char *slug);
// GET, and fail the test unless it is 200 with that X-Cache.
void edge_assert_cache(struct edge_rig *rig, const char *target, const char *headers, const char *cache);
