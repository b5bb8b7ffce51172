// The table itself.
#include "metadata-api/routes.h"

const struct route *const API_ROUTES[] = {
	&route_auth_signup, &route_auth_login,   &route_auth_refresh, &route_auth_logout, &route_items_create,
	&route_items_list,  &route_item_get,     &route_item_change,  &route_item_delete, &route_media_list,
	&route_media_get,   &route_media_change, &route_media_delete,
};
const size_t API_ROUTE_COUNT = sizeof API_ROUTES / sizeof API_ROUTES[0];
