// safelightctl media show: a media's row, variants, jobs and steps.
#include <stdio.h>
#include <string.h>

#include "base/uuid.h"
#include "db/pool.h"
#include "safelightctl/command.h"
#include "safelightctl/media_read.h"
#include "safelightctl/reach.h"
#include "safelightctl/report.h"

static const struct db_statement show_statement = {
	.name = "ctl_media_show",
	.sql = "SELECT json_build_object('id', m.id, 'owner_id', m.owner_id, 'owner_email', u.email, 'item_id', "
	       "m.item_id, 'state', m.state, 'reason_code', m.reason_code, 'reason_detail', m.reason_detail, "
	       "'filename', m.filename, 'declared_type', m.declared_type, 'content_type', m.content_type, 'kind', "
	       "m.kind, 'size', m.size, 'sha256', encode(m.sha256, 'hex'), 'original_key', m.original_key, "
	       "'generation', m.generation, 'published_generation', m.published_generation, 'width', m.width, "
	       "'height', m.height, 'orientation', m.orientation, 'visibility', m.visibility, 'version', m.version, "
	       "'created_at', " SQL_TIME("m.created_at") ", 'uploaded_at', " SQL_TIME("m.uploaded_at") ", 'preview_at', " SQL_TIME("m.preview_at") ", 'ready_at', " SQL_TIME("m.ready_at") ", 'deleted_at', " SQL_TIME(
	               "m.deleted_at") ", "
	                               "'variants', coalesce((SELECT json_agg(json_build_object('name', v.name, 'format', v.format, "
	                               "    'generation', v.generation, 'state', v.state, 'reason_code', v.reason_code, 'width', v.width, "
	                               "    'height', v.height, 'bytes', v.bytes, 'object_key', v.object_key) ORDER BY v.generation, v.width, "
	                               "    v.name, v.format) FROM variants v WHERE v.media_id = m.id), '[]'), "
	                               "'jobs', coalesce((SELECT json_agg(json_build_object('id', j.id, 'pool', j.pool, 'lane', j.lane, "
	                               "    'generation', j.generation, 'required', j.required, 'state', j.state, 'attempts', j.attempts, "
	                               "    'worker', j.worker, 'last_error_code', j.last_error_code, 'last_error', j.last_error, 'rings', "
	                               "    j.rings, 'queued_at', " SQL_TIME("j.queued_at") ", 'started_at', " SQL_TIME("j.started_at") ", 'finished_at', " SQL_TIME(
	                                       "j.finished_at") ") ORDER BY j.id) FROM jobs j "
	                                                        "    WHERE j.media_id = m.id), '[]'), "
	                                                        "'history', coalesce((SELECT json_agg(json_build_object('at', " SQL_TIME(
	                                                                "h.at") ", 'from', "
	                                                                        "    h.old_state, 'to', h.new_state, 'reason_code', h.reason_code) ORDER BY h.id) "
	                                                                        "    FROM media_history h WHERE h.media_id = m.id), '[]')) "
	                                                                        "FROM media m LEFT JOIN users u ON u.id = m.owner_id WHERE m.id = $1",
	.parameter_count = 1,
	.read_only = true,
};

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
	return media_read(call, &show_statement, print_media, err);
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
