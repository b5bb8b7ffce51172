// How much of the error budgets is used: the three objectives of deploy/prometheus, since the processes' start.
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/settings.h"
#include "safelightctl/command.h"
#include "safelightctl/probe.h"
#include "safelightctl/reach.h"

// One objective: bad events among all, and the share that may be bad.
struct objective {
	const char *name;
	double budget;
	double all, bad;
};

static bool has(const char *line, size_t length, const char *part)
{
	return part != NULL && memmem(line, length, part, strlen(part)) != NULL;
}

// Sum of the series of that name that hold both parts (NULL: anything) and not `other` (NULL: nothing is left out).
static double sum_series(const char *metrics, const char *name, const char *part, const char *also, const char *other)
{
	size_t length = strlen(name);
	double sum = 0;
	for (const char *line = metrics; line != NULL && *line != '\0';) {
		const char *end = strchr(line, '\n');
		const char *blank = end == NULL ? NULL : memrchr(line, ' ', (size_t)(end - line));
		size_t series = blank == NULL ? 0 : (size_t)(blank - line);
		if (series > length && strncmp(line, name, length) == 0 && line[length] == '{' &&
		    (part == NULL || has(line, series, part)) && (also == NULL || has(line, series, also)) &&
		    !has(line, series, other))
			sum += strtod(blank + 1, NULL);
		line = end == NULL ? NULL : end + 1;
	}
	return sum;
}

static void add_requests(const char *metrics, struct objective *errors, struct objective *reads)
{
	static const char GET[] = "method=\"GET\"";
	static const char FEED[] = "route=\"/v1/events\"";
	errors->all += sum_series(metrics, "safelight_http_requests_total", NULL, NULL, NULL);
	errors->bad += sum_series(metrics, "safelight_http_requests_total", "status=\"5xx\"", NULL, NULL);
	double reads_all = sum_series(metrics, "safelight_http_request_seconds_count", GET, NULL, FEED);
	reads->all += reads_all;
	reads->bad += reads_all - sum_series(metrics, "safelight_http_request_seconds_bucket", GET, "le=\"0.3\"", FEED);
}

static void add_ready(const char *metrics, struct objective *ready)
{
	double all = sum_series(metrics, "safelight_media_ready_seconds_count", NULL, NULL, NULL);
	ready->all += all;
	ready->bad += all - sum_series(metrics, "safelight_media_ready_seconds_bucket", "le=\"5\"", NULL, NULL);
}

static char *read_metrics(struct http_client *http, const char *listen)
{
	char url[256];
	unsigned status = 0;
	char *text = NULL;
	struct err err = { 0 };
	reach_url(listen, url, sizeof url);
	(void)snprintf(url + strlen(url), sizeof url - strlen(url), "/metrics");
	if (reach_get(http, url, PROBE_HTTP_MS, &status, &text, &err) != RC_OK || status != 200) {
		free(text);
		return NULL;
	}
	return text;
}

json_t *probe_budget(const struct call *call, struct http_client *http)
{
	const struct settings *settings = call->settings;
	struct objective objectives[] = { { .name = "errors", .budget = 0.001 },
		                          { .name = "slow_reads", .budget = 0.05 },
		                          { .name = "slow_ready", .budget = 0.05 } };
	const char *const listens[] = { settings->ingest_listen, settings->api_listen, settings->transcoder_listen };
	for (size_t i = 0; i < sizeof listens / sizeof listens[0]; i++) {
		char *metrics = read_metrics(http, listens[i]);
		if (metrics == NULL)
			continue;
		if (i < 2)
			add_requests(metrics, &objectives[0], &objectives[1]);
		else
			add_ready(metrics, &objectives[2]);
		free(metrics);
	}
	json_t *document = json_object();
	for (size_t i = 0; i < sizeof objectives / sizeof objectives[0]; i++) {
		const struct objective *of = &objectives[i];
		double used = of->all == 0 ? 0 : of->bad / of->all / of->budget;
		(void)json_object_set_new(document, of->name,
		                          json_pack("{s:I, s:I, s:f, s:I}", "events", (json_int_t)of->all, "bad",
		                                    (json_int_t)of->bad, "allowed_share", of->budget, "used_percent",
		                                    (json_int_t)ceil(used * 100)));
	}
	return document;
}
