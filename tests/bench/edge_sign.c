// Prints one signed delivery URL (path and query) for the edge's benchmark: edge_sign KEYS_FILE MEDIA_ID VARIANT
// EXTENSION|negotiated. It never expires.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/file.h"
#include "media/delivery.h"

static enum rc print_url(char **arguments, struct err *err)
{
	CLEANUP(free_pointer) char *text = NULL;
	struct delivery_keys keys;
	struct delivery_grant grant = { .generation = 1, .expiry = DELIVERY_FOREVER };
	if (!uuid_parse(arguments[1], &grant.media_id))
		return err_set(err, RC_INVALID, "not a media id: %s", arguments[1]);
	(void)snprintf(grant.variant, sizeof(grant.variant), "%s", arguments[2]);
	grant.format = media_format_by_extension(arguments[3], strlen(arguments[3]));
	grant.formats = grant.format == FORMAT_NONE ? FORMAT_SET_DELIVERY : 0;
	enum rc rc = file_read_secret(arguments[0], &text, err);
	if (rc == RC_OK)
		rc = delivery_keys_parse(text, &keys, err);
	if (rc != RC_OK)
		return rc;
	char url[DELIVERY_URL_SIZE];
	(void)delivery_sign(&keys, &grant, url);
	(void)puts(url);
	return RC_OK;
}

int main(int count, char **arguments)
{
	struct err err = { 0 };
	if (count != 5) {
		(void)fputs("edge_sign KEYS_FILE MEDIA_ID VARIANT EXTENSION|negotiated\n", stderr);
		return 64;
	}
	if (crypto_init(&err) == RC_OK && print_url(arguments + 1, &err) == RC_OK)
		return 0;
	(void)fprintf(stderr, "edge_sign: %s\n", err.text);
	return 1;
}
