/* SPDX-License-Identifier: MIT
 * Inside of struct net, for the files of this folder only.
 */
#ifndef HAUL_NET_NET_INTERNAL_H
#define HAUL_NET_NET_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "net/net.h"

#define NET_WINDOW (256 * 1024) /* bytes of the shared receive window */

struct resolver;
struct tls_ctx;
struct cpool;
struct stream;

/* The options as they were at net_new; strings are owned by struct net, NULL when not set. */
struct net_conf {
	char *ca_file, *cert_file, *key_file;
	char *interface; /* names or literal addresses to bind to in turn, commas between them */
	char *allow_address, *deny_address; /* of net/zone.h: blocks, parted by line ends or commas */
	char *overrides; /* the `resolve` option: HOST:PORT:ADDR lines */
	bool check_certificate;
	bool no_ipv6;
	int min_tls; /* TLS1_2_VERSION ... */
	int rcvbuf;  /* bytes; 0: the system's choice */
	int dscp;
	char *congestion; /* of TCP; NULL: the system's */
};

/* Where this daemon listens; owned by its listener. */
struct own_port {
	struct sockaddr_storage at;
	LIST_ENTRY(own_port) link;
};

struct net {
	struct loop *loop;
	struct net_conf conf;
	struct resolver *resolver;
	struct zone_rules *zones;
	LIST_HEAD(own_ports, own_port) own_ports;
	struct tls_ctx *tls;
	struct cpool *cpool;
	struct http_state *http; /* not owned */
	void (*life_cb)(void *arg); /* of net_on_life */
	void *life_arg;
	char *window; /* NET_WINDOW bytes for ciphertext and for what is thrown away; used within one callback only */
	size_t chop;
	ssize_t (*splice)(int from, int to, size_t n);
	uint64_t turn_seen; /* the turn (net_turn) in which somebody received last, */
	uint64_t turn_end;  /* until when, by uv_hrtime; */
	uint64_t turn_ns;   /* so long is it; the tests set it */
	uint64_t round;	    /* in a round of one turn or several each stream has one share, */
	uint64_t more;	    /* turns that began within one of the loop: net_next_turn */
	bool left_out;	    /* in the last turn there was no time for all, */
	unsigned in_turn;   /* in this one so many have had theirs, as some always do, */
	unsigned readers;   /* how many have had theirs, */
	unsigned crowd;	    /* and in one of the last rounds, at most; */
	size_t share;	    /* how many bytes that is; see net_share */
	uint64_t v6_slow_until, v4_slow_until; /* ms: addresses of the family did not answer lately, see dial.c */
	bool told_congestion; /* the log has it that the kernel refuses conf.congestion */
	unsigned turn; /* sockets bound to an interface so far */
	unsigned refs; /* its owner, streams and listeners: the last one frees it */
	LIST_HEAD(lingering_list, stream) lingering; /* of stream_close_soon: nobody else would close these */
};

void net_note_life(const struct net *n);

struct net *net_ref(struct net *n);
void net_unref(struct net *n);

/* The shared window, allocated when first needed; never NULL. Its length is NET_WINDOW, or less under the test seam. */
char *net_window(struct net *n);
/* The number of the turn: of the loop, or a part of one. */
uint64_t net_turn(const struct net *n);
/* libuv asks a stream again that was told in this turn that it has had enough: more sockets are readable than it takes note of
 * at a time (1024), and it would ask 48 times before the loop's turn ends. A new turn begins within that one. */
void net_next_turn(struct net *n);
/* A stream that was dialled would receive for the first time in this turn: so many bytes may it take until the next, or none.
 * *round is its own: the round in which it had its last share, at first the one in which it was made. */
size_t net_share(struct net *n, uint64_t *round);
/* Asked after net_share in the same turn: it has lasted so long that nobody should receive any more. */
bool net_turn_over(const struct net *n);
size_t net_chop(const struct net *n, size_t len); /* len, or the limit of net_set_chop */

/* cpool.c */
struct cpool *cpool_new(struct net *n);
void cpool_free(struct cpool *p); /* closes what is idle */

#endif
