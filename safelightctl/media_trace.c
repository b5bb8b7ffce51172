// safelightctl media trace: the whole life of a media in order, each step with the time since its beginning and since
// the step before.
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "catalog/operator.h"
#include "safelightctl/command.h"
#include "safelightctl/media_read.h"
#include "safelightctl/reach.h"
#include "safelightctl/report.h"

static void print_span(const char *what, const json_t *number)
{
	char text[REPORT_TEXT_SIZE];
	(void)printf("  %-24s %s\n", what,
	             json_is_integer(number) ? report_duration(json_integer_value(number), text) : "-");
}

static void print_trace(const json_t *trace)
{
	size_t index = 0;
	json_t *step = NULL;
	int64_t before_ms = 0;
	(void)printf("media %s  %s\n", report_text(trace, "id"), report_text(trace, "state"));
	print_span("begun to uploaded", json_object_get(trace, "uploaded_ms"));
	print_span("uploaded to preview", json_object_get(trace, "preview_ms"));
	print_span("uploaded to ready", json_object_get(trace, "ready_ms"));
	(void)printf("\n%-24s %10s %10s  %s\n", "TIME", "SINCE", "STEP", "WHAT");
	json_array_foreach(json_object_get(trace, "steps"), index, step)
	{
		char since[REPORT_TEXT_SIZE], taken[REPORT_TEXT_SIZE], detail[512];
		int64_t at_ms = report_int(step, "ms");
		(void)printf("%-24s %10s %10s  %-20s %s\n", report_text(step, "at"), report_duration(at_ms, since),
		             report_duration(at_ms - before_ms, taken), report_text(step, "what"),
		             report_safe(report_text(step, "detail"), detail, sizeof detail));
		before_ms = at_ms;
	}
}

static enum rc run(const struct call *call, struct err *err)
{
	return media_read(call, &catalog_trace_statement, print_trace, err);
}

const struct command command_media_trace = {
	.name = "media trace",
	.arguments = "ID",
	.summary = "a media's whole life, step by step, with timings",
	.least_arguments = 1,
	.most_arguments = 1,
	.secrets = SECRETS_DATABASE,
	.run = run,
};
