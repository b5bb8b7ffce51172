// The origin: where media lie, and SigV4 for reading them, computed on cache misses only.
#include "cdn-config/module/edge.h"

#include "base/clock.h"
#include "base/file.h"

// Stores take a signature for fifteen minutes.
#define SIGNATURE_SECONDS 60

void edge_secret_free(char *text)
{
	if (text == NULL)
		return;
	crypto_wipe(text, strlen(text));
	free(text);
}

ngx_int_t edge_origin_sign(ngx_http_request_t *request, struct edge_origin *origin, struct edge_context *context)
{
	if (context->authorization.len > 0 && ngx_time() - context->signed_at < SIGNATURE_SECONDS)
		return NGX_OK;
	char *authorization = ngx_pnalloc(request->pool, SIGV4_AUTHORIZATION_SIZE);
	if (authorization == NULL)
		return NGX_ERROR;
	clock_format_basic((int64_t)ngx_time() * 1000000, context->amz_date);
	const struct sigv4_request signed_request = {
		.method = "GET", // nginx fetches whole objects for its cache, also for HEAD and for ranges
		.host = origin->host,
		.path = (const char *)context->object_key.data - origin->path_prefix.len,
		.payload = SIGV4_UNSIGNED_PAYLOAD,
	};
	struct err err = { 0 };
	if (sigv4_sign(sigv4_signer_key(&origin->signer, context->amz_date), &signed_request, context->amz_date,
	               authorization, &err) != RC_OK) {
		ngx_log_error(NGX_LOG_ERR, request->connection->log, 0, "safelight: signing for the origin: %s",
		              err.text);
		return NGX_ERROR;
	}
	context->signed_at = ngx_time();
	context->authorization = (ngx_str_t){ strlen(authorization), (u_char *)authorization };
	return NGX_OK;
}

// http://host[:port] or https://…, without a path: the Host header leaves the scheme's own port out, as it is signed.
static bool parse_origin_url(const char *url, char *ret_host, size_t size)
{
	const char *scheme_end = strstr(url, "://");
	bool is_tls = ngx_strncmp(url, "https://", 8) == 0;
	if (scheme_end == NULL || (!is_tls && ngx_strncmp(url, "http://", 7) != 0))
		return false;
	const char *host = scheme_end + 3;
	size_t length = strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]");
	if (length == 0 || length >= size || (host[length] != '\0' && strcmp(host + length, "/") != 0))
		return false;
	const char *own_port = is_tls ? ":443" : ":80";
	if (length > strlen(own_port) && ngx_strncmp(host + length - strlen(own_port), own_port, strlen(own_port)) == 0)
		length -= strlen(own_port);
	ngx_memcpy(ret_host, host, length);
	ret_host[length] = '\0';
	return true;
}

// Bucket names hold nothing that would need encoding, so raw and signed form are the same.
static bool bucket_is_valid(const ngx_str_t *bucket)
{
	return bucket->len >= 3 && bucket->len <= 63 &&
	       strspn((const char *)bucket->data, "abcdefghijklmnopqrstuvwxyz0123456789.-") == bucket->len;
}

static ngx_int_t set_path_prefix(ngx_conf_t *conf, const ngx_str_t *bucket, ngx_str_t *ret_prefix)
{
	u_char *prefix = ngx_pnalloc(conf->pool, bucket->len + 2);
	if (prefix == NULL)
		return NGX_ERROR;
	prefix[0] = '/';
	ngx_memcpy(prefix + 1, bucket->data, bucket->len);
	prefix[bucket->len + 1] = '/';
	*ret_prefix = (ngx_str_t){ bucket->len + 2, prefix };
	return NGX_OK;
}

static enum rc init_signer(struct edge_origin *origin, const ngx_str_t *arguments, struct err *err)
{
	char *secret = NULL;
	enum rc rc = file_read_secret((const char *)arguments[5].data, &secret, err);
	if (rc == RC_OK)
		rc = sigv4_signer_init(&origin->signer, (const char *)arguments[4].data, secret, NULL,
		                       (const char *)arguments[3].data, "s3", err);
	edge_secret_free(secret);
	return rc;
}

char *edge_set_origin(ngx_conf_t *conf, ngx_command_t *command, void *location)
{
	(void)command;
	struct edge_conf *edge = location;
	ngx_str_t *arguments = conf->args->elts;
	if (edge->origin != NULL)
		return (char *)"is duplicate";
	edge->origin = ngx_pcalloc(conf->pool, sizeof(*edge->origin));
	if (edge->origin == NULL || ngx_conf_full_name(conf->cycle, &arguments[5], 1) != NGX_OK)
		return NGX_CONF_ERROR;
	if (!parse_origin_url((const char *)arguments[1].data, edge->origin->host, sizeof(edge->origin->host)))
		return (char *)"needs a URL like http://host:port";
	if (!bucket_is_valid(&arguments[2]))
		return (char *)"has a bucket name that S3 does not allow";
	if (set_path_prefix(conf, &arguments[2], &edge->origin->path_prefix) != NGX_OK)
		return NGX_CONF_ERROR;
	struct err err = { 0 };
	if (init_signer(edge->origin, arguments, &err) != RC_OK) {
		ngx_conf_log_error(NGX_LOG_EMERG, conf, 0, "safelight_origin: %s", err.text);
		return NGX_CONF_ERROR;
	}
	return NGX_CONF_OK;
}
