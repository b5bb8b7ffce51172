// What ends sessions and accounts, for the accounts' owners (metadata-api) and for operators (safelightctl) alike:
// parts of a WITH list; $1 is the account. Access tokens of sessions that end so are refused by session_guard.h.
#pragma once

// The account's living sessions end, with their devices; also: "AND …", or "". Gives `revoked` (id).
#define SQL_SESSIONS_END(reason, also)                                                      \
	"revoked AS (UPDATE sessions SET revoked_at = now(), revoke_reason = '" reason "' " \
	"  WHERE user_id = $1 " also " AND revoked_at IS NULL RETURNING id), "              \
	"unregistered AS (DELETE FROM devices USING revoked WHERE devices.session_id = revoked.id)"

// The account ends: what says who it was goes at once, the rest step by step (metadata-api/account_eraser.h). Gives
// `gone` (id) and `revoked` (id).
#define SQL_ACCOUNT_END                                                                                        \
	"gone AS (UPDATE users SET deleted_at = now(), updated_at = now(), email = NULL, name = '', "          \
	"  password_hash = NULL, external_issuer = NULL, external_subject = NULL, is_admin = false "           \
	"  WHERE id = $1 AND deleted_at IS NULL RETURNING id), "                                               \
	"revoked AS (UPDATE sessions SET revoked_at = now(), revoke_reason = 'account_deleted', device = '', " \
	"    address = NULL, user_agent = '' WHERE user_id = $1 AND revoked_at IS NULL RETURNING id), "        \
	"unregistered AS (DELETE FROM devices WHERE user_id = $1)"
