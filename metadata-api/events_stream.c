// GET /v1/events: what becomes of the caller's media and items, as it happens (server-sent events, WHATWG HTML §9.2).
//
// Each event has the media or item as it is now; "reset" says that events were missed and GET /v1/changes is to be
// asked. Its id is a place in the bus's stream, the same for every process: who comes back with it as Last-Event-ID
// gets what came meanwhile.
#include "http/request.h"
#include "http/respond.h"
#include "http/route.h"
#include "metadata-api/api.h"
#include "metadata-api/event_hub.h"
#include "metadata-api/event_text.h"
#include "metadata-api/routes.h"

static void handle(struct http_request *request)
{
	static const char *const NAMES[] = { NULL };
	struct event_hub_place place = { 0 };
	const char *last = http_request_header(request, "Last-Event-ID");
	if (!http_request_query_only(request, NAMES))
		return;
	if (last != NULL && *last != '\0' && !event_text_parse_id(last, &place.sequence, &place.identity)) {
		http_respond_problem(request, 400, "invalid-event-id",
		                     "Last-Event-ID must be the id of an event of this stream.");
		return;
	}
	event_hub_answer(api_of(request)->events, request, &place);
}

const struct route route_events = {
	.method = "GET",
	.path = "/v1/events",
	.auth = ROUTE_USER,
	.run = ROUTE_EVENT,
	.handle = handle,
	.summary = "What becomes of the caller's media and items, as it happens.",
};
