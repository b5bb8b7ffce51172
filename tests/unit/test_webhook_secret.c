// Signatures of webhooks (the vector of Standard Webhooks' own tests), and secrets that are kept sealed.
#include "metadata-api/webhook_secret.c" // NOLINT(bugprone-suspicious-include): a service's file has no archive to link

#include "tests/unit/cmocka_all.h"

static void the_published_vector_holds(void **state)
{
	(void)state;
	uint8_t key[WEBHOOK_KEY_BYTES_MAX];
	size_t length;
	char signature[WEBHOOK_SIGNATURE_SIZE];
	struct err err = { 0 };
	assert_int_equal(webhook_secret_parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", key, &length, &err), RC_OK);
	assert_int_equal(length, 24);
	webhook_sign(key, length, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, "{\"test\": 2432232314}", signature);
	assert_string_equal(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
	webhook_sign(key, length, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265331, "{\"test\": 2432232314}", signature);
	assert_string_not_equal(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

static void what_is_no_secret_is_refused(void **state)
{
	(void)state;
	static const char *const WRONG[] = { "",           "whsec_",     "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
		                             "whsec_AAAA", "whsec_!!!!", "whpk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" };
	uint8_t key[WEBHOOK_KEY_BYTES_MAX];
	size_t length;
	for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++)
		assert_int_equal(webhook_secret_parse(WRONG[i], key, &length, NULL), RC_INVALID);
}

static void a_secret_is_kept_sealed(void **state)
{
	(void)state;
	struct secret_box_key box, other;
	char text[WEBHOOK_SECRET_SIZE];
	uint8_t sealed[WEBHOOK_SEALED_BYTES], key[WEBHOOK_KEY_BYTES], shown[WEBHOOK_KEY_BYTES_MAX];
	size_t length;
	struct err err = { 0 };
	assert_int_equal(crypto_init(&err), RC_OK);
	assert_int_equal(secret_box_key_parse("zz", &box, &err), RC_INVALID);
	assert_int_equal(
	        secret_box_key_parse("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", &box, &err),
	        RC_OK);
	other = box;
	other.bytes[31] ^= 1;
	webhook_secret_new(&box, text, sealed);
	assert_int_equal(webhook_secret_parse(text, shown, &length, &err), RC_OK);
	assert_int_equal(length, WEBHOOK_KEY_BYTES);
	assert_int_equal(secret_box_open(&box, sealed, sizeof sealed, key, &err), RC_OK);
	assert_memory_equal(key, shown, sizeof key);
	assert_int_equal(secret_box_open(&other, sealed, sizeof sealed, key, &err), RC_CORRUPT);
	assert_int_equal(secret_box_open(&box, sealed, SECRET_BOX_EXTRA_BYTES - 1, key, &err), RC_CORRUPT);
	sealed[30] ^= 1;
	assert_int_equal(secret_box_open(&box, sealed, sizeof sealed, key, &err), RC_CORRUPT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_published_vector_holds),
		cmocka_unit_test(what_is_no_secret_is_refused),
		cmocka_unit_test(a_secret_is_kept_sealed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
