/* SPDX-License-Identifier: MIT
 * haul watch: a live table of all downloads on the whole screen. The daemon's notifications make it look at once,
 * otherwise it looks once a second.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/str.h"
#include "client/cmd.h"
#include "client/dl.h"
#include "client/show.h"

#define LOOK_MS	    1000
#define LOOK_MIN_MS 250 /* between two looks, however many notifications come */
#define DIGITS	    8
#define MOST	    1000 /* rows fetched of each list */

struct watch {
	struct rpc *rpc;
	struct sigs sigs;
	struct term term;
	struct termios saved;
	json_t *rows; /* downloads, in the order of the table */
	json_t *stat;
	size_t top; /* first row shown */
	bool quit;
	struct fail lost; /* code 0: the daemon answers */
};

/* ---- the screen ---- */

/* Keys come one by one and unseen; Ctrl-C and Ctrl-Z still are signals. */
static int screen_open(struct watch *w)
{
	static const char enter[] = "\033[?1049h\033[?25l";
	struct termios raw;
	if (tcgetattr(STDIN_FILENO, &w->saved) < 0)
		return -1;
	raw = w->saved;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_cc[VMIN] = 0;
	raw.c_cc[VTIME] = 0;
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	return write(STDOUT_FILENO, enter, sizeof(enter) - 1) > 0 ? 0 : -1;
}

static void screen_close(struct watch *w)
{
	static const char leave[] = "\033[?25h\033[?1049l";
	if (write(STDOUT_FILENO, leave, sizeof(leave) - 1) < 0)
		perror("haul");
	tcsetattr(STDIN_FILENO, TCSANOW, &w->saved);
}

static void add_line(struct buf *out, const char *style, const char *text)
{
	buf_addf(out, "%s%s%s\033[K\r\n", style, text, style[0] ? "\033[0m" : "");
}

static const char *style_of(const struct watch *w, const struct dl *d)
{
	if (!w->term.color)
		return "";
	if (strcmp(d->status, "error") == 0)
		return "\033[31m";
	if (strcmp(d->status, "active") == 0)
		return "\033[1m";
	return "\033[2m";
}

/* Where the daemon is gets the columns that the numbers leave. */
static void head_text(const struct watch *w, char *buf, size_t size)
{
	char speed[24], where[256];
	int n = snprintf(buf, size, "%llu active, %llu waiting, %llu ended   %s   ",
		(unsigned long long)json_num(w->stat, "numActive"), (unsigned long long)json_num(w->stat, "numWaiting"),
		(unsigned long long)json_num(w->stat, "numStopped"), show_speed(json_num(w->stat, "downloadSpeed"), speed));
	int left = w->term.cols - n;
	if (left > 8)
		snprintf(buf + n, size - (size_t)n, "%s",
			term_fit(rpc_endpoint(w->rpc)->show, left, w->term.utf8, where, sizeof(where)));
}

static void draw_head(const struct watch *w, struct buf *out)
{
	char text[512], line[2048];
	if (w->lost.code)
		snprintf(text, sizeof(text), "%s; trying again", w->lost.text);
	else
		head_text(w, text, sizeof(text));
	add_line(out, w->lost.code && w->term.color ? "\033[33m" : "",
		term_fit(text, w->term.cols, w->term.utf8, line, sizeof(line)));
	add_line(out, "", "");
	add_line(out, w->term.color ? "\033[1m" : "", show_head_row(w->term.cols, DIGITS, line, sizeof(line)));
}

static size_t room(const struct watch *w)
{
	return w->term.rows > 5 ? (size_t)w->term.rows - 4 : 1;
}

static void draw_rows(const struct watch *w, struct buf *out)
{
	struct dl d = {0};
	char line[4608];
	size_t n = json_array_size(w->rows), last = w->top + room(w);
	for (size_t i = w->top; i < n && i < last; i++) {
		dl_read(json_array_get(w->rows, i), &d);
		show_row(&w->term, w->term.cols, DIGITS, &d, line, sizeof(line));
		add_line(out, style_of(w, &d), line);
	}
	if (n == 0 && !w->lost.code)
		add_line(out, "", "No downloads.");
	dl_clear(&d);
}

static void draw(const struct watch *w)
{
	struct buf out;
	char line[256], foot[128];
	size_t n = json_array_size(w->rows), last = w->top + room(w);
	buf_init(&out, 4u << 20);
	buf_adds(&out, "\033[H");
	draw_head(w, &out);
	draw_rows(w, &out);
	buf_adds(&out, "\033[J");
	if (n > room(w))
		snprintf(foot, sizeof(foot), "q quits, arrows scroll   %zu-%zu of %zu", w->top + 1, last < n ? last : n,
			n);
	else
		snprintf(foot, sizeof(foot), "q quits");
	buf_addf(&out, "\033[%d;1H%s%s\033[K%s", w->term.rows, w->term.color ? "\033[2m" : "",
		term_fit(foot, w->term.cols - 1, w->term.utf8, line, sizeof(line)), w->term.color ? "\033[0m" : "");
	for (size_t at = 0; at < out.len;) {
		ssize_t k = write(STDOUT_FILENO, out.data + at, out.len - at);
		if (k <= 0)
			break;
		at += (size_t)k;
	}
	buf_free(&out);
}

/* ---- looking ---- */

static json_t *calls(struct watch *w)
{
	json_t *batch = json_array();
	rpc_add(w->rpc, batch, "aria2.getGlobalStat", NULL);
	rpc_add(w->rpc, batch, "aria2.tellActive", json_pack("[o]", dl_keys(DL_ALL, false)));
	rpc_add(w->rpc, batch, "aria2.tellWaiting", json_pack("[i,i,o]", 0, MOST, dl_keys(DL_ALL, false)));
	rpc_add(w->rpc, batch, "aria2.tellStopped", json_pack("[i,i,o]", -1, MOST, dl_keys(DL_ALL, false)));
	return batch;
}

static int take(struct watch *w, const json_t *answers)
{
	json_t *part[4], *rows = json_array();
	for (size_t i = 0; i < 4; i++) {
		part[i] = rpc_result(answers, i, &w->lost);
		if (!part[i]) {
			json_decref(rows);
			return w->lost.code;
		}
		if (i > 0)
			json_array_extend(rows, part[i]);
	}
	json_decref(w->rows);
	json_decref(w->stat);
	w->rows = rows;
	w->stat = json_incref(part[0]);
	w->lost.code = 0;
	return 0;
}

/* Fills rows and stat, or says in `lost` why it could not. */
static void look(struct watch *w)
{
	json_t *answers;
	(void)rpc_use_ws(w->rpc, NULL);
	if (rpc_run(w->rpc, calls(w), &answers, &w->lost) < 0) {
		rpc_disconnect(w->rpc);
		return;
	}
	if (take(w, answers) == ERR_AUTH)
		w->quit = true;
	json_decref(answers);
	size_t n = json_array_size(w->rows), most = n > room(w) ? n - room(w) : 0;
	w->top = w->top > most ? most : w->top;
}

/* ---- the user ---- */

static void scroll(struct watch *w, long by)
{
	size_t n = json_array_size(w->rows), most = n > room(w) ? n - room(w) : 0;
	if (by < 0)
		w->top = w->top > (size_t)-by ? w->top - (size_t)-by : 0;
	else
		w->top = w->top + (size_t)by < most ? w->top + (size_t)by : most;
}

static void take_keys(struct watch *w)
{
	static const struct {
		const char *key;
		int lines, pages;
	} keys[] = {{"j", 1, 0}, {"k", -1, 0}, {"\033[B", 1, 0}, {"\033[A", -1, 0}, {" ", 0, 1}, {"\033[6~", 0, 1},
		{"\033[5~", 0, -1}};
	char in[64];
	ssize_t n = read(STDIN_FILENO, in, sizeof(in) - 1);
	if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
		w->quit = true; /* the terminal is gone */
	in[n > 0 ? n : 0] = '\0';
	w->quit = w->quit || strpbrk(in, "qQ");
	for (const char *at = in; *at;) {
		size_t i = 0, count = sizeof(keys) / sizeof(keys[0]);
		while (i < count && strncmp(at, keys[i].key, strlen(keys[i].key)) != 0)
			i++;
		if (i < count)
			scroll(w, keys[i].lines + keys[i].pages * (long)room(w));
		at += i < count ? strlen(keys[i].key) : 1;
	}
}

/* The window has another size, or the user sets us aside for a while. */
static void take_screen(struct watch *w)
{
	int sig;
	while ((sig = sigs_take(w->sigs.screen))) {
		if (sig != SIGTSTP)
			continue;
		screen_close(w);
		sigs_suspend();
		w->quit = screen_open(w) < 0;
	}
	term_resize(&w->term);
	scroll(w, 0);
}

/* Until it is time to look again. */
static void wait_round(struct watch *w)
{
	int64_t begin = term_now(), end = begin + LOOK_MS;
	while (!w->quit && term_now() < end) {
		struct pollfd p[4] = {{.fd = w->sigs.stop, .events = POLLIN}, {.fd = w->sigs.screen, .events = POLLIN},
			{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = rpc_fd(w->rpc), .events = POLLIN}};
		if (poll(p, 4, (int)(end - term_now())) <= 0)
			continue;
		w->quit = w->quit || (p[0].revents && sigs_take(w->sigs.stop));
		if (p[2].revents)
			take_keys(w);
		if (p[1].revents)
			take_screen(w);
		if (p[1].revents || p[2].revents)
			draw(w);
		if (p[3].revents) {
			char what[32], gid[17];
			(void)rpc_pump(w->rpc, NULL); /* when it fails, the next look says why */
			while (rpc_event(w->rpc, what, gid))
				end = begin + LOOK_MIN_MS;
		}
	}
}

static int run(struct watch *w)
{
	if (sigs_open(&w->sigs) < 0 || screen_open(w) < 0) {
		fputs("haul: the terminal can't be used\n", stderr);
		return EXIT_OTHER;
	}
	while (!w->quit) {
		look(w);
		draw(w);
		wait_round(w);
	}
	screen_close(w);
	sigs_close(&w->sigs);
	return w->lost.code ? cli_fail(&w->lost) : 0;
}

int cmd_watch(struct cli *cli)
{
	struct watch w = {.rows = json_array(), .stat = json_object()};
	int code = 0;
	term_init(&w.term, STDOUT_FILENO);
	if (!w.term.tty || !isatty(STDIN_FILENO)) {
		fputs("haul: watch needs a terminal; use 'haul ls' instead\n", stderr);
		code = EXIT_OTHER;
	} else if ((w.rpc = cmd_connect(cli, &code))) {
		code = run(&w);
	}
	rpc_end(w.rpc);
	json_decref(w.rows);
	json_decref(w.stat);
	return code;
}
