// Signing by libjwt.
#include "http/jwt_sign.h"

#include <jwt.h>
#include <stdbool.h>
#include <string.h>

static bool fill(jwt_t *jwt, const struct jwt_claims *claims, const char *key_pem)
{
	jwt_alg_t algorithm = jwt_str_alg(claims->algorithm);
	return (algorithm == JWT_ALG_RS256 || algorithm == JWT_ALG_ES256) &&
	       jwt_set_alg(jwt, algorithm, (const unsigned char *)key_pem, (int)strlen(key_pem)) == 0 &&
	       (claims->key_id == NULL || jwt_add_header(jwt, "kid", claims->key_id) == 0) &&
	       jwt_add_grant(jwt, "iss", claims->issuer) == 0 &&
	       (claims->audience == NULL || jwt_add_grant(jwt, "aud", claims->audience) == 0) &&
	       (claims->scope == NULL || jwt_add_grant(jwt, "scope", claims->scope) == 0) &&
	       jwt_add_grant_int(jwt, "iat", claims->issued_at) == 0 &&
	       (claims->expires_at == 0 || jwt_add_grant_int(jwt, "exp", claims->expires_at) == 0);
}

enum rc jwt_sign(const struct jwt_claims *claims, const char *key_pem, char **ret_token, struct err *err)
{
	jwt_t *jwt = NULL;
	char *token = NULL;
	if (jwt_new(&jwt) == 0 && fill(jwt, claims, key_pem))
		token = jwt_encode_str(jwt);
	jwt_free(jwt);
	if (token == NULL)
		return err_set(err, RC_INVALID, "the key cannot sign %s", claims->algorithm);
	*ret_token = token;
	return RC_OK;
}
