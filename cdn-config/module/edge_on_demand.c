// Variants on demand: the token with which the transcoder is asked for what the store does not have.
#include "cdn-config/module/edge.h"

#include "base/file.h"

// "Bearer <token>" in the configuration's pool, like nginx's own proxy_set_header would keep it, but from a file.
char *edge_set_on_demand_token(ngx_conf_t *conf, ngx_command_t *command, void *location)
{
	(void)command;
	static const char scheme[] = "Bearer ";
	struct edge_conf *edge = location;
	ngx_str_t *arguments = conf->args->elts;
	if (edge->on_demand_authorization.len > 0)
		return (char *)"is duplicate";
	if (ngx_conf_full_name(conf->cycle, &arguments[1], 1) != NGX_OK)
		return NGX_CONF_ERROR;
	char *token = NULL;
	struct err err = { 0 };
	if (file_read_secret((const char *)arguments[1].data, &token, &err) != RC_OK || token[0] == '\0') {
		ngx_conf_log_error(NGX_LOG_EMERG, conf, 0, "%V: %s", &arguments[1],
		                   err.rc != RC_OK ? err.text : "the resize token is empty");
		edge_secret_free(token);
		return NGX_CONF_ERROR;
	}
	size_t length = sizeof(scheme) - 1 + strlen(token);
	u_char *text = ngx_pnalloc(conf->pool, length + 1);
	if (text != NULL) {
		(void)ngx_snprintf(text, length + 1, "%s%s%Z", scheme, token);
		edge->on_demand_authorization = (ngx_str_t){ length, text };
	}
	edge_secret_free(token);
	return text != NULL ? NGX_CONF_OK : NGX_CONF_ERROR;
}
