/* SPDX-License-Identifier: MIT
 * The terminal: is there one, how wide, which characters; text fitted to columns; bars; the user's signals as
 * descriptors.
 */
#ifndef HAUL_CLIENT_TERM_H
#define HAUL_CLIENT_TERM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <termios.h>

struct term {
	int fd;
	bool tty;   /* a terminal that understands cursor movement */
	bool utf8;  /* the locale's characters are UTF-8 */
	bool color; /* may use colours (NO_COLOR unset) */
	int cols, rows;
	bool held; /* term_hold changed it: saved is what it was */
	struct termios saved;
};

void term_init(struct term *t, int fd); /* setlocale(LC_CTYPE, "") has been called */
void term_resize(struct term *t);	/* ask for the size again, after SIGWINCH */

/* Before something is drawn that stays in place: keys are not echoed into it from now on. False while this process is
 * in the background, when the terminal belongs to somebody else: draw nothing then. Again and again is fine. */
bool term_hold(struct term *t);
/* Undo term_hold, before the process ends or stops. */
void term_release(struct term *t);

/* s made safe and cut to at most cols columns into buf ("…" in the middle: the end of a name tells most), in the
 * terminal's character set. Always NUL-terminated; returns buf. cols < 0: no limit. */
const char *term_fit(const char *s, int cols, bool utf8, char *buf, size_t size);
/* Columns that safe text takes; escape sequences of the form ESC [ ... m take none. */
int term_width(const char *s, bool utf8);

/* A bar of cells columns, filled by part (0 to 1): a heavy line on a light one with UTF-8, else "==>". Returns buf. */
const char *term_bar(const struct term *t, double part, int cells, char *buf, size_t size);

/* The user's signals as descriptors to poll. They stay blocked until sigs_close. Those of stop that were ignored when
 * the program began (nohup, jobs of a script) stay ignored. */
struct sigs {
	int stop;   /* SIGINT, SIGTERM, SIGHUP, SIGQUIT */
	int screen; /* SIGWINCH, SIGTSTP, SIGCONT */
};
int sigs_open(struct sigs *s); /* 0 or -1 with errno */
void sigs_close(struct sigs *s);
int sigs_take(int fd); /* the next signal's number, 0 when there is none */
/* What SIGTSTP asks for: the process stops here, and goes on here when it is continued. The terminal must be as the
 * user left it. */
void sigs_suspend(void);

/* Monotonic time in ms. */
int64_t term_now(void);

#endif
