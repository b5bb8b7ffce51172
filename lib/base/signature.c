// Certificates and signatures by OpenSSL.
#include "base/signature.h"

#include <limits.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdbool.h>

static X509 *read_certificate(const char *text, size_t length)
{
	if (length > INT_MAX)
		return NULL;
	BIO *memory = BIO_new_mem_buf(text, (int)length);
	X509 *certificate = memory == NULL ? NULL : PEM_read_bio_X509(memory, NULL, NULL, NULL);
	BIO_free(memory);
	return certificate;
}

static bool is_in_time(const X509 *certificate)
{
	return X509_cmp_current_time(X509_get0_notBefore(certificate)) < 0 &&
	       X509_cmp_current_time(X509_get0_notAfter(certificate)) > 0;
}

static bool is_signed(EVP_PKEY *key, enum signature_hash hash, const void *data, size_t length,
                      const uint8_t *signature, size_t signature_length)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	const EVP_MD *digest = hash == SIGNATURE_SHA1 ? EVP_sha1() : EVP_sha256();
	bool is_good = context != NULL && EVP_DigestVerifyInit(context, NULL, digest, NULL, key) == 1 &&
	               EVP_DigestVerify(context, signature, signature_length, data, length) == 1;
	EVP_MD_CTX_free(context);
	return is_good;
}

enum rc signature_verify(const char *certificate, size_t certificate_length, enum signature_hash hash, const void *data,
                         size_t length, const uint8_t *signature, size_t signature_length, struct err *err)
{
	X509 *x509 = read_certificate(certificate, certificate_length);
	EVP_PKEY *key = x509 == NULL ? NULL : X509_get0_pubkey(x509);
	enum rc rc = RC_OK;
	if (key == NULL || EVP_PKEY_base_id(key) != EVP_PKEY_RSA)
		rc = err_set(err, RC_CORRUPT, "that is no certificate with an RSA key");
	else if (!is_in_time(x509))
		rc = err_set(err, RC_DENIED, "the certificate is not valid yet, or no longer");
	else if (!is_signed(key, hash, data, length, signature, signature_length))
		rc = err_set(err, RC_DENIED, "the signature is not the certificate's");
	X509_free(x509);
	return rc;
}
