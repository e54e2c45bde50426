/* SPDX-License-Identifier: MIT
 * Options. opt_table.h is the one table: names, types, ranges, defaults, scopes and help of every option of hauld and
 * haul; command line, configuration file, RPC maps, stored options, help, manual and completion all come out of it.
 *
 * Glossary
 *   option set   struct opts: the values that were set at one level; a level has a parent: job -> global -> (defaults)
 *   normal form  the text that RPC shows: sizes as plain bytes, booleans true/false, lists one element a line
 * To add an option: one row in opt_table.h, its use, its test; the table-walking tests find it.
 */
#ifndef HAUL_BASE_OPT_H
#define HAUL_BASE_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"

enum opt {
#define OPT(id_, ...) OPT_##id_,
#include "opt_table.h"
#undef OPT
	OPT_COUNT
};

enum opt_type {
	OT_BOOL,     /* true | false */
	OT_INT,      /* decimal, blanks around it; every value fits an int */
	OT_SIZE,     /* digits with K, M (aria2), also G, T, blanks between; normal form: bytes */
	OT_FLOAT,    /* decimal fraction, not negative, or empty; stored as given, but for blanks around it */
	OT_ENUM,     /* one of `values`, separated by '|' */
	OT_STR,      /* any UTF-8 text without control characters */
	OT_PATH,     /* as OT_STR; ${HOME} is replaced */
	OT_LIST,     /* cumulative: each setting adds elements, separated by line ends (header, index-out) */
	OT_PROXY,    /* [http://|socks5://|socks5h://][user:pass@]host[:port]; normal form with scheme and trailing slash */
	OT_CHECKSUM, /* TYPE=HEX */
	OT_GID,      /* 16 hex digits, not zero */
	OT_SLOTS,    /* true | false | A:B, two decimal fractions; 5:25 and "" are true */
};

/* Who may set it, and what it means. */
enum opt_flag {
	OF_START = 1 << 0,     /* command line and configuration file of hauld */
	OF_INITIAL = 1 << 1,   /* addUri, input file */
	OF_RESTART = 1 << 2,   /* changeOption; an active job restarts its connections */
	OF_LIVE = 1 << 3,      /* changeOption; applied at once */
	OF_GLOBAL = 1 << 4,    /* changeGlobalOption */
	OF_SECRET = 1 << 5,    /* never printed or logged, wiped from argv; RPC shows it, as aria2 does */
	OF_IGNORED = 1 << 6,   /* taken from aria2's command line and files, no effect here, said once in the log */
	OF_OPTARG = 1 << 7,    /* the argument may be missing: booleans are true then, texts empty */
	OF_HIDDEN = 1 << 8,    /* not shown by getOption/getGlobalOption */
	OF_OWN = 1 << 9,       /* not an option of aria2 */
	OF_ONCE = 1 << 10,     /* belongs to a single download: never inherited from a parent set (gid, out ...) */
	OF_CLIENT = 1 << 11,   /* a flag of haul */
	OF_BASIC = 1 << 12,    /* listed by plain --help */
	OF_NORPC = 1 << 13,    /* never set over RPC, whatever else is said here: names a file, opens the door, is OF_HOOK */
	OF_HOOK = 1 << 14,     /* names a program that is run */
	/* the usual sets */
	OF_JOB = OF_START | OF_INITIAL | OF_RESTART | OF_GLOBAL | OF_CLIENT,
	OF_JOB_LIVE = OF_START | OF_INITIAL | OF_LIVE | OF_GLOBAL | OF_CLIENT,
};

/* How hauld meets an option of aria2: the verdict of docs/aria2.md. */
enum opt_aria2 {
	AS_NONE,    /* not an option of aria2: exactly the OF_OWN rows */
	AS_SAME,    /* does what it does there */
	AS_BETTER,  /* does that or what it is for, and `why` says what is different */
	AS_NOT_YET, /* taken, but without effect: `why`, or for a whole group its reason in conf_text.c, says so */
};

#define OPT_VALUE_MAX 65536 /* most bytes of a value, or of a whole list */

struct opt_def {
	const char *name;
	char ch; /* short flag or 0 */
	enum opt_type type;
	const char *def;    /* in normal form; NULL: undefined unless set */
	const char *def_said; /* what help and manuals say in its place, where the RPC has to show a number that means nothing */
	int64_t min, max;   /* OT_INT, OT_SIZE, numbers in listen-port and the like; open: INT32_MAX, INT64_MAX */
	const char *values; /* OT_ENUM: "a|b|c" */
	unsigned flags;     /* enum opt_flag */
	const char *group;  /* general, http, rpc, ui, bt, ftp, metalink */
	const char *arg;    /* name of the argument in help: "DIR", "N", "SIZE" */
	const char *help;   /* one or more sentences; the first one is the short help */
	enum opt_aria2 aria2;
	const char *why;    /* what is unlike aria2, default and range too, in one sentence; else NULL */
	/* NULL, or a further look at a value (a list's element) of the right type: 0 or ERR_INVAL with the reason. */
	int (*check)(const struct opt_def *d, const char *val, struct fail *f);
};

const struct opt_def *opt_def(enum opt id);
/* Exact name of n bytes; OPT_COUNT when unknown. */
enum opt opt_find(const char *name, size_t n);

const char *opt_type_name(enum opt_type t); /* for people: "true/false", "number", "size" ... */

struct opts_memo;
struct opts; /* reference-counted, loop thread only; see docs/types/opts.md */

struct opts *opts_new(struct opts *parent); /* takes its own reference on parent (may be NULL) */
struct opts *opts_ref(struct opts *o);
void opts_unref(struct opts *o); /* NULL is fine */
/* A new set with the same own values and the same parent. */
struct opts *opts_clone(const struct opts *o);
/* A new set holding every value that o and its parents set, without a parent. */
struct opts *opts_flatten(const struct opts *o);

/* Check a value without setting it: 0 or ERR_INVAL with the reason ("must be between 1 and 16"); no value is echoed. */
int opt_check(enum opt id, const char *val, struct fail *f);
/* Parse, check and set. On error nothing changes. OT_LIST: the elements of val (one, or several separated by line ends)
 * are added to this level's list, which begins as a copy of the inherited one; those already in it are not added twice;
 * "" makes it empty, so that "" and then the elements replaces it. */
int opts_set(struct opts *o, enum opt id, const char *val, struct fail *f);
void opts_unset(struct opts *o, enum opt id); /* this level only */
bool opts_has(const struct opts *o, enum opt id);     /* set at this level */
size_t opts_own(const struct opts *o);		      /* how many are set at this level: */
enum opt opts_own_at(const struct opts *o, size_t i); /* the i-th of them, in the order of the table */
bool opts_given(const struct opts *o, enum opt id);   /* set here or in a parent, not only by default */
bool opts_defined(const struct opts *o, enum opt id); /* has a value: here, in a parent, or by default */

/* Values, looked up through the parents (not OF_ONCE) and the default. Numbers of undefined options are 0, strings
 * NULL. Pointers live until the next change of the set that holds them. OT_LIST as text: elements each ended by '\n'.
 * As number: OT_ENUM its index, OT_FLOAT its whole part. */
const char *opts_str(const struct opts *o, enum opt id);
int64_t opts_num(const struct opts *o, enum opt id);
bool opts_bool(const struct opts *o, enum opt id);

/* Own values of this level as "name=value\n" lines (list elements one line each) for the store and session files, those
 * with any of the flags (0: all), and back. Secrets are included: the caller keeps the text where only the owner reads
 * it. Unknown names are passed over; lists are replaced; a bad value ends it with ERR_INVAL, lines before are set. */
void opts_encode(const struct opts *o, unsigned flags, struct buf *out);
int opts_decode(struct opts *o, const char *text, struct fail *f);

/* What many sets have in common exists once: a memo knows up to 1,024 values that were seen before. None of those that a single
 * download has for itself (OF_ONCE), and no secrets. Sets outlive it. */
struct opts_memo *opts_memo_new(void);
void opts_memo_free(struct opts_memo *memo); /* NULL is fine */
/* The own values of o are shared with those sets that have them already, through the memo. o is not changed otherwise. */
void opts_share(struct opts *o, struct opts_memo *memo);
/* As opts_decode; a value that the memo knows is taken from there, without checking it again. memo may be NULL. */
int opts_decode_shared(struct opts *o, const char *text, struct opts_memo *memo, struct fail *f);

#endif
