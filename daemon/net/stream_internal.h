/* SPDX-License-Identifier: MIT
 * Inside of struct stream, for the files of this folder only: stream.c (life, reading, writing), stream_tls.c (the same through
 * TLS), stream_dial.c (how one comes to be), listener.c, cpool.c.
 */
#ifndef HAUL_NET_STREAM_INTERNAL_H
#define HAUL_NET_STREAM_INTERNAL_H

#include <sys/queue.h>

#include "base/obj.h"
#include "ev/loop.h"
#include "ev/timer.h"
#include "net/sock.h"
#include "net/stream.h"

struct dial;
struct tls;

enum stream_state {
	ST_DIAL,      /* no socket yet */
	ST_HANDSHAKE, /* TLS handshake; deadline: s->timer */
	ST_OPEN,
	ST_SOON,   /* stream_close_soon: no owner; deadline: s->timer */
	ST_CLOSED, /* waits for callbacks of libuv and for the release of holds */
};

struct stream {
	OBJ(STREAM);
	struct net *net;
	enum stream_state state;
	const struct stream_ops *ops; /* NULL: no owner */
	void *owner;
	struct sock *sock; /* NULL: not yet, or handed to sock_close */
	struct dial *dial;
	struct tls *tls;
	struct dial_req *req; /* own copy while dialling */
	struct timer timer;
	struct deferred kick;
	unsigned holds;	    /* calls on the stack that go on using it */
	bool sock_closing;  /* close callback to come */
	bool dialled;	    /* tells `open` */
	bool reading;	    /* uv_read_start is on */
	bool paused;	    /* `space` had none */
	bool in_alloc;	    /* libuv stands in its alloc callback: it must not be stopped or closed there */
	bool ended;	    /* the end was told, or nobody is left to tell */
	bool write_dead;    /* a write failed: what is written is dropped */
	bool shut;	    /* ST_SOON: everything was sent and FIN too */
	bool want_pump;	    /* kick: go on decrypting what is left of the window */
	bool want_drained;  /* kick: tell `drained` */
	bool no_splice;	    /* the kernel does not move this socket's bytes into a pipe */
	int pipe;	    /* where the next bytes go; -1: into memory */
	size_t pipe_len;    /* at most so many */
	uint64_t turn;	    /* net_turn when it received last, */
	size_t left;	    /* and so many bytes it may still in that */
	bool put_off;	    /* ... none: it was told so */
	uint64_t round;	    /* of the net's: in which it had its last share */
	struct fail broken; /* kick: code != 0 is the end to tell */
	size_t unsent;	    /* bytes in libuv's write queue */
	size_t control;	    /* bytes among them that TLS made up by itself */
	size_t unwanted;    /* ST_SOON: bytes received and dropped */
	uv_shutdown_t shutdown;
	void (*gone)(void *arg); /* told at stream_close; of the listener */
	void *gone_arg;
	LIST_ENTRY(stream) lingering;
	char peer[SOCK_NAME_MAX];
	enum zone zone; /* of the peer */
	unsigned rtt;	/* stream_rtt */
};

/* stream.c */
struct stream *stream_new(struct net *n, const struct stream_ops *ops, void *owner);
void stream_attach(struct stream *s, struct sock *k);
void stream_hold(struct stream *s);
void stream_release(struct stream *s); /* s may be gone afterwards */
void stream_start_reading(struct stream *s);
void stream_stop_reading(struct stream *s);
void stream_space(struct stream *s, struct span *ret); /* asks the owner; len 0 without one */
void stream_data(struct stream *s, size_t n);
void stream_tell_end(struct stream *s, const struct fail *f); /* code 0: orderly; once; `open` while not yet open */
void stream_break_later(struct stream *s, const struct fail *f); /* stream_tell_end from the end of the turn */
void stream_opened(struct stream *s);			      /* ST_OPEN and `open` */
void stream_send(struct stream *s, const char *p, size_t n);   /* to the socket */
bool stream_is_quiet(const struct stream *s); /* open, nothing unsent, nothing received that was not taken: can be kept */

/* stream_tls.c */
void stream_tls_start(struct stream *s); /* first step of the handshake */
void stream_tls_pump(struct stream *s);	 /* handshake or decrypt until the input is used up or the owner pauses */
void stream_tls_write(struct stream *s, const char *p, size_t n);
void stream_tls_shutdown(struct stream *s);
void stream_tls_eof(struct stream *s);

#endif
