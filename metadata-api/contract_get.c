// GET /openapi.json and /docs: the contract as a document for programs, and as a page for people.
#include "base/buffer.h"
#include "base/limits.h"
#include "http/respond.h"
#include "http/route.h"
#include "metadata-api/reply.h"
#include "metadata-api/routes.h"

// In contract_text.S.
extern const char contract_json_begin[], contract_json_end[], contract_page_begin[], contract_page_end[];

static void answer(struct http_request *request, const char *begin, const char *end)
{
	struct buffer out;
	buffer_init(&out, LIMIT_RESPONSE_BYTES);
	buffer_append(&out, begin, (size_t)(end - begin));
	reply_json(request, 0, &out);
}

static void handle_json(struct http_request *request)
{
	answer(request, contract_json_begin, contract_json_end);
}

// The page has no scripts, loads nothing, and may be shown in no other page.
static void handle_page(struct http_request *request)
{
	http_respond_header(request, "Content-Type", "text/html; charset=utf-8");
	http_respond_header(request, "Content-Security-Policy",
	                    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
	                    "frame-ancestors 'none'");
	answer(request, contract_page_begin, contract_page_end);
}

const struct route route_contract = {
	.method = "GET",
	.path = "/openapi.json",
	.auth = ROUTE_PUBLIC,
	.run = ROUTE_EVENT,
	.handle = handle_json,
	.summary = "This contract, in OpenAPI 3.1.",
};

const struct route route_contract_page = {
	.method = "GET",
	.path = "/docs",
	.auth = ROUTE_PUBLIC,
	.run = ROUTE_EVENT,
	.handle = handle_page,
	.summary = "This contract as a page.",
};
