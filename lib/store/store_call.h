// The kinds of calls that a store makes, as metrics and store_flaky count them.
#pragma once

enum store_call {
	STORE_CALL_PUT, // also each item of store_put_many
	STORE_CALL_HEAD,
	STORE_CALL_GET,
	STORE_CALL_DELETE, // also each batch of store_delete_many
	STORE_CALL_LIST,
	STORE_CALL_COPY,
	STORE_CALL_UPLOAD_CREATE,
	STORE_CALL_UPLOAD_PUT_PART,
	STORE_CALL_UPLOAD_LIST_PARTS, // each page
	STORE_CALL_UPLOAD_COMPLETE,
	STORE_CALL_UPLOAD_ABORT,
	STORE_CALL_UPLOAD_LIST,
	STORE_CALL_ADMIN, // all of store_admin.h
	STORE_CALL_COUNT,
};
