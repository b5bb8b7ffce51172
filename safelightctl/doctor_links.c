// NATS, services and the edge.
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/settings.h"
#include "base/uuid.h"
#include "bus/bus.h"
#include "bus/pools.h"
#include "http/client.h"
#include "safelightctl/command.h"
#include "safelightctl/doctor.h"
#include "safelightctl/probe.h"
#include "safelightctl/reach.h"
#include "safelightctl/report.h"

#define STRANGER_MS 1000
#define EDGE_MS 5000

// Whoever reaches the port without the token must be turned away.
static void check_stranger(struct doctor *doctor)
{
	const struct bus_options options = { .servers = doctor->call->settings->bus_url,
		                             .name = "safelightctl",
		                             .timeout_ms = STRANGER_MS };
	struct bus *bus = NULL;
	struct err err = { 0 };
	if (bus_open(&options, &bus, &err) != RC_OK)
		return;
	bool is_in = bus_is_connected(bus);
	bus_close(bus);
	doctor_add(doctor, "bus: token", !is_in,
	           "give nats-server an authorization token, and [bus] token_file the same", "%s",
	           is_in ? "anybody may connect" : "a stranger is turned away");
}

static void check_streams(struct doctor *doctor, const json_t *part)
{
	int64_t limit = report_int(part, "store_limit_bytes"), promised = 0;
	size_t index = 0;
	json_t *stream = NULL;
	char used[REPORT_TEXT_SIZE], most[REPORT_TEXT_SIZE], name[80];
	json_array_foreach(json_object_get(part, "streams"), index, stream)
	{
		int64_t bytes = report_int(stream, "bytes"), max_bytes = report_int(stream, "max_bytes");
		promised += max_bytes;
		(void)snprintf(name, sizeof name, "bus: stream %s", report_text(stream, "name"));
		if (!report_bool(stream, "present"))
			doctor_add(doctor, name, false, "restart a service: each makes the streams at its start",
			           "it is not there");
		else
			doctor_add(doctor, name, max_bytes == 0 || bytes < max_bytes / 5 * 4,
			           "find what does not take its messages: safelightctl top, pool list", "%s of %s",
			           report_bytes(bytes, used),
			           max_bytes == 0 ? "no limit" : report_bytes(max_bytes, most));
	}
	doctor_add(doctor, "bus: room", limit < 0 || promised <= limit,
	           "raise max_file_store of nats-server above the sum of the streams' limits",
	           "the streams may take %s, the account %s", report_bytes(promised, used),
	           limit < 0 ? "what the disk has" : report_bytes(limit, most));
}

// What holds in the transcoders that run, not what this host could do.
static void check_sandbox(struct doctor *doctor, const json_t *pool)
{
	size_t index = 0;
	json_t *one = NULL;
	json_array_foreach(json_object_get(pool, "transcoders"), index, one)
	{
		const char *layers = report_text(one, "sandbox");
		char name[120];
		if (report_bool(one, "late"))
			continue;
		(void)snprintf(name, sizeof name, "sandbox of %.100s", report_text(one, "worker"));
		doctor_add(doctor, name, strstr(layers, "seccomp") != NULL && strstr(layers, "landlock") != NULL,
		           "run a kernel with seccomp and Landlock, and [transcoder] sandbox = required", "%s; %s",
		           layers, report_text(one, "codecs"));
	}
}

static void check_transcoders(struct doctor *doctor)
{
	CLEANUP(reach_bus_done) struct bus *bus = NULL;
	json_auto_t *pools = NULL;
	struct err err = { 0 };
	if (reach_bus(doctor->call, &bus, &err) != RC_OK ||
	    bus_pools_read(bus, doctor->call->settings, &pools, &err) != RC_OK) {
		doctor_add(doctor, "pools", false, "start a service: it makes the buckets", "%s", err.text);
		return;
	}
	size_t index = 0;
	json_t *pool = NULL;
	json_array_foreach(pools, index, pool)
	{
		char name[80];
		int64_t running = report_int(pool, "workers_running"), wanted = report_int(pool, "workers_wanted");
		bool is_paused = report_bool(pool, "setting.paused");
		(void)snprintf(name, sizeof name, "pool %s", report_text(pool, "name"));
		doctor_add(doctor, name,
		           running > 0 && report_bool(pool, "taken") && !is_paused && !report_bool(pool, "backs_off"),
		           running == 0 ? "start a transcoder whose configuration has a [pool.…] section for it"
		           : is_paused  ? "safelightctl pool resume it, when the reason for the pause is over"
		                        : "see safelightctl pool show: a transcoder has not taken the setting",
		           "%lld of %lld workers run%s%s", (long long)running, (long long)wanted,
		           is_paused ? ", paused" : "",
		           report_bool(pool, "backs_off") ? ", backing off: its children die" : "");
		if (index == 0) // each transcoder runs every pool of its configuration
			check_sandbox(doctor, pool);
	}
}

void doctor_check_bus(struct doctor *doctor)
{
	json_auto_t *part = probe_bus(doctor->call);
	bool is_up = json_object_get(part, "streams") != NULL;
	doctor_add(doctor, "bus", is_up, "start nats-server with JetStream; check [bus] url and token", "%s",
	           is_up ? report_text(part, "url") : report_text(part, "detail"));
	if (!is_up)
		return;
	check_streams(doctor, part);
	check_stranger(doctor);
	check_transcoders(doctor);
}

static void add_part(struct doctor *doctor, json_t *part, const char *mend)
{
	doctor_add(doctor, report_text(part, "name"), report_bool(part, "ok"), mend, "%s%s%s", report_text(part, "url"),
	           report_bool(part, "ok") ? " is ready" : ": ",
	           report_bool(part, "ok") ? "" : report_text(part, "detail"));
	json_decref(part);
}

// An unsigned delivery URL must not be served, whatever the cache holds.
static void check_refusal(struct doctor *doctor)
{
	char origin[256], url[400], id[UUID_TEXT_SIZE];
	struct uuid media = uuid_new();
	struct err err = { 0 };
	unsigned status = 0;
	uuid_format(&media, id);
	reach_url(doctor->call->settings->edge_listen, origin, sizeof origin);
	(void)snprintf(url, sizeof url, "%s/m/%s/1/w320.jpg", origin, id);
	enum rc rc = reach_get(doctor->http, url, EDGE_MS, &status, NULL, &err);
	doctor_add(doctor, "edge: signatures", rc == RC_OK && status == 403,
	           "the edge must run our nginx module with `safelight_delivery on` (cdn-config/render.sh)",
	           "an unsigned URL is answered %u", status);
}

void doctor_check_services(struct doctor *doctor)
{
	const struct settings *settings = doctor->call->settings;
	static const char MEND[] = "start it, read its log for `start_failed`, mend what its checks name";
	add_part(doctor, probe_service(doctor->http, "ingest", settings->ingest_listen), MEND);
	add_part(doctor, probe_service(doctor->http, "transcoder", settings->transcoder_listen), MEND);
	add_part(doctor, probe_service(doctor->http, "api", settings->api_listen), MEND);
	json_t *edge = probe_edge(doctor->http, settings->edge_listen);
	bool is_up = report_bool(edge, "ok");
	add_part(doctor, edge, "start nginx with the rendered configuration (cdn-config/render.sh) and read error.log");
	if (is_up)
		check_refusal(doctor);
}
