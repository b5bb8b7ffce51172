// Authentication by "Authorization: Bearer <access token>" (RFC 6750).
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "http/access_token.h"

enum rc access_token_authenticate(void *context, const struct http_request *request, bool *ret_present,
                                  struct http_principal *ret_principal, struct err *err)
{
	static const char scheme[] = "Bearer ";
	const struct access_token_gate *gate = context;
	const char *header = http_request_header(request, "Authorization");
	if (header == NULL) {
		*ret_present = false;
		return RC_OK;
	}
	if (strncasecmp(header, scheme, sizeof scheme - 1) != 0)
		return err_set(err, RC_DENIED, "the authorization scheme is not Bearer");
	struct access_token_claims claims;
	enum rc rc =
	        access_token_verify(gate->keys, header + sizeof scheme - 1, clock_now_us() / 1000000, &claims, err);
	if (rc != RC_OK)
		return rc;
	if (gate->has_ended(gate->has_ended_context, &claims.principal.session_id))
		return err_set(err, RC_DENIED, "access token: its session has ended");
	*ret_present = true;
	*ret_principal = claims.principal;
	return RC_OK;
}
