/* SPDX-License-Identifier: MIT
 * The little HTTP/1.1 that a client of the daemon needs.
 */
#include "client/http.h"

#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"

/* Asks for the rights of the user at the keyboard; the daemon grants them when the kernel says that we are its user. */
#define AS_USER	 "Haul-As-User: 1\r\n"
#define HEAD_MAX 65536
#define WS_GUID	 "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* RFC 6455 1.3 */

struct head {
	int status;
	bool close, chunked;
	int64_t length; /* -1: none */
	char accept[64];
};

/* ---- the answer's head ---- */

static bool is_field(const char *line, const char *name, const char **ret_value)
{
	size_t n = strlen(name);
	if (strncasecmp(line, name, n) != 0 || line[n] != ':')
		return false;
	*ret_value = line + n + 1 + strspn(line + n + 1, " \t");
	return true;
}

static int head_line(struct head *h, const char *line, struct fail *f)
{
	const char *v;
	if (is_field(line, "Content-Length", &v)) {
		uint64_t len;
		if (str_to_u64(v, strcspn(v, " \t"), &len) < 0 || len > HTTP_BODY_MAX)
			return fail_set(f, ERR_LIMIT, "the daemon's answer is too large or has a broken length");
		h->length = (int64_t)len;
	} else if (is_field(line, "Transfer-Encoding", &v)) {
		h->chunked = strcasestr(v, "chunked") != NULL;
	} else if (is_field(line, "Connection", &v)) {
		h->close = strcasestr(v, "close") != NULL;
	} else if (is_field(line, "Sec-WebSocket-Accept", &v)) {
		snprintf(h->accept, sizeof(h->accept), "%s", v);
	}
	return 0;
}

/* text: the head without its last empty line, NUL-terminated; it is cut into lines. */
static int head_parse(char *text, struct head *h, struct fail *f)
{
	int minor;
	*h = (struct head){.length = -1};
	if (sscanf(text, "HTTP/1.%1d %3d", &minor, &h->status) != 2)
		return fail_set(f, ERR_PROTO, "what answers there does not speak HTTP");
	h->close = minor == 0;
	char *save = NULL;
	for (char *line = strtok_r(text, "\r\n", &save); line; line = strtok_r(NULL, "\r\n", &save)) {
		int rc = head_line(h, line, f);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* ---- reading ---- */

static ssize_t more(struct conn *c, struct buf *in, struct fail *f)
{
	char tmp[16384];
	ssize_t n = conn_read(c, tmp, sizeof(tmp), f);
	if (n == 0)
		return fail_set(f, ERR_EOF, "the daemon closed the connection before its answer was complete");
	if (n > 0 && buf_add(in, tmp, (size_t)n) < 0)
		return fail_set(f, ERR_LIMIT, "the daemon's answer is too large");
	return n;
}

/* Reads until the empty line; the head is taken out of in. */
static int read_head(struct conn *c, struct buf *in, struct head *h, struct fail *f)
{
	char *end = NULL;
	while (in->len == 0 || !(end = memmem(in->data, in->len, "\r\n\r\n", 4))) {
		if (in->len > HEAD_MAX)
			return fail_set(f, ERR_PROTO, "what answers there does not speak HTTP");
		ssize_t n = more(c, in, f);
		if (n < 0)
			return (int)n;
	}
	size_t used = (size_t)(end - in->data) + 4;
	*end = '\0';
	int rc = head_parse(in->data, h, f);
	buf_drop(in, used);
	return rc;
}

static int read_exactly(struct conn *c, struct buf *in, size_t n, struct buf *out, struct fail *f)
{
	while (in->len < n) {
		ssize_t r = more(c, in, f);
		if (r < 0)
			return (int)r;
	}
	if (buf_add(out, in->data, n) < 0)
		return fail_set(f, ERR_LIMIT, "the daemon's answer is too large");
	buf_drop(in, n);
	return 0;
}

/* One line of the chunked coding into line (without its end). */
static int read_line(struct conn *c, struct buf *in, char *line, size_t size, struct fail *f)
{
	char *end = NULL;
	while (in->len == 0 || !(end = memmem(in->data, in->len, "\r\n", 2))) {
		ssize_t r =
			in->len < HEAD_MAX ? more(c, in, f) : fail_set(f, ERR_PROTO, "the daemon's answer is broken");
		if (r < 0)
			return (int)r;
	}
	size_t n = (size_t)(end - in->data);
	snprintf(line, size, "%.*s", (int)n, in->data);
	buf_drop(in, n + 2);
	return 0;
}

/* RFC 9112 7.1, extensions and trailers passed over. */
static int read_chunked(struct conn *c, struct buf *in, struct buf *out, struct fail *f)
{
	char line[256];
	for (;;) {
		uint64_t n;
		int rc = read_line(c, in, line, sizeof(line), f);
		if (rc < 0)
			return rc;
		if (str_hex_to_u64(line, strcspn(line, " \t;"), &n) < 0 || n > HTTP_BODY_MAX)
			return fail_set(f, ERR_PROTO, "the daemon's answer is broken");
		if (n == 0)
			break;
		if ((rc = read_exactly(c, in, (size_t)n, out, f)) < 0 ||
			(rc = read_line(c, in, line, sizeof(line), f)) < 0)
			return rc;
	}
	do {
		int rc = read_line(c, in, line, sizeof(line), f);
		if (rc < 0)
			return rc;
	} while (line[0] != '\0');
	return 0;
}

static int read_to_end(struct conn *c, struct buf *in, struct buf *out, struct fail *f)
{
	char tmp[16384];
	ssize_t n = 0;
	int rc = in->len ? buf_add(out, in->data, in->len) : 0;
	while (rc == 0 && (n = conn_read(c, tmp, sizeof(tmp), f)) > 0)
		rc = buf_add(out, tmp, (size_t)n);
	if (rc < 0)
		return fail_set(f, ERR_LIMIT, "the daemon's answer is too large");
	return n < 0 ? (int)n : 0;
}

static int read_answer(struct conn *c, struct http_answer *a, struct fail *f)
{
	struct buf in;
	struct head h = {0};
	buf_init(&in, HTTP_BODY_MAX);
	int rc;
	do {
		rc = read_head(c, &in, &h, f);
	} while (rc == 0 && h.status < 200);
	a->any = in.len > 0 || rc == 0 || rc == ERR_PROTO || rc == ERR_LIMIT;
	if (rc == 0 && h.chunked)
		rc = read_chunked(c, &in, &a->body, f);
	else if (rc == 0 && h.length >= 0)
		rc = read_exactly(c, &in, (size_t)h.length, &a->body, f);
	else if (rc == 0)
		rc = read_to_end(c, &in, &a->body, f);
	a->status = h.status;
	a->keep = rc == 0 && !h.close && (h.chunked || h.length >= 0);
	buf_free(&in);
	return rc;
}

static void add_login(struct buf *out, const struct endpoint *ep)
{
	if (ep->basic)
		buf_addf(out, "Authorization: Basic %s\r\n", ep->basic);
}

/* out is empty afterwards, and wiped: its login and the token in its body are secrets. */
static int send_request(struct conn *c, struct buf *out, struct fail *f)
{
	int rc = out->err ? fail_set(f, ERR_LIMIT, "the request is too large") : conn_send(c, out->data, out->len, f);
	buf_wipe(out);
	return rc;
}

int http_post(
	struct conn *c, const struct endpoint *ep, const char *body, size_t n, struct http_answer *a, struct fail *f)
{
	struct buf out;
	buf_init(&out, HEAD_MAX + n);
	*a = (struct http_answer){0};
	buf_init(&a->body, HTTP_BODY_MAX);
	buf_addf(&out, "POST %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: haul/" HAUL_VERSION "\r\n" AS_USER, ep->target,
		ep->hostport);
	add_login(&out, ep);
	buf_addf(&out, "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n", n);
	buf_add(&out, body, n);
	int rc = send_request(c, &out, f);
	return rc < 0 ? rc : read_answer(c, a, f);
}

/* base64(SHA-1(key + GUID)), RFC 6455 4.2.2. */
static char *accept_of(const char *key)
{
	unsigned char md[SHA_DIGEST_LENGTH];
	char *text = xasprintf("%s" WS_GUID, key);
	SHA1((const unsigned char *)text, strlen(text), md);
	free(text);
	return str_base64(md, sizeof(md));
}

static int send_upgrade(struct conn *c, const struct endpoint *ep, const char *key, struct fail *f)
{
	struct buf out;
	buf_init(&out, HEAD_MAX);
	buf_addf(&out,
		"GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n" AS_USER,
		ep->target, ep->hostport, key);
	add_login(&out, ep);
	buf_adds(&out, "\r\n");
	return send_request(c, &out, f);
}

int http_upgrade(struct conn *c, const struct endpoint *ep, struct buf *rest, struct fail *f)
{
	unsigned char nonce[16];
	if (RAND_bytes(nonce, sizeof(nonce)) != 1)
		return fail_set(f, ERR_UNKNOWN, "no random numbers");
	char *key = str_base64(nonce, sizeof(nonce));
	char *want = accept_of(key);
	struct head h;
	int rc = send_upgrade(c, ep, key, f);
	if (rc == 0)
		rc = read_head(c, rest, &h, f);
	if (rc == 0 && (h.status != 101 || strcmp(h.accept, want) != 0))
		rc = fail_set(f, ERR_PROTO, "the daemon does not speak WebSocket there (HTTP %d)", h.status);
	free(want);
	free(key);
	return rc;
}
