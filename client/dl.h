/* SPDX-License-Identifier: MIT
 * A download as the daemon reports it, taken out of the answer's JSON. Its texts come from servers and are raw: whoever
 * prints them passes them through term_fit or str_safe.
 */
#ifndef HAUL_CLIENT_DL_H
#define HAUL_CLIENT_DL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct dl {
	char gid[17];
	char status[12];      /* "active" ... as in RPC; "" when the answer had none */
	uint64_t total, done; /* bytes; total 0: unknown */
	uint64_t speed;	      /* bytes/s */
	uint64_t verified;    /* bytes hashed so far, 0: no check runs */
	unsigned conns;
	int code;	    /* errorCode of an ended download */
	char *wait; /* why it receives nothing, "waiting 41 s for example.org: ..." or "no room on /data: ..."; owned */
	char *error, *path; /* owned, never NULL after dl_read */
	char *uri;	    /* the first one, owned, never NULL */
	bool relative;	    /* its folder was given relative to the working directory; not from the answer */
	char *name;	    /* what to call it: path below dir, else of the URI its last part or its host, else the GID; owned */
};

/* Which keys of a download are asked for. */
enum dl_keys {
	DL_ALL,	  /* what dl_read looks at */
	DL_ENDED, /* of these, what there is to say of an ended one whose URI is known */
	DL_BRIEF, /* how it goes, in numbers */
	DL_KEYS_COUNT
};

/* For tellStatus and friends. own: without `files`, which has each URI many times, since the daemon is known to have our
 * own keys for what is wanted of it. New reference. */
json_t *dl_keys(enum dl_keys which, bool own);
/* A download of which only this is known. *ret: zeroed memory. */
void dl_init(struct dl *ret, const char *gid, const char *uri);
/* Missing and senseless members become 0 or "". Whatever *ret held before is freed: zeroed memory or an earlier
 * dl_read, whose `relative` stays, and its `uri` where the answer has none. */
void dl_read(const json_t *answer, struct dl *ret);
void dl_clear(struct dl *d);

/* What of d->wait stays the same while the seconds pass: "for example.org: ...". Points into it. */
const char *dl_wait_reason(const struct dl *d);

/* --json tells of a download that was added. New reference. */
json_t *dl_added(const char *gid, const char *uri);

bool dl_is_ended(const struct dl *d); /* complete, error or removed */
/* Part done, 0 to 1; 0 while the length is unknown. */
double dl_part(const struct dl *d);
/* Seconds left at the present speed, -1 when nobody can tell. */
int64_t dl_eta(uint64_t left, uint64_t speed);

/* A decimal string member; 0 when there is none. */
uint64_t json_num(const json_t *obj, const char *key);
/* A string member, "" when there is none. */
const char *json_text(const json_t *obj, const char *key);

#endif
