// The table itself.
#include "metadata-api/routes.h"

const struct route *const API_ROUTES[] = {
	&route_auth_signup,    &route_auth_login,    &route_auth_refresh,    &route_auth_logout,
	&route_auth_email,     &route_auth_external, &route_password_change, &route_session_list,
	&route_session_revoke, &route_me_get,        &route_me_change,       &route_me_delete,
	&route_me_usage,       &route_me_export,     &route_devices_create,  &route_devices_list,
	&route_devices_delete, &route_audit_list,    &route_items_create,    &route_items_list,
	&route_item_get,       &route_item_change,   &route_item_delete,     &route_media_list,
	&route_media_get,      &route_media_change,  &route_media_delete,    &route_media_reprocess,
	&route_search,         &route_shares_create, &route_shares_list,     &route_shares_revoke,
	&route_share_revoke,   &route_shared_get,    &route_shared_open,     &route_changes,
	&route_events,         &route_media_similar, &route_media_original,
};
const size_t API_ROUTE_COUNT = sizeof API_ROUTES / sizeof API_ROUTES[0];
