// The route table of metadata-api: one file a route.
#pragma once

#include <stddef.h>

#include "http/route.h"

extern const struct route route_auth_signup;
extern const struct route route_auth_login;
extern const struct route route_auth_refresh;
extern const struct route route_auth_logout;
extern const struct route route_auth_email;
extern const struct route route_auth_external;
extern const struct route route_password_change;
extern const struct route route_session_list;
extern const struct route route_session_revoke;
extern const struct route route_me_get;
extern const struct route route_me_change;
extern const struct route route_me_delete;
extern const struct route route_me_usage;
extern const struct route route_me_export;
extern const struct route route_devices_create;
extern const struct route route_devices_list;
extern const struct route route_devices_delete;
extern const struct route route_audit_list;
extern const struct route route_items_create;
extern const struct route route_items_list;
extern const struct route route_item_get;
extern const struct route route_item_change;
extern const struct route route_item_delete;
extern const struct route route_media_list;
extern const struct route route_media_get;
extern const struct route route_media_similar;
extern const struct route route_media_original;
extern const struct route route_media_change;
extern const struct route route_media_delete;
extern const struct route route_media_reprocess;
extern const struct route route_search;
extern const struct route route_shares_create;
extern const struct route route_shares_list;
extern const struct route route_shares_revoke;
extern const struct route route_share_revoke;
extern const struct route route_shared_get;
extern const struct route route_shared_open;
extern const struct route route_changes;
extern const struct route route_events;
extern const struct route route_webhooks_create;
extern const struct route route_webhooks_list;
extern const struct route route_webhook_change;
extern const struct route route_webhook_rotate;
extern const struct route route_webhook_delete;
extern const struct route route_webhook_deliveries;
extern const struct route route_webhook_retry;
extern const struct route route_notifications_list;
extern const struct route route_notification_read;
extern const struct route route_notifications_read;
extern const struct route route_admin_overview;
extern const struct route route_admin_pool_change;
extern const struct route route_admin_letters_list;
extern const struct route route_admin_letter_redrive;
extern const struct route route_admin_letter_drop;
extern const struct route route_admin_media;
extern const struct route route_admin_requests;
extern const struct route route_contract;
extern const struct route route_contract_page;

// All of them, for http_server_config.
extern const struct route *const API_ROUTES[];
extern const size_t API_ROUTE_COUNT;
