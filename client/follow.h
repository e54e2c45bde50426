/* SPDX-License-Identifier: MIT
 * Following downloads to their end: looks at them a few times a second and whenever the daemon sends a notification.
 */
#ifndef HAUL_CLIENT_FOLLOW_H
#define HAUL_CLIENT_FOLLOW_H

#include "client/progress.h"
#include "client/rpc.h"

struct follow;

/* Borrows all three. alive(arg) false: the daemon is gone for good, don't try to reach it again; NULL: unknown. */
struct follow *follow_new(struct rpc *r, struct progress *p, const struct sigs *s, bool (*alive)(void *arg), void *arg);
void follow_free(struct follow *fo); /* NULL is fine */

/* Also follow this download (16 digits; twice is once). uri: what to call it until its name is known; had: bytes that
 * were there before, not to be counted as received. */
void follow_add(struct follow *fo, const char *gid, const char *uri, uint64_t had);

/* Until all have ended: 0; the user wants to stop: ERR_CANCELED; the daemon is lost: another error. */
int follow_run(struct follow *fo, struct fail *f);

int follow_code(const struct follow *fo);	  /* errorCode of the one that failed last, 0: none failed */
bool follow_has_partial(const struct follow *fo); /* something is unfinished, and some of it is there */
/* A GID of each that has not ended, as an array of texts. New reference. */
json_t *follow_open_gids(const struct follow *fo);

#endif
