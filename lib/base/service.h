// What every daemon's main does: arguments, configuration, signals, start, drain.
//
// SIGTERM/SIGINT drain (a second one ends at once); SIGHUP reloads. Arguments: --config FILE (or SAFELIGHT_CONFIG),
// --check-config,
// --help-config, --routes, --version, --help. Exit status: 0 after a clean drain, 64 wrong usage, 78 wrong
// configuration, 1 failed start.
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

struct settings;

struct service {
	const char *name;    // "ingest": the log's service field
	const char *summary; // one sentence for --help
	const char *secrets; // which secrets of the configuration it reads: settings_load_for
	// Look into what the settings' own rules cannot know (presets); err has file and line. Before start, at
	// --check-config and at a reload. May be NULL.
	enum rc (*check)(const struct settings *settings, struct err *err);
	// Start everything; must not block longer than dependencies' own deadlines. *ret_state is passed to the others.
	enum rc (*start)(const struct settings *settings, void **ret_state, struct err *err);
	// Take over what may change live from newly loaded settings; the old ones stay valid until stop. May be NULL.
	void (*reload)(void *state, const struct settings *settings);
	// Print the HTTP routes as JSON, for --routes. NULL: there are none, and no such option.
	void (*print_routes)(FILE *out);
	// Stop taking work, finish or give back what is in hand, free the state; at most drain_ms milliseconds.
	void (*stop)(void *state, int64_t drain_ms);
};

int service_main(int argc, char **argv, const struct service *service);
