// What the configuration can name: the verdict and what follows from it, and the origin request's headers.
#include "cdn-config/module/edge.h"

#include <ctype.h>

#define REQUEST_ID_LENGTH 32

static void set_text(ngx_http_variable_value_t *value, const char *text, size_t length)
{
	value->data = (u_char *)text;
	value->len = (unsigned)length & 0x0fffffffu;
	value->valid = 1;
	value->no_cacheable = 0;
	value->not_found = 0;
}

// The context when its URL was found good; without one the variable is "not found" (empty).
static struct edge_context *good_context(ngx_http_request_t *request, ngx_http_variable_value_t *value)
{
	struct edge_context *context = edge_context_find(request);
	if (context != NULL && !context->is_method_refused && context->verdict == DELIVERY_OK)
		return context;
	value->not_found = 1;
	return NULL;
}

const char *edge_verdict_name(ngx_http_request_t *request)
{
	const struct edge_context *context = edge_context_find(request);
	if (context == NULL)
		return "none";
	return context->is_method_refused ? "method" : delivery_verdict_name(context->verdict);
}

static ngx_int_t get_object_key(ngx_http_request_t *request, ngx_http_variable_value_t *value, uintptr_t data)
{
	(void)data;
	const struct edge_context *context = good_context(request, value);
	if (context != NULL)
		set_text(value, (const char *)context->object_key.data, context->object_key.len);
	return NGX_OK;
}

const char *edge_format_name(ngx_http_request_t *request)
{
	const struct edge_context *context = edge_context_find(request);
	bool is_good = context != NULL && !context->is_method_refused && context->verdict == DELIVERY_OK;
	return is_good ? media_format_info(context->format)->name : "";
}

static struct edge_origin *origin_of(ngx_http_request_t *request)
{
	const struct edge_conf *location = ngx_http_get_module_loc_conf(request, ngx_http_safelight_module);
	return location->origin;
}

static ngx_int_t get_origin_host(ngx_http_request_t *request, ngx_http_variable_value_t *value, uintptr_t data)
{
	(void)data;
	const struct edge_origin *origin = origin_of(request);
	if (origin == NULL)
		value->not_found = 1;
	else
		set_text(value, origin->host, strlen(origin->host));
	return NGX_OK;
}

static ngx_int_t get_amz_date(ngx_http_request_t *request, ngx_http_variable_value_t *value, uintptr_t data)
{
	(void)data;
	struct edge_context *context = good_context(request, value);
	if (context == NULL)
		return NGX_OK;
	if (edge_origin_sign(request, origin_of(request), context) != NGX_OK)
		return NGX_ERROR;
	set_text(value, context->amz_date, strlen(context->amz_date));
	value->no_cacheable = 1; // each slice asks again
	return NGX_OK;
}

static ngx_int_t get_authorization(ngx_http_request_t *request, ngx_http_variable_value_t *value, uintptr_t data)
{
	(void)data;
	struct edge_context *context = good_context(request, value);
	if (context == NULL)
		return NGX_OK;
	if (edge_origin_sign(request, origin_of(request), context) != NGX_OK)
		return NGX_ERROR;
	set_text(value, (const char *)context->authorization.data, context->authorization.len);
	value->no_cacheable = 1;
	return NGX_OK;
}

static ngx_int_t get_on_demand_authorization(ngx_http_request_t *request, ngx_http_variable_value_t *value,
                                             uintptr_t data)
{
	(void)data;
	const struct edge_conf *location = ngx_http_get_module_loc_conf(request, ngx_http_safelight_module);
	if (location->on_demand_authorization.len == 0)
		value->not_found = 1;
	else
		set_text(value, (const char *)location->on_demand_authorization.data,
		         location->on_demand_authorization.len);
	return NGX_OK;
}

// Whom a limit counts: who has one address of an IPv6 network has them all, so the /64 is one client. Binary.
static ngx_int_t get_client_network(ngx_http_request_t *request, ngx_http_variable_value_t *value, uintptr_t data)
{
	(void)data;
	const struct sockaddr *address = request->connection->sockaddr;
	if (address->sa_family == AF_INET) {
		const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
		set_text(value, (const char *)&v4->sin_addr, sizeof(v4->sin_addr));
	} else if (address->sa_family == AF_INET6) {
		const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
		const char *bytes = (const char *)&v6->sin6_addr;
		if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
			set_text(value, bytes + 12, 4);
		else
			set_text(value, bytes, 8);
	} else {
		set_text(value, "local", 5);
	}
	return NGX_OK;
}

static ngx_int_t get_log_line(ngx_http_request_t *request, ngx_http_variable_value_t *value, uintptr_t data)
{
	(void)data;
	ngx_str_t line;
	if (edge_log_line(request, &line) != NGX_OK)
		return NGX_ERROR;
	set_text(value, (const char *)line.data, line.len);
	return NGX_OK;
}

static bool request_id_is_valid(const ngx_str_t *id)
{
	if (id->len < 1 || id->len > 64)
		return false;
	for (size_t i = 0; i < id->len; i++)
		if (!isalnum(id->data[i]) && id->data[i] != '_' && id->data[i] != '-')
			return false;
	return true;
}

const ngx_table_elt_t *edge_header_find(ngx_http_request_t *request, ngx_str_t name)
{
	for (ngx_list_part_t *part = &request->headers_in.headers.part; part != NULL; part = part->next) {
		const ngx_table_elt_t *headers = part->elts;
		for (ngx_uint_t i = 0; i < part->nelts; i++)
			if (headers[i].key.len == name.len &&
			    ngx_strncasecmp(headers[i].key.data, name.data, name.len) == 0)
				return &headers[i];
	}
	return NULL;
}

// Ids have to be unique and to tell nothing; nobody has to be kept from guessing them. So: random bits of the worker,
// then a counter that starts at random and is mixed by a bijection (splitmix64, S. Vigna), which costs a twentieth of
// random bytes from OpenSSL.
static u_char *make_request_id(ngx_http_request_t *request)
{
	struct edge_main_conf *edge = ngx_http_get_module_main_conf(request, ngx_http_safelight_module);
	u_char *text = ngx_pnalloc(request->pool, REQUEST_ID_LENGTH);
	if (text == NULL)
		return NULL;
	if (edge->id_pid != ngx_pid) {
		random_fill(&edge->id_prefix, sizeof(edge->id_prefix));
		random_fill(&edge->id_state, sizeof(edge->id_state));
		edge->id_pid = ngx_pid;
	}
	uint64_t mixed = edge->id_state += 0x9e3779b97f4a7c15u;
	mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9u;
	mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebu;
	mixed ^= mixed >> 31;
	uint64_t id[2] = { edge->id_prefix, mixed };
	(void)ngx_hex_dump(text, (u_char *)id, sizeof(id));
	return text;
}

static ngx_int_t get_request_id(ngx_http_request_t *request, ngx_http_variable_value_t *value, uintptr_t data)
{
	(void)data;
	const ngx_table_elt_t *header = edge_header_find(request, EDGE_TEXT("x-request-id"));
	if (header != NULL && request_id_is_valid(&header->value)) {
		set_text(value, (const char *)header->value.data, header->value.len);
		return NGX_OK;
	}
	const u_char *id = make_request_id(request);
	if (id == NULL)
		return NGX_ERROR;
	set_text(value, (const char *)id, REQUEST_ID_LENGTH);
	return NGX_OK;
}

ngx_str_t edge_request_id(ngx_http_request_t *request)
{
	const struct edge_main_conf *edge = ngx_http_get_module_main_conf(request, ngx_http_safelight_module);
	const ngx_http_variable_value_t *value =
	        ngx_http_get_indexed_variable(request, (ngx_uint_t)edge->request_id_index);
	if (value == NULL || value->not_found)
		return (ngx_str_t)ngx_string("unknown");
	return (ngx_str_t){ value->len, value->data };
}

static const struct {
	const char *name;
	ngx_http_get_variable_pt handler;
} variables[] = {
	{ "safelight_object_key", get_object_key },         // key in the media bucket; the cache key
	{ "safelight_request_id", get_request_id },         // the caller's, or a new one
	{ "safelight_client_network", get_client_network }, // key of limits: an address, or an IPv6 network
	{ "safelight_log_line", get_log_line },             // of the access log: one JSON object
	{ "safelight_origin_host", get_origin_host },       // Host header for the origin
	{ "safelight_amz_date", get_amz_date },             // x-amz-date header for the origin
	{ "safelight_authorization", get_authorization },   // authorization header for the origin
	{ "safelight_on_demand_authorization", get_on_demand_authorization }, // the same for the transcoder
};

ngx_int_t edge_variables_add(ngx_conf_t *conf)
{
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		ngx_str_t name = { strlen(variables[i].name), (u_char *)variables[i].name };
		ngx_http_variable_t *variable = ngx_http_add_variable(conf, &name, 0);
		if (variable == NULL)
			return NGX_ERROR;
		variable->get_handler = variables[i].handler;
	}
	return NGX_OK;
}
