// Sealed copies: secretbox over (MAC of the name, time of making, data).
#include "cache/sealed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/encoding.h"
#include "cache/cache_private.h"

struct head {
	uint8_t name_mac[SHA256_SIZE];
	int64_t made_at_us; // on the wall clock
};

static void name_key(const struct cache *cache, const char *name, uint8_t ret_mac[SHA256_SIZE],
                     char ret_key[CACHE_KEY_SIZE])
{
	char text[2 * SHA256_SIZE + 1];
	hmac_of(&cache->name_key, name, strlen(name), ret_mac);
	encode_hex(ret_mac, SHA256_SIZE, text);
	(void)snprintf(ret_key, CACHE_KEY_SIZE, "safelight:%s:copy:%s", cache->name, text);
}

void cache_sealed_put(struct cache *cache, const char *name, const void *data, size_t length, int64_t life_ms)
{
	if (!cache_is_up(cache))
		return;
	char key[CACHE_KEY_SIZE];
	struct head head = { .made_at_us = clock_now_us() };
	name_key(cache, name, head.name_mac, key);
	CLEANUP(free_pointer) uint8_t *plain = malloc(sizeof head + length);
	CLEANUP(free_pointer) uint8_t *sealed = malloc(sizeof head + length + SECRET_BOX_EXTRA_BYTES);
	if (plain == NULL || sealed == NULL)
		return;
	memcpy(plain, &head, sizeof head);
	memcpy(plain + sizeof head, data, length);
	secret_box_seal(&cache->box, plain, sizeof head + length, sealed);
	cache_put(cache, key, sealed, sizeof head + length + SECRET_BOX_EXTRA_BYTES, life_ms);
}

struct getting {
	struct cache *cache;
	uint8_t name_mac[SHA256_SIZE];
	int64_t most_age_ms;
	cache_done *done;
	void *context;
};

// What stands in the sealed bytes; *ret_plain is malloc'ed with RC_OK.
static struct cache_reply open_copy(const struct getting *getting, const struct cache_reply *sealed,
                                    uint8_t **ret_plain)
{
	struct head head;
	struct cache_reply corrupt = { .rc = RC_CORRUPT };
	if (sealed->data == NULL || sealed->length < sizeof head + SECRET_BOX_EXTRA_BYTES)
		return corrupt;
	uint8_t *plain = malloc(sealed->length);
	if (plain == NULL)
		return (struct cache_reply){ .rc = RC_NO_MEMORY };
	if (secret_box_open(&getting->cache->box, sealed->data, sealed->length, plain, NULL) != RC_OK) {
		free(plain);
		return corrupt;
	}
	*ret_plain = plain;
	memcpy(&head, plain, sizeof head);
	int64_t age_ms = (clock_now_us() - head.made_at_us) / 1000;
	if (!crypto_equal(head.name_mac, getting->name_mac, SHA256_SIZE))
		return corrupt;
	// Clocks of other machines may be a little ahead.
	if (age_ms > getting->most_age_ms || age_ms < -getting->most_age_ms)
		return (struct cache_reply){ .rc = RC_NOT_FOUND };
	return (struct cache_reply){ .integer = age_ms < 0 ? 0 : age_ms,
		                     .data = (const char *)plain + sizeof head,
		                     .length = sealed->length - SECRET_BOX_EXTRA_BYTES - sizeof head };
}

static void on_reply(void *context, const struct cache_reply *reply)
{
	struct getting *getting = context;
	CLEANUP(free_pointer) uint8_t *plain = NULL;
	struct cache_reply opened = reply->rc == RC_OK ? open_copy(getting, reply, &plain) : *reply;
	getting->done(getting->context, &opened);
	free(getting);
}

void cache_sealed_get(struct cache *cache, const char *name, int64_t most_age_ms, cache_done *done, void *context)
{
	char key[CACHE_KEY_SIZE];
	struct getting *getting = cache_is_up(cache) ? calloc(1, sizeof *getting) : NULL;
	if (getting == NULL) {
		done(context, &(struct cache_reply){ .rc = RC_UNAVAILABLE });
		return;
	}
	*getting = (struct getting){ .cache = cache, .most_age_ms = most_age_ms, .done = done, .context = context };
	name_key(cache, name, getting->name_mac, key);
	cache_get(cache, key, on_reply, getting);
}
