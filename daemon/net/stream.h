/* SPDX-License-Identifier: MIT
 * struct stream: a connected byte stream, TCP, Unix socket or TLS on top, for both directions and both roles (dialled by a
 * transfer, accepted by the RPC server). Bytes are received into the memory that its owner names (`space`), for TLS too.
 *
 * Rules
 *   - After stream_close the owner is not called any more and may be freed at once; the stream's own memory is freed in libuv's
 *     close callbacks. stream_close may be called from inside any callback.
 *   - `space` with len 0 stops reading until stream_resume: nothing is buffered beyond the kernel (and, for TLS, the rest
 *     of one ciphertext window, at most 256 KiB, of which every byte is decrypted before more is read).
 *   - Writes are copied; the owner bounds them by stream_unsent.
 * Loop thread.
 */
#ifndef HAUL_NET_STREAM_H
#define HAUL_NET_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "net/zone.h"

struct net;
struct stream;
struct listener;

struct stream_ops {
	/* Connected, TLS done and verified (err 0), or failed (then the stream is dead: the owner calls stream_close).
	 * Accepted streams don't get it. */
	void (*open)(void *owner, int err, const struct fail *f);
	/* Where the next bytes go: *ret, valid until `data` or the next `space`. len 0: stop reading. */
	void (*space)(void *owner, struct span *ret);
	/* n > 0 bytes are now at the beginning of the last span. */
	void (*data)(void *owner, size_t n);
	/* As space, of a stream without TLS: the end to write to of a pipe that does not block, for at most *ret_len bytes, which
	 * are then told by `data` as well; n 0 there: the pipe takes no more, however little is in it. -1: none, space is asked.
	 * May be NULL. */
	int (*pipe)(void *owner, size_t *ret_len);
	/* No more bytes will come. err 0: orderly end (FIN; with TLS a close_notify). ERR_EOF: TLS ended without close_notify;
	 * ERR_RESET, ERR_TLS, ERR_TLS_BROKEN, ...: broken. The owner calls stream_close sooner or later. */
	void (*end)(void *owner, int err, const struct fail *f);
	/* All written bytes are with the kernel. May be NULL. */
	void (*drained)(void *owner);
};

/* Whom to connect to. Strings are copied. */
struct dial_req {
	const char *host; /* name or literal address, without brackets */
	uint16_t port;
	bool tls;
	const char *alpn; /* "http/1.1"; NULL: none */
	uint64_t connect_timeout_ms; /* resolve + connect + TLS together; 0: no limit */
	bool check_certificate;
	enum zone from; /* who led here: zone_check. ERR_DENIED when no address may be asked */
};

/* Resolve, connect (all addresses, RFC 8305 in turn), TLS handshake with SNI and host name check. Never calls back before it
 * returns. */
struct stream *stream_dial(struct net *n, const struct dial_req *req, const struct stream_ops *ops, void *owner);

bool stream_is_open(const struct stream *s); /* `open` was told, or would not be */
void stream_write(struct stream *s, const void *p, size_t n); /* copied; errors arrive by `end` */
size_t stream_unsent(const struct stream *s);                 /* bytes written but not yet with the kernel */
void stream_resume(struct stream *s);                         /* `space` has room again; idempotent */
/* TLS from here on, on an open plain stream that a proxy connected to `to` (host and port: name check and SNI); `open`
 * comes once more, early failures before this returns. The deadline is to->connect_timeout_ms, anew. */
void stream_start_tls(struct stream *s, const struct dial_req *to);
/* Change the owner (idle pool <-> protocol). No callback of the old owner comes any more. */
void stream_set_owner(struct stream *s, const struct stream_ops *ops, void *owner);
void stream_close(struct stream *s);       /* idempotent for NULL; unsent bytes are dropped */
void stream_close_soon(struct stream *s);  /* sends what is unsent (at most 5 s), shuts down, closes; owner is forgotten now */

/* "1.2.3.4:443" of the peer, for logs and RPC; "" when unknown. Lives as long as the stream. */
const char *stream_peer(const struct stream *s);
/* Where the peer is; PUBLIC when unknown. */
enum zone stream_zone(const struct stream *s);
/* uid of the process at the other end, of a Unix socket or of TCP within this machine (net/peer.h); false: not known. */
bool stream_peer_uid(const struct stream *s, uint32_t *ret);
/* The round trip in which it was connected, ms; 0: below one, or not known, as of those that were accepted. */
unsigned stream_rtt(const struct stream *s);
bool stream_is_unix(const struct stream *s); /* a Unix socket */
/* Bytes are told of when n are there, or the end is, rather than one by one (SO_RCVLOWAT); 0 and 1: at once. Only for TCP
 * without TLS, else nothing happens. The owner must know that so many will come, and look after those that come slower than it
 * thought. */
void stream_low_water(struct stream *s, size_t n);
int stream_fd(const struct stream *s); /* for getsockopt and the like; -1 when closed */

/* ---- accepting ---- */

/* TCP on address:port ("127.0.0.1", "::1", "0.0.0.0", "::"), or a Unix socket when path is set (mode 0600 from birth, stale
 * ones replaced), or an inherited descriptor (socket activation) when fd >= 0. tls: with the certificate given. */
struct listen_req {
	const char *address;
	uint16_t port; /* 0: the system picks one, see listener_port */
	const char *path;
	int fd; /* -1: none */
	const char *cert, *key; /* PEM files; NULL: plain */
	unsigned max_conns;     /* accepting pauses above this */
	bool own;               /* streams of this net are never dialled to it (net/zone.h) */
};

/* A new accepted stream; the callee must call stream_set_owner or stream_close before it returns. For TLS the handshake is
 * still to come; bytes arrive when it is done. */
typedef void (*accept_cb)(void *owner, struct stream *s);

int listener_open(struct net *n, const struct listen_req *req, accept_cb cb, void *owner, struct listener **ret, struct fail *f);
uint16_t listener_port(const struct listener *l);
void listener_close(struct listener *l); /* NULL is fine */

#endif
