/* SPDX-License-Identifier: MIT
 * A stream's bytes through TLS. All input of a window is decrypted before the next read, or kept as the connection's
 * rest when the owner pauses; the shared output buffer is emptied into the socket before any callback.
 */
#include <string.h>

#include "net/net_internal.h"
#include "net/stream_internal.h"
#include "net/tls.h"

#define WRITE_SLICE (64 * 1024)	 /* plaintext encrypted at once: bounds the output buffer */
#define CONTROL_MAX (256 * 1024) /* bytes of TLS's own that a peer may leave unread (key updates, alerts) */

static void flush(struct stream *s)
{
	size_t n;
	const char *p = tls_output(s->net->tls, &n);

	stream_send(s, p, n);
	tls_output_done(s->net->tls);
}

/* After reading: what TLS answered by itself, then what waited for input. */
static void flush_read_side(struct stream *s)
{
	struct fail f;
	size_t n;

	tls_output(s->net->tls, &n);
	s->control += n;
	flush(s);
	if (s->unsent == 0)
		s->control = 0;
	if (s->control > CONTROL_MAX) {
		fail_set(&f, ERR_TLS, "TLS: the peer asks for answers without reading them");
		stream_break_later(s, &f);
	}
	if (s->state != ST_OPEN || tls_kept(s->tls) == 0)
		return;
	if (tls_retry(s->tls, &f) < 0)
		stream_break_later(s, &f);
	flush(s);
	defer(s->net->loop, &s->kick); /* drained? */
}

/* Fills the span; *ret is what stopped it: 0 full or more input needed, TLS_END, ERR_*. */
static size_t fill(struct stream *s, const struct span *sp, int *ret, struct fail *f)
{
	size_t got = 0;
	ssize_t r = 1;

	while (got < sp->len && (r = tls_read(s->tls, sp->base + got, sp->len - got, f)) > 0)
		got += (size_t)r;
	*ret = r < 0 ? (int)r : 0;
	return got;
}

static void decrypt(struct stream *s)
{
	struct fail f = {0};
	struct span sp;
	size_t got;
	int r;

	while (s->state == ST_OPEN && !s->ended && tls_has_input(s->tls)) {
		stream_space(s, &sp);
		if (s->state != ST_OPEN)
			return;
		if (sp.len == 0) {
			s->paused = true;
			break;
		}
		got = fill(s, &sp, &r, &f);
		flush_read_side(s);
		if (got > 0)
			stream_data(s, got);
		if (r != 0 && s->state == ST_OPEN) {
			f.code = r == TLS_END ? 0 : r;
			stream_tell_end(s, &f);
		}
	}
	if (s->state != ST_OPEN || s->ended || !s->paused)
		return;
	tls_keep(s->tls);
	stream_stop_reading(s);
}

static void handshake(struct stream *s)
{
	struct fail f = {0};
	int r = tls_handshake(s->tls, &f);

	flush(s);
	if (r < 0)
		stream_tell_end(s, &f);
	if (r != 1)
		return;
	stream_opened(s);
	if (s->state == ST_OPEN)
		flush_read_side(s);
}

void stream_tls_pump(struct stream *s)
{
	if (s->state == ST_HANDSHAKE && !s->ended)
		handshake(s);
	if (s->state == ST_OPEN)
		decrypt(s);
}

void stream_tls_start(struct stream *s)
{
	s->state = ST_HANDSHAKE;
	handshake(s);
	stream_start_reading(s);
}

void stream_tls_write(struct stream *s, const char *p, size_t n)
{
	struct fail f;

	while (n > 0) {
		size_t part = n < WRITE_SLICE ? n : WRITE_SLICE;

		if (tls_write(s->tls, p, part, &f) < 0) {
			s->write_dead = true;
			stream_break_later(s, &f);
			return;
		}
		flush(s);
		p += part;
		n -= part;
	}
}

void stream_tls_shutdown(struct stream *s)
{
	tls_shutdown(s->tls);
	flush(s);
}

/* RFC 8446 section 6.1: without close_notify anybody may have cut the connection. */
void stream_tls_eof(struct stream *s)
{
	struct fail f = {0};

	if (s->state == ST_HANDSHAKE)
		fail_set(&f, ERR_EOF,
			"The connection was closed during the TLS handshake: the server may only speak versions that are too old "
			"(min-tls-version), or not TLS at all");
	else
		fail_set(&f, ERR_EOF, NULL);
	stream_tell_end(s, &f);
}
