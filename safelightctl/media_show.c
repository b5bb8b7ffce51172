// safelightctl media show: a media's row, variants, jobs and steps.
#include <stdio.h>
#include <string.h>

#include "catalog/operator.h"
#include "safelightctl/command.h"
#include "safelightctl/media_read.h"
#include "safelightctl/reach.h"
#include "safelightctl/report.h"

static void print_variants(const json_t *variants)
{
	size_t index = 0;
	json_t *variant = NULL;
	(void)printf("variants  %zu\n", json_array_size(variants));
	json_array_foreach(variants, index, variant)
	{
		char bytes[REPORT_TEXT_SIZE];
		(void)printf("  %-8s %-5s %-8s %5lld x %-5lld %10s  %s\n", report_text(variant, "name"),
		             report_text(variant, "format"), report_text(variant, "state"),
		             (long long)report_int(variant, "width"), (long long)report_int(variant, "height"),
		             report_bytes(report_int(variant, "bytes"), bytes), report_text(variant, "object_key"));
	}
}

static void print_jobs(const json_t *jobs)
{
	size_t index = 0;
	json_t *job = NULL;
	char text[512];
	(void)printf("jobs  %zu\n", json_array_size(jobs));
	json_array_foreach(jobs, index, job)
	{
		(void)printf("  %s  %-8s %-11s %-8s attempts %lld%s%s\n", report_text(job, "id"),
		             report_text(job, "pool"), report_text(job, "lane"), report_text(job, "state"),
		             (long long)report_int(job, "attempts"), report_bool(job, "required") ? "" : ", optional",
		             report_int(job, "rings") > 1 ? ", rung again" : "");
		if (json_is_string(report_at(job, "last_error_code")))
			(void)printf("    last error %s: %s\n", report_text(job, "last_error_code"),
			             report_safe(report_text(job, "last_error"), text, sizeof text));
	}
}

static void print_media(const json_t *media)
{
	char text[1024], bytes[REPORT_TEXT_SIZE];
	(void)printf("media     %s  %s\n", report_text(media, "id"), report_text(media, "state"));
	if (json_is_string(report_at(media, "reason_code")))
		(void)printf("reason    %s: %s\n", report_text(media, "reason_code"),
		             report_safe(report_text(media, "reason_detail"), text, sizeof text));
	(void)printf("file      %s\n", report_safe(report_text(media, "filename"), text, sizeof text));
	(void)printf("content   %s, %s, %s, %lld x %lld\n", report_text(media, "kind"),
	             json_is_string(report_at(media, "content_type")) ? report_text(media, "content_type")
	                                                              : report_text(media, "declared_type"),
	             report_bytes(report_int(media, "size"), bytes), (long long)report_int(media, "width"),
	             (long long)report_int(media, "height"));
	(void)printf("original  %s\n", report_text(media, "original_key"));
	(void)printf("owner     %s  %s\n", report_text(media, "owner_id"),
	             report_safe(report_text(media, "owner_email"), text, sizeof text));
	(void)printf("published generation %lld of %lld, version %lld, %s\n",
	             (long long)report_int(media, "published_generation"), (long long)report_int(media, "generation"),
	             (long long)report_int(media, "version"), report_text(media, "visibility"));
	print_variants(json_object_get(media, "variants"));
	print_jobs(json_object_get(media, "jobs"));
	size_t index = 0;
	json_t *step = NULL;
	(void)printf("history\n  %s  begun\n", report_text(media, "created_at"));
	json_array_foreach(json_object_get(media, "history"), index, step)(void)
	        printf("  %s  %s -> %s%s%s\n", report_text(step, "at"), report_text(step, "from"),
	               report_text(step, "to"), json_is_string(report_at(step, "reason_code")) ? ", " : "",
	               json_is_string(report_at(step, "reason_code")) ? report_text(step, "reason_code") : "");
}

static enum rc run(const struct call *call, struct err *err)
{
	return media_read(call, &catalog_inspect_statement, print_media, err);
}

const struct command command_media_show = {
	.name = "media show",
	.arguments = "ID",
	.summary = "a media's state, variants, jobs and history",
	.least_arguments = 1,
	.most_arguments = 1,
	.secrets = SECRETS_DATABASE,
	.run = run,
};
