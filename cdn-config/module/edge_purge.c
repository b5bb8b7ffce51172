// Dropping objects from the cache: POST their keys, one a line, with the purge token.
//
// The entry goes from nginx's shared index and its file from disk, so the next request is a MISS. An object that is
// being fetched at this moment cannot be stopped from arriving: such keys are counted as in_flight, to be purged again.
#include "cdn-config/module/edge.h"

#include <ngx_md5.h>

#include "base/file.h"

extern ngx_module_t ngx_http_proxy_module;

#define KEY_TEXT_LENGTH (2 * NGX_HTTP_CACHE_KEY_LEN)

struct purge_result {
	ngx_uint_t purged;
	ngx_uint_t in_flight;
};

// The entry of a cache key, or NULL. The mutex of the cache's memory is held. (nginx's own lookup is not exported.)
static ngx_http_file_cache_node_t *find_entry(ngx_http_file_cache_t *cache, const u_char *key)
{
	ngx_rbtree_key_t front;
	ngx_memcpy(&front, key, sizeof(front));
	ngx_rbtree_node_t *node = cache->sh->rbtree.root;
	while (node != cache->sh->rbtree.sentinel) {
		if (front != node->key) {
			node = front < node->key ? node->left : node->right;
			continue;
		}
		ngx_http_file_cache_node_t *entry = (ngx_http_file_cache_node_t *)node;
		int order = memcmp(key + sizeof(front), entry->key, sizeof(entry->key));
		if (order == 0)
			return entry;
		node = order < 0 ? node->left : node->right;
	}
	return NULL;
}

// Take the entry's file out of the cache's books; true when it is being fetched now.
static bool forget_entry(ngx_http_file_cache_t *cache, const u_char *key)
{
	bool is_in_flight = false;
	ngx_shmtx_lock(&cache->shpool->mutex);
	ngx_http_file_cache_node_t *entry = find_entry(cache, key);
	if (entry != NULL) {
		is_in_flight = entry->updating;
		cache->sh->size -= entry->fs_size;
		entry->fs_size = 0;
		entry->exists = 0;
		entry->valid_sec = 0; // a remembered 404 ends too
	}
	ngx_shmtx_unlock(&cache->shpool->mutex);
	return is_in_flight;
}

// The file of a cache key, laid out as nginx lays it out; NULL without memory.
static u_char *file_name(ngx_pool_t *pool, ngx_path_t *path, const u_char *key)
{
	size_t length = path->name.len + 1 + path->len + KEY_TEXT_LENGTH;
	u_char *name = ngx_pnalloc(pool, length + 1);
	if (name == NULL)
		return NULL;
	ngx_memcpy(name, path->name.data, path->name.len);
	u_char *end = ngx_hex_dump(name + path->name.len + 1 + path->len, (u_char *)key, NGX_HTTP_CACHE_KEY_LEN);
	*end = '\0';
	ngx_create_hashed_filename(path, name, length);
	return name;
}

static ngx_int_t purge_from(ngx_http_request_t *request, ngx_http_file_cache_t *cache, const u_char *text,
                            size_t length, struct purge_result *result)
{
	u_char key[NGX_HTTP_CACHE_KEY_LEN];
	ngx_md5_t md5;
	ngx_md5_init(&md5);
	ngx_md5_update(&md5, text, length);
	ngx_md5_final(key, &md5);
	u_char *name = file_name(request->pool, cache->path, key);
	if (name == NULL)
		return NGX_ERROR;
	result->in_flight += forget_entry(cache, key);
	// Also without an entry: after a restart nginx learns of its files only bit by bit.
	if (ngx_delete_file(name) != NGX_FILE_ERROR) {
		result->purged++;
		return NGX_OK;
	}
	if (ngx_errno == NGX_ENOENT || ngx_errno == NGX_ENOPATH)
		return NGX_OK;
	ngx_log_error(NGX_LOG_ERR, request->connection->log, ngx_errno, "safelight: cannot delete \"%s\"", name);
	return NGX_ERROR;
}

// From every cache: an answer of the transcoder's lies in one of its own for a while.
static ngx_int_t purge_key(ngx_http_request_t *request, const struct edge_purge *purge, const u_char *text,
                           size_t length, struct purge_result *result)
{
	for (size_t i = 0; i < purge->zone_count; i++)
		if (purge_from(request, purge->zones[i]->data, text, length, result) != NGX_OK)
			return NGX_ERROR;
	return NGX_OK;
}

// Call purge_key for each line, or with a NULL result only check that each is an object key. False at the first wrong.
static ngx_int_t each_line(ngx_http_request_t *request, const struct edge_purge *purge, const u_char *text,
                           const u_char *end, struct purge_result *result)
{
	struct object_key_variant parts;
	while (text < end) {
		const u_char *line_end = memchr(text, '\n', (size_t)(end - text));
		size_t length = (size_t)((line_end != NULL ? line_end : end) - text);
		size_t trimmed = length > 0 && text[length - 1] == '\r' ? length - 1 : length;
		if (trimmed > 0) {
			if (!object_key_parse_variant((const char *)text, trimmed, &parts))
				return NGX_DECLINED;
			if (result != NULL && purge_key(request, purge, text, trimmed, result) != NGX_OK)
				return NGX_ERROR;
		}
		text += length + (line_end != NULL);
	}
	return NGX_OK;
}

static ngx_int_t send_result(ngx_http_request_t *request, const struct purge_result *result)
{
	char body[96];
	int length = snprintf(body, sizeof(body), "{\"purged\":%lu,\"in_flight\":%lu}", (unsigned long)result->purged,
	                      (unsigned long)result->in_flight);
	return edge_body_send(request, NGX_HTTP_OK, "application/json", body, (size_t)length);
}

// The whole body in one piece of the request's pool. NGX_DECLINED when it went to disk: it was too large.
static ngx_int_t join_body(ngx_http_request_t *request, ngx_str_t *ret_text)
{
	const ngx_http_request_body_t *body = request->request_body;
	size_t length = 0;
	ngx_str_t text = ngx_null_string;
	if (body == NULL || body->bufs == NULL) {
		*ret_text = text;
		return NGX_OK;
	}
	if (body->temp_file != NULL)
		return NGX_DECLINED;
	for (const ngx_chain_t *part = body->bufs; part != NULL; part = part->next)
		length += (size_t)ngx_buf_size(part->buf);
	text.data = ngx_pnalloc(request->pool, length + 1);
	if (text.data == NULL)
		return NGX_ERROR;
	for (const ngx_chain_t *part = body->bufs; part != NULL; part = part->next) {
		size_t size = (size_t)ngx_buf_size(part->buf);
		if (size > 0)
			ngx_memcpy(text.data + text.len, part->buf->pos, size);
		text.len += size;
	}
	*ret_text = text;
	return NGX_OK;
}

static ngx_int_t purge_body(ngx_http_request_t *request)
{
	static const struct edge_problem too_large = { NGX_HTTP_REQUEST_ENTITY_TOO_LARGE, "limit-exceeded",
		                                       "Too many keys at once. Send fewer." };
	static const struct edge_problem invalid = { NGX_HTTP_BAD_REQUEST, "invalid-request",
		                                     "A line is not the object key of a variant. Nothing was purged." };
	static const struct edge_problem failed = { NGX_HTTP_INTERNAL_SERVER_ERROR, "internal",
		                                    "A file could not be deleted. Purge again." };
	const struct edge_conf *location = ngx_http_get_module_loc_conf(request, ngx_http_safelight_module);
	ngx_str_t text;
	ngx_int_t rc = join_body(request, &text);
	if (rc == NGX_DECLINED)
		return edge_problem_send(request, &too_large);
	if (rc != NGX_OK)
		return NGX_HTTP_INTERNAL_SERVER_ERROR;
	const u_char *end = text.data + text.len;
	if (each_line(request, NULL, text.data, end, NULL) != NGX_OK)
		return edge_problem_send(request, &invalid);
	struct purge_result result = { 0, 0 };
	rc = each_line(request, location->purge, text.data, end, &result);
	edge_metrics_count_purged(request, result.purged);
	return rc == NGX_OK ? send_result(request, &result) : edge_problem_send(request, &failed);
}

static void body_read(ngx_http_request_t *request)
{
	ngx_http_finalize_request(request, purge_body(request));
}

// Digests are compared, so neither the token's length nor its bytes show in the time taken.
static bool is_authorized(const ngx_http_request_t *request, const struct edge_purge *purge)
{
	static const char scheme[] = "Bearer ";
	const size_t scheme_length = sizeof(scheme) - 1;
	const ngx_table_elt_t *header = request->headers_in.authorization;
	if (header == NULL || header->value.len <= scheme_length ||
	    ngx_strncasecmp(header->value.data, (u_char *)scheme, scheme_length) != 0)
		return false;
	uint8_t digest[SHA256_SIZE];
	sha256_of(header->value.data + scheme_length, header->value.len - scheme_length, digest);
	return crypto_equal(digest, purge->token_digest, sizeof(digest));
}

ngx_int_t edge_purge_handler(ngx_http_request_t *request)
{
	static const struct edge_problem method = { NGX_HTTP_NOT_ALLOWED, "method-not-allowed",
		                                    "Purge with POST: object keys, one a line." };
	static const struct edge_problem denied = { NGX_HTTP_UNAUTHORIZED, "unauthorized",
		                                    "Send the purge token as a bearer token." };
	const struct edge_conf *location = ngx_http_get_module_loc_conf(request, ngx_http_safelight_module);
	if (request->method != NGX_HTTP_POST)
		return edge_problem_send(request, &method);
	if (!is_authorized(request, location->purge))
		return edge_problem_send(request, &denied);
	ngx_int_t rc = ngx_http_read_client_request_body(request, body_read);
	return rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc : NGX_DONE;
}

char *edge_set_purge(ngx_conf_t *conf, ngx_command_t *command, void *location)
{
	(void)command;
	struct edge_conf *edge = location;
	ngx_str_t *arguments = conf->args->elts;
	if (edge->purge != NULL)
		return (char *)"is duplicate";
	edge->purge = ngx_pcalloc(conf->pool, sizeof(*edge->purge));
	if (edge->purge == NULL || ngx_conf_full_name(conf->cycle, &arguments[1], 1) != NGX_OK)
		return NGX_CONF_ERROR;
	// The zones that proxy_cache_path made: found by name and by their owner.
	for (ngx_uint_t i = 2; i < conf->args->nelts; i++) {
		ngx_shm_zone_t *zone = ngx_shared_memory_add(conf, &arguments[i], 0, &ngx_http_proxy_module);
		if (zone == NULL)
			return NGX_CONF_ERROR;
		edge->purge->zones[edge->purge->zone_count++] = zone;
	}
	char *token = NULL;
	struct err err = { 0 };
	if (file_read_secret((const char *)arguments[1].data, &token, &err) != RC_OK || token[0] == '\0') {
		ngx_conf_log_error(NGX_LOG_EMERG, conf, 0, "%V: %s", &arguments[1],
		                   err.rc != RC_OK ? err.text : "the purge token is empty");
		edge_secret_free(token);
		return NGX_CONF_ERROR;
	}
	sha256_of(token, strlen(token), edge->purge->token_digest);
	edge_secret_free(token);
	ngx_http_core_loc_conf_t *core = ngx_http_conf_get_module_loc_conf(conf, ngx_http_core_module);
	core->handler = edge_purge_handler;
	return NGX_CONF_OK;
}
