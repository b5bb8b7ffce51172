// safelightctl doctor: every dependency, permission and limit, and how to mend what is wrong.
#include "safelightctl/doctor.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "http/client.h"
#include "safelightctl/command.h"
#include "safelightctl/reach.h"
#include "safelightctl/report.h"

void doctor_add(struct doctor *doctor, const char *name, bool is_ok, const char *mend, const char *format, ...)
{
	char detail[ERR_TEXT_SIZE];
	va_list arguments;
	va_start(arguments, format);
	(void)vsnprintf(detail, sizeof detail, format, arguments);
	va_end(arguments);
	json_t *check = json_pack("{s:s, s:b, s:s}", "name", name, "ok", (int)is_ok, "detail", detail);
	if (!is_ok)
		(void)json_object_set_new(check, "mend", json_string(mend));
	(void)json_array_append_new(doctor->checks, check);
	if (doctor->call->json)
		return;
	(void)printf("%-4s %-26s %s\n", is_ok ? "ok" : "FAIL", name, detail);
	if (!is_ok)
		(void)printf("     to mend it: %s\n", mend);
	(void)fflush(stdout);
}

static enum rc run(const struct call *call, struct err *err)
{
	struct doctor doctor = { .call = call };
	enum rc rc = reach_http(&doctor.http, 1, err);
	if (rc != RC_OK)
		return rc;
	doctor.checks = json_array();
	doctor_check_host(&doctor);
	doctor_check_database(&doctor);
	doctor_check_bus(&doctor);
	doctor_check_store(&doctor);
	doctor_check_redis(&doctor);
	doctor_check_services(&doctor);
	reach_http_done(&doctor.http);
	size_t index = 0, failures = 0, count = json_array_size(doctor.checks);
	json_t *check = NULL;
	json_array_foreach(doctor.checks, index, check) failures += !report_bool(check, "ok");
	json_auto_t *document = json_pack("{s:b, s:o}", "healthy", failures == 0 ? 1 : 0, "checks", doctor.checks);
	if (call->json)
		report_json(document);
	return failures == 0 ? RC_OK : err_set(err, RC_CONFLICT, "%zu of %zu checks failed", failures, count);
}

const struct command command_doctor = {
	.name = "doctor",
	.arguments = "",
	.summary = "check every dependency, permission and limit, and say how to mend what is wrong",
	.run = run,
};
