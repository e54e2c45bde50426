/* SPDX-License-Identifier: MIT
 * How a running `haul get` shows itself: bars that stay in place on a terminal, a line now and then elsewhere, JSON
 * objects for programs, or nothing. Ended downloads get one line on stdout, failed ones one on stderr.
 */
#ifndef HAUL_CLIENT_PROGRESS_H
#define HAUL_CLIENT_PROGRESS_H

#include "client/dl.h"
#include "client/term.h"

enum progress_kind { PROGRESS_BAR, PROGRESS_LINES, PROGRESS_JSON, PROGRESS_QUIET };

struct progress_style {
	enum progress_kind kind; /* PROGRESS_BAR becomes PROGRESS_LINES where there is no terminal */
	bool color;		 /* when the terminal has them */
	bool bytes;		 /* lines tell sizes in bytes */
	bool hide_complete;	 /* no line about downloads that are complete */
	int64_t lines_ms;	 /* between two rounds of lines; 0: none */
};
#define PROGRESS_LINES_MS 5000 /* what lines_ms usually is */

/* What runs, and the sums over everything that is followed. */
struct progress_view {
	const struct dl **active;
	size_t nactive;
	size_t count, ended, waiting, paused; /* downloads */
	uint64_t done, total;		      /* bytes of those whose length is known */
	uint64_t speed;
};

struct progress;

struct progress *progress_new(const struct progress_style *style);
void progress_free(struct progress *p);		      /* the bars go; NULL is fine */
unsigned progress_interval(const struct progress *p); /* ms between two calls of progress_show that make sense */
void progress_hide(struct progress *p);		      /* the screen as the user had it, until the next progress_show */
void progress_resize(struct progress *p);

void progress_added(struct progress *p, const char *gid, const char *uri);
void progress_show(struct progress *p, const struct progress_view *v);
/* d has ended; took: ms it ran while we looked, got: bytes received in that time. */
void progress_end(struct progress *p, const struct dl *d, int64_t took, uint64_t got);
/* A line for people on stderr, above the bars. */
void progress_note(struct progress *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* One bar line of at most cols columns, for one download; name_cols: room for its name. Pure. Returns buf. */
const char *progress_bar_line(const struct term *t, int name_cols, const struct dl *d, char *buf, size_t size);
/* The line below the bars, in the same columns. Pure. Returns buf. */
const char *progress_sum_line(
	const struct term *t, int name_cols, const struct progress_view *v, char *buf, size_t size);
/* Rows that a line of width columns takes on a terminal of cols columns after it was made narrower. Pure. */
int progress_rows(int width, int cols);

#endif
