/* SPDX-License-Identifier: MIT
 * The terminal.
 */
#include "client/term.h"

#include <langinfo.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#include "base/buf.h"
#include "base/str.h"

void term_resize(struct term *t)
{
	struct winsize w;
	t->cols = 80;
	t->rows = 24;
	if (ioctl(t->fd, TIOCGWINSZ, &w) == 0 && w.ws_col > 0) {
		t->cols = w.ws_col;
		t->rows = w.ws_row > 0 ? w.ws_row : 24;
	}
}

void term_init(struct term *t, int fd)
{
	const char *name = getenv("TERM"), *no_color = getenv("NO_COLOR");
	*t = (struct term){.fd = fd};
	t->tty = isatty(fd) && name && strcmp(name, "dumb") != 0;
	t->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	t->color = t->tty && !(no_color && no_color[0]);
	term_resize(t);
}

bool term_hold(struct term *t)
{
	pid_t owner = tcgetpgrp(t->fd);
	if (owner < 0)
		return true; /* not the terminal that controls us: its keys are not ours */
	if (owner != getpgrp())
		return false;
	if (t->held || tcgetattr(t->fd, &t->saved) < 0)
		return true;
	struct termios quiet = t->saved;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
	t->held = tcsetattr(t->fd, TCSANOW, &quiet) == 0;
	return true;
}

void term_release(struct term *t)
{
	if (t->held && tcgetpgrp(t->fd) == getpgrp())
		(void)tcsetattr(t->fd, TCSANOW, &t->saved);
	t->held = false;
}

/* ---- text in columns ---- */

/* One character of well-formed UTF-8 at s: its length; its columns in *ret_cols. */
static size_t char_at(const char *s, bool utf8, int *ret_cols)
{
	unsigned char c = (unsigned char)*s;
	size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	if (!utf8 || n == 1) {
		*ret_cols = 1;
		return n;
	}
	static const unsigned char lead[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	wchar_t w = (wchar_t)(c & lead[n]);
	for (size_t i = 1; i < n; i++)
		w = (w << 6) | (s[i] & 0x3f);
	int cols = wcwidth(w);
	*ret_cols = cols < 0 ? 1 : cols;
	return n;
}

int term_width(const char *s, bool utf8)
{
	int sum = 0, cols;
	while (*s) {
		if (*s == '\033') {
			s += strcspn(s, "m");
			s += *s != '\0';
			continue;
		}
		s += char_at(s, utf8, &cols);
		sum += cols;
	}
	return sum;
}

/* Bytes of s that fit into cols columns. */
static size_t head_of(const char *s, int cols, bool utf8)
{
	size_t at = 0;
	while (s[at]) {
		int w;
		size_t n = char_at(s + at, utf8, &w);
		if (w > cols)
			break;
		cols -= w;
		at += n;
	}
	return at;
}

/* The tail of s that fits into cols columns. */
static const char *tail_of(const char *s, int cols, bool utf8)
{
	int all = term_width(s, utf8), w;
	while (*s && all > cols) {
		s += char_at(s, utf8, &w);
		all -= w;
	}
	return s;
}

/* Without UTF-8 each other character becomes one '?'. */
static void to_ascii(char *s)
{
	char *out = s;
	int w;
	while (*s) {
		size_t n = char_at(s, false, &w);
		*out++ = n == 1 ? *s : '?';
		s += n;
	}
	*out = '\0';
}

const char *term_fit(const char *s, int cols, bool utf8, char *buf, size_t size)
{
	char safe[4096];
	str_safe(s, strlen(s), safe, sizeof(safe));
	if (!utf8)
		to_ascii(safe);
	if (cols < 0 || term_width(safe, utf8) <= cols) {
		snprintf(buf, size, "%s", safe);
		return buf;
	}
	const char *dots = utf8 ? "…" : "...";
	int left = cols - term_width(dots, utf8);
	if (left < 2) {
		snprintf(buf, size, "%.*s", (int)head_of(safe, cols, utf8), safe);
		return buf;
	}
	int tail = left / 2;
	snprintf(buf, size, "%.*s%s%s", (int)head_of(safe, left - tail, utf8), safe, dots, tail_of(safe, tail, utf8));
	return buf;
}

/* ---- bar ---- */

static void add_times(struct buf *out, const char *s, int n)
{
	for (int i = 0; i < n; i++)
		buf_adds(out, s);
}

const char *term_bar(const struct term *t, double part, int cells, char *buf, size_t size)
{
	struct buf out;
	part = part < 0 ? 0 : part > 1 ? 1 : part;
	int halves = (int)(part * cells * 2), full = halves / 2, half = halves % 2;
	buf_init(&out, size - 1);
	buf_adds(&out, t->color ? "\033[36m" : "");
	add_times(&out, t->utf8 ? "━" : "=", full);
	add_times(&out, t->utf8 ? "╸" : ">", half);
	buf_adds(&out, t->color ? "\033[0;2m" : "");
	add_times(&out, t->utf8 ? "─" : " ", cells - full - half);
	buf_adds(&out, t->color ? "\033[0m" : "");
	snprintf(buf, size, "%s", out.len ? out.data : "");
	buf_free(&out);
	return buf;
}

/* ---- signals, time ---- */

/* The signals of the list, without those that are ignored unless all is wanted. */
static void fill_set(sigset_t *set, const int *list, size_t n, bool all)
{
	struct sigaction old;
	sigemptyset(set);
	for (size_t i = 0; i < n; i++) {
		if (all || (sigaction(list[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN))
			sigaddset(set, list[i]);
	}
}

int sigs_open(struct sigs *s)
{
	static const int stop[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT}, screen[] = {SIGWINCH, SIGTSTP, SIGCONT};
	sigset_t a, b;
	fill_set(&a, stop, sizeof(stop) / sizeof(stop[0]), false);
	fill_set(&b, screen, sizeof(screen) / sizeof(screen[0]), true);
	if (sigprocmask(SIG_BLOCK, &a, NULL) < 0 || sigprocmask(SIG_BLOCK, &b, NULL) < 0)
		return -1;
	s->stop = signalfd(-1, &a, SFD_CLOEXEC | SFD_NONBLOCK);
	s->screen = signalfd(-1, &b, SFD_CLOEXEC | SFD_NONBLOCK);
	return s->stop < 0 || s->screen < 0 ? -1 : 0;
}

int sigs_take(int fd)
{
	struct signalfd_siginfo si;
	return read(fd, &si, sizeof(si)) == (ssize_t)sizeof(si) ? (int)si.ssi_signo : 0;
}

void sigs_close(struct sigs *s)
{
	sigset_t all;
	while (sigs_take(s->stop) || sigs_take(s->screen))
		continue; /* what is still pending would end or stop us now */
	close(s->stop);
	close(s->screen);
	sigemptyset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
}

void sigs_suspend(void)
{
	sigset_t stop, old;
	sigemptyset(&stop);
	sigaddset(&stop, SIGTSTP);
	raise(SIGTSTP); /* pending while it is blocked */
	sigprocmask(SIG_UNBLOCK, &stop, &old);
	sigprocmask(SIG_SETMASK, &old, NULL);
}

int64_t term_now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}
