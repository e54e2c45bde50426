/* SPDX-License-Identifier: MIT
 * Is the network there at all? A server that is dead and a cable that is out look the same to one try; what tells them apart is
 * whether anybody else was heard. Times are ms of loop_now. Embedded in struct origins; loop thread.
 */
#ifndef HAUL_CORE_REACH_H
#define HAUL_CORE_REACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reach {
	uint64_t alive_at;	/* of the last sign of life, however faint; 0: none so far */
	bool before;		/* an earlier process had a network */
	bool gone;		/* until the next sign of life */
	bool (*offline)(void); /* does the kernel say that there is no way out? */
};

/* A try that failed without a word from the other side. */
struct reach_try {
	uint64_t since; /* when it began, or got its last byte */
	bool got;	/* it got one */
	bool known;	/* its server has answered this process before */
};

/* Errors that come from hearing nothing: others are words of somebody. */
bool reach_is_silence(int err);

/* A byte, an accepted or a refused connection, from anywhere. True: the network had been gone. */
bool reach_alive(struct reach *r, uint64_t now);

/* Was it the network that failed, rather than the server? So it is when nobody was heard during the try, and either a server that
 * answered is silent so soon after the last sign of life, or the kernel knows no way out of a machine that had one. Once gone, it
 * stays so for everybody until the next sign of life. A first try in a fresh process always speaks for itself. */
bool reach_lost(struct reach *r, const struct reach_try *t);

/* "no answer from the network since 10:31", for people, in local time. now_wall: time(2) at now. Returns buf. */
const char *reach_text(const struct reach *r, uint64_t now, int64_t now_wall, char *buf, size_t size);

#endif
