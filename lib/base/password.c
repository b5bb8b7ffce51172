// argon2id through libsodium.
#include "base/password.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(PASSWORD_HASH_SIZE >= crypto_pwhash_STRBYTES, "a hash fits");

struct password_policy {
	size_t memory_bytes;
	unsigned passes;
	char nobody[PASSWORD_HASH_SIZE]; // the hash of a random password
};

struct password_policy *password_policy_new(size_t memory_bytes, unsigned passes, struct err *err)
{
	struct password_policy *policy = calloc(1, sizeof *policy);
	if (policy == NULL) {
		err_set(err, RC_NO_MEMORY, "no memory for the password policy");
		return NULL;
	}
	policy->memory_bytes = memory_bytes;
	policy->passes = passes;
	char random[33];
	randombytes_buf(random, sizeof random - 1);
	random[sizeof random - 1] = '\0';
	if (password_hash(policy, random, policy->nobody, err) != RC_OK) {
		free(policy);
		return NULL;
	}
	return policy;
}

void password_policy_free(struct password_policy *policy)
{
	free(policy);
}

enum rc password_hash(const struct password_policy *policy, const char *password, char ret_hash[PASSWORD_HASH_SIZE],
                      struct err *err)
{
	char hash[PASSWORD_HASH_SIZE] = { 0 };
	if (crypto_pwhash_str_alg(hash, password, strlen(password), policy->passes, policy->memory_bytes,
	                          crypto_pwhash_ALG_ARGON2ID13) != 0)
		return err_set(err, RC_NO_MEMORY, "no memory to hash a password");
	memcpy(ret_hash, hash, sizeof hash);
	return RC_OK;
}

bool password_verify(const struct password_policy *policy, const char *hash, const char *password)
{
	bool known = hash != NULL && strlen(hash) < PASSWORD_HASH_SIZE;
	// libsodium reads the whole array.
	char padded[PASSWORD_HASH_SIZE] = { 0 };
	memcpy(padded, known ? hash : policy->nobody, strlen(known ? hash : policy->nobody));
	bool right = crypto_pwhash_str_verify(padded, password, strlen(password)) == 0;
	return right && known;
}

bool password_needs_rehash(const struct password_policy *policy, const char *hash)
{
	char padded[PASSWORD_HASH_SIZE] = { 0 };
	if (strlen(hash) >= sizeof padded)
		return true;
	memcpy(padded, hash, strlen(hash));
	return crypto_pwhash_str_needs_rehash(padded, policy->passes, policy->memory_bytes) != 0;
}
