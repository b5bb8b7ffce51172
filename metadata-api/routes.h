// The route table of metadata-api: one file a route.
#pragma once

#include <stddef.h>

#include "http/route.h"

extern const struct route route_auth_signup;
extern const struct route route_auth_login;
extern const struct route route_auth_refresh;
extern const struct route route_auth_logout;
extern const struct route route_items_create;
extern const struct route route_items_list;
extern const struct route route_item_get;
extern const struct route route_item_change;
extern const struct route route_item_delete;
extern const struct route route_media_list;
extern const struct route route_media_get;
extern const struct route route_media_change;
extern const struct route route_media_delete;

// All of them, for http_server_config.
extern const struct route *const API_ROUTES[];
extern const size_t API_ROUTE_COUNT;
