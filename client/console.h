/* SPDX-License-Identifier: MIT
 * The console of aria2c on standard output: a readout of what runs, a summary now and then, notices, and the table of
 * results at the end, in the words and columns that people and scripts know from there. docs/operating.md says what is
 * the same.
 */
#ifndef HAUL_CLIENT_CONSOLE_H
#define HAUL_CLIENT_CONSOLE_H

#include "client/dl.h"
#include "client/term.h"
#include "client/view.h"

enum console_talk { CONSOLE_SILENT, CONSOLE_ERRORS, CONSOLE_NOTICES }; /* each includes those before it */
enum console_results { RESULTS_NONE, RESULTS_PLAIN, RESULTS_FULL };

struct console_style {
	enum console_talk talk;
	enum console_results results;
	size_t results_max; /* rows that are kept; the oldest ones are dropped */
	int64_t summary_ms; /* between two summaries, 0: none */
	bool readout;	    /* a line a second on what runs, in place on a terminal */
	bool truncate;	    /* cut that line at the terminal's width */
	bool bytes;	    /* sizes as plain bytes */
};

struct console;

struct console *console_new(const struct console_style *s, const struct term *t /* borrowed */);
void console_free(struct console *c); /* NULL is fine */

/* n downloads were given. */
void console_begin(struct console *c, size_t n);
/* What is due: the readout once a second, the summary at its interval. */
void console_show(struct console *c, const struct view *v, int64_t now);
bool console_summary_due(const struct console *c, int64_t now);
void console_hide(struct console *c); /* the readout goes off the terminal */

/* d waits: a notice of why. */
void console_wait(struct console *c, const struct dl *d);
/* Tells of the end, and keeps a row for the table. */
void console_end(struct console *c, const struct ended *e);
/* The same for a download that is still there when the command ends. */
void console_unfinished(struct console *c, const struct ended *e);
/* The table of all that ended, in the order of that. */
void console_results(struct console *c);

/* "1h2m3s"; "" for -1. Pure. Returns buf. */
const char *console_eta(int64_t sec, char buf[24]);
/* The readout without colours. Pure. Returns buf. */
const char *console_line(const struct view *v, bool bytes, char *buf, size_t size);

#endif
