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

#define DAMAGED	    "what came was damaged on the way"

/* damage: from which phase on it speaks of this connection only, and a new one may do; before, it is the server's way. */
static const struct reason {
	int reason;
	enum tls_phase damage;
	const char *words; /* NULL: OpenSSL's own */
} reasons[] = {
	{SSL_R_UNSUPPORTED_PROTOCOL, TLS_NEVER, OLD},
	{SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, TLS_NEVER, OLD},
	{SSL_R_NO_PROTOCOLS_AVAILABLE, TLS_NEVER, OLD},
	{SSL_R_WRONG_VERSION_NUMBER, TLS_BEGUN, PLAIN},
	{SSL_R_PACKET_LENGTH_TOO_LONG, TLS_BEGUN, PLAIN},
	{SSL_R_HTTP_REQUEST, TLS_NEVER, PLAIN},
	{SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE, TLS_NEVER, NOT_AGREED},
	{SSL_R_TLSV1_ALERT_INSUFFICIENT_SECURITY, TLS_NEVER, NOT_AGREED},
	{SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, TLS_NEVER, WANTS_OURS},
	{SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, TLS_NEVER, WANTS_OURS},
	{SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, TLS_NEVER, WANTS_OURS},
	{SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, TLS_NEVER, WANTS_OURS},
	{SSL_R_TLSV1_ALERT_UNKNOWN_CA, TLS_NEVER, WANTS_OURS},
	{SSL_R_TLSV1_UNRECOGNIZED_NAME, TLS_NEVER, "the server does not know this host name"},
	{SSL_R_DH_KEY_TOO_SMALL, TLS_NEVER, "the server's keys are too short to be safe"},
	{SSL_R_UNEXPECTED_EOF_WHILE_READING, TLS_HELLO, "the server closed the connection in the middle"},
	{SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, TLS_HELLO, DAMAGED},
	{SSL_R_SSLV3_ALERT_UNEXPECTED_MESSAGE, TLS_HELLO, NULL},
	{SSL_R_SSLV3_ALERT_BAD_RECORD_MAC, TLS_HELLO, NULL},
	{SSL_R_TLSV1_ALERT_DECRYPTION_FAILED, TLS_HELLO, NULL},
	{SSL_R_TLSV1_ALERT_RECORD_OVERFLOW, TLS_HELLO, NULL},
	{SSL_R_TLSV1_ALERT_DECODE_ERROR, TLS_HELLO, NULL},
	{SSL_R_TLSV1_ALERT_DECRYPT_ERROR, TLS_HELLO, NULL},
	{SSL_R_TLSV1_ALERT_INTERNAL_ERROR, TLS_HELLO, NULL},
	{SSL_R_TLSV1_ALERT_USER_CANCELLED, TLS_HELLO, NULL},
	{SSL_R_LENGTH_MISMATCH, TLS_HELLO, DAMAGED},
	{SSL_R_LENGTH_TOO_SHORT, TLS_HELLO, DAMAGED},
	{SSL_R_BAD_LENGTH, TLS_HELLO, DAMAGED},
	{SSL_R_BAD_PACKET, TLS_HELLO, DAMAGED},
	{SSL_R_BAD_SIGNATURE, TLS_HELLO, DAMAGED},
	{SSL_R_DIGEST_CHECK_FAILED, TLS_HELLO, DAMAGED},
};

/* Other alerts tell what the server will say the next time, too; of what OpenSSL finds itself, most is about the handshake. */
static const struct reason some_alert = {0, TLS_NEVER, NULL};
static const struct reason own_finding = {0, TLS_OPEN, NULL};
static const struct reason not_of_tls = {0, TLS_BEGUN, NULL};

static const struct reason *reason_of(unsigned long err)
{
	if (ERR_GET_LIB(err) != ERR_LIB_SSL)
		return &not_of_tls;
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (ERR_GET_REASON(err) == reasons[i].reason)
			return &reasons[i];
	return ERR_GET_REASON(err) >= SSL_AD_REASON_OFFSET ? &some_alert : &own_finding;
}

static const char *certificate_words(long verify)
{
	for (size_t i = 0; i < sizeof(certificates) / sizeof(certificates[0]); i++)
		if (certificates[i].verify == verify)
			return certificates[i].words;
	return X509_verify_cert_error_string(verify);
}

static const char *openssl_words(unsigned long err)
{
	const char *text = NULL;

	if (err != 0)
		text = ERR_SYSTEM_ERROR(err) ? strerror(ERR_GET_REASON(err)) : ERR_reason_error_string(err);
	return text != NULL ? text : "protocol error";
}

static const char *reason_words(unsigned long err)
{
	const struct reason *r = reason_of(err);

	return r->words != NULL ? r->words : openssl_words(err);
}

const char *tls_words(long verify, unsigned long err)
{
	return verify != X509_V_OK ? certificate_words(verify) : reason_words(err);
}

const char *tls_damage(long verify, unsigned long err, enum tls_phase phase)
{
	const struct reason *r = reason_of(err);

	if (verify != X509_V_OK || r->damage > phase)
		return NULL;
	return r->damage > TLS_HELLO ? DAMAGED : reason_words(err); /* its words are those of a beginning */
}
