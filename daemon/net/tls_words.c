/* SPDX-License-Identifier: MIT
 * OpenSSL's causes in plain words.
 */
#include "net/tls_words.h"

#include <stddef.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#define UNKNOWN_ISSUER                                                                                                  \
	"the certificate was issued by an authority that is not trusted here, or the server leaves out the certificates " \
	"between; ca-certificate names a file with more authorities"

static const struct {
	long verify;
	const char *words;
} certificates[] = {
	{X509_V_ERR_CERT_HAS_EXPIRED, "the certificate has expired"},
	{X509_V_ERR_CERT_NOT_YET_VALID, "the certificate is not valid yet: look at this machine's clock"},
	{X509_V_ERR_HOSTNAME_MISMATCH, "the certificate is of another host name"},
	{X509_V_ERR_IP_ADDRESS_MISMATCH, "the certificate is not of this address: use the host's name"},
	{X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
		"the certificate is self-signed: no authority vouches for it; if it is yours, name it with ca-certificate"},
	{X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, UNKNOWN_ISSUER},
	{X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, UNKNOWN_ISSUER},
	{X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, UNKNOWN_ISSUER},
	{X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, UNKNOWN_ISSUER},
	{X509_V_ERR_CERT_REVOKED, "the certificate was revoked"},
	{X509_V_ERR_EE_KEY_TOO_SMALL, "the certificate's key is too short to be safe"},
	{X509_V_ERR_CA_MD_TOO_WEAK, "the certificate is signed with a digest that is not safe any more"},
};

#define OLD	    "the server only speaks versions of TLS that are too old (min-tls-version)"
#define PLAIN	    "the server does not speak TLS on this port; maybe it is for http://"
#define NOT_AGREED  "the server refused the handshake: no cipher in common, or it wants a client certificate (certificate)"
#define WANTS_OURS  "the server wants a client certificate, or another one (certificate, private-key)"

static const struct {
	int reason;
	const char *words;
} reasons[] = {
	{SSL_R_UNSUPPORTED_PROTOCOL, OLD},
	{SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, OLD},
	{SSL_R_NO_PROTOCOLS_AVAILABLE, OLD},
	{SSL_R_WRONG_VERSION_NUMBER, PLAIN},
	{SSL_R_PACKET_LENGTH_TOO_LONG, PLAIN},
	{SSL_R_HTTP_REQUEST, PLAIN},
	{SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE, NOT_AGREED},
	{SSL_R_TLSV1_ALERT_INSUFFICIENT_SECURITY, NOT_AGREED},
	{SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, WANTS_OURS},
	{SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, WANTS_OURS},
	{SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, WANTS_OURS},
	{SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, WANTS_OURS},
	{SSL_R_TLSV1_ALERT_UNKNOWN_CA, WANTS_OURS},
	{SSL_R_TLSV1_UNRECOGNIZED_NAME, "the server does not know this host name"},
	{SSL_R_DH_KEY_TOO_SMALL, "the server's keys are too short to be safe"},
	{SSL_R_UNEXPECTED_EOF_WHILE_READING, "the server closed the connection in the middle"},
};

static const char *certificate_words(long verify)
{
	for (size_t i = 0; i < sizeof(certificates) / sizeof(certificates[0]); i++)
		if (certificates[i].verify == verify)
			return certificates[i].words;
	return X509_verify_cert_error_string(verify);
}

static const char *reason_words(unsigned long err)
{
	const char *text = NULL;

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (ERR_GET_LIB(err) == ERR_LIB_SSL && ERR_GET_REASON(err) == reasons[i].reason)
			return reasons[i].words;
	if (err != 0)
		text = ERR_SYSTEM_ERROR(err) ? strerror(ERR_GET_REASON(err)) : ERR_reason_error_string(err);
	return text != NULL ? text : "protocol error";
}

const char *tls_words(long verify, unsigned long err)
{
	return verify != X509_V_OK ? certificate_words(verify) : reason_words(err);
}
