// The four values.
#include "metadata-api/audit_origin.h"

#include "http/request.h"

void audit_origin_values(const struct http_request *request, struct db_value ret_values[AUDIT_ORIGIN_COUNT])
{
	const char *agent = http_request_header(request, "User-Agent");
	ret_values[0] = db_uuid(&http_request_principal(request)->user_id);
	ret_values[1] = db_text(http_request_client(request));
	ret_values[2] = db_text(agent == NULL ? "" : agent);
	ret_values[3] = db_text(http_request_id(request));
}
