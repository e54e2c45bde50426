/* SPDX-License-Identifier: MIT
 * How a running `haul get` shows itself: bars that stay in place on a terminal, aria2's console, JSON objects for
 * programs, or nothing.
 */
#ifndef HAUL_CLIENT_PROGRESS_H
#define HAUL_CLIENT_PROGRESS_H

#include "client/console.h"
#include "client/dl.h"
#include "client/term.h"
#include "client/view.h"

enum progress_kind { PROGRESS_BAR, PROGRESS_CONSOLE, PROGRESS_JSON, PROGRESS_QUIET };

struct progress_style {
	enum progress_kind kind;
	bool color;		      /* when the terminal has them */
	bool hide_complete;	      /* bars: no line about downloads that are complete */
	struct console_style console; /* bars: only its summary and results, silent */
};

struct progress;

/* Is there a terminal for bars on standard output? */
bool progress_has_terminal(void);

struct progress *progress_new(const struct progress_style *style);
void progress_free(struct progress *p);		      /* the bars go; NULL is fine */
unsigned progress_interval(const struct progress *p); /* ms between two calls of progress_show that make sense */
bool progress_tells(const struct progress *p); /* anything of downloads that go well: their names, sizes, times */
void progress_hide(struct progress *p);		      /* the screen as the user had it, until the next progress_show */
void progress_resize(struct progress *p);

void progress_begin(struct progress *p, size_t n); /* n downloads are being given */
void progress_added(struct progress *p, const char *gid, const char *uri);
void progress_show(struct progress *p, const struct view *v);
void progress_end(struct progress *p, const struct ended *e);
/* d waits, for a reason that was not told yet. */
void progress_wait(struct progress *p, const struct dl *d);
/* e has not ended, but the command does. */
void progress_unfinished(struct progress *p, const struct ended *e);
/* All has been told: the table of results where one is wanted. */
void progress_finish(struct progress *p);
/* A line for people on stderr, above the bars. */
void progress_note(struct progress *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

struct bar_style {
	const struct term *term;
	int name_cols; /* room for names */
	bool bytes;    /* sizes as plain bytes */
};
/* One bar line of less than the terminal's columns, for one download. Pure. Returns buf. */
const char *progress_bar_line(const struct bar_style *s, const struct dl *d, char *buf, size_t size);
/* The line below the bars, in the same columns. Pure. Returns buf. */
const char *progress_sum_line(const struct bar_style *s, const struct view *v, char *buf, size_t size);
/* Rows that a line of width columns takes on a terminal of cols columns after it was made narrower. Pure. */
int progress_rows(int width, int cols);

#endif
