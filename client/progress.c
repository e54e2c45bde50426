/* SPDX-License-Identifier: MIT
 * How a running `haul get` shows itself.
 */
#include "client/progress.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/str.h"
#include "client/show.h"

#define BAR_MS	       250 /* redrawn at most this often */
#define LINES_MS       5000
#define JSON_MS	       1000
#define LINE_MAX_BYTES 4096
#define ROWS_MAX       256
#define BAR_COLS_FULL      80 /* from here on with sizes and connections */
#define BAR_COLS_SHORT     40 /* below only name and per cent */

struct progress {
	enum progress_kind kind;
	struct term term;
	char *cwd;
	int64_t last;	     /* of PROGRESS_LINES and PROGRESS_JSON; 0: never */
	int width[ROWS_MAX]; /* columns of the lines on the screen, for going back over them */
	size_t drawn;
};

struct progress *progress_new(enum progress_kind kind, bool color)
{
	struct progress *p = xcalloc(1, sizeof(*p));
	term_init(&p->term, STDOUT_FILENO);
	if (kind == PROGRESS_BAR && !p->term.tty)
		kind = PROGRESS_LINES;
	p->kind = kind;
	p->term.color = p->term.color && color;
	p->cwd = getcwd(NULL, 0);
	p->last = term_now();
	return p;
}

unsigned progress_interval(const struct progress *p)
{
	return p->kind == PROGRESS_BAR ? BAR_MS : JSON_MS;
}

void progress_resize(struct progress *p)
{
	term_resize(&p->term);
}

/* ---- bars ---- */

int progress_rows(int width, int cols)
{
	return width <= cols || cols < 1 ? 1 : (width + cols - 1) / cols;
}

/* Take the cursor back to where the first bar begins. */
static void go_back(const struct progress *p, struct buf *out)
{
	int rows = 0;
	for (size_t i = 0; i < p->drawn; i++)
		rows += progress_rows(p->width[i], p->term.cols);
	if (rows > 0)
		buf_addf(out, "\033[%dA", rows);
	buf_adds(out, "\r");
}

static void put(const struct buf *out)
{
	fflush(stdout);
	for (size_t at = 0; at < out->len;) {
		ssize_t n = write(STDOUT_FILENO, out->data + at, out->len - at);
		if (n <= 0)
			return;
		at += (size_t)n;
	}
}

static void clear_bars(struct progress *p)
{
	struct buf out;
	if (p->drawn == 0)
		return;
	buf_init(&out, 64);
	go_back(p, &out);
	buf_adds(&out, "\033[J");
	put(&out);
	buf_free(&out);
	p->drawn = 0;
}

static void add_line(struct progress *p, struct buf *out, const char *line)
{
	p->width[p->drawn++] = term_width(line, p->term.utf8);
	buf_addf(out, "\033[2K%s\n", line);
}

/* "214MiB/497MiB", or what is there of an unknown length. */
static void sizes_text(const struct dl *d, char buf[40])
{
	char a[16], b[16];
	if (d->total)
		snprintf(buf, 40, "%s/%s", str_bytes(d->done, a), str_bytes(d->total, b));
	else
		snprintf(buf, 40, "%s", d->done ? str_bytes(d->done, a) : "");
}

const char *progress_bar_line(const struct term *t, int name_cols, const struct dl *d, char *buf, size_t size)
{
	char name[1024], pct[8], bar[1024] = "", sizes[40], speed[24], eta[16], conns[16], tail[160] = "";
	bool checking = d->verified > 0;
	uint64_t left = d->total > d->done ? d->total - d->done : 0;
	struct dl checked = {.total = d->total, .done = d->verified};
	sizes_text(d, sizes);
	show_speed(d->speed, speed);
	show_eta(d->total && !checking ? dl_eta(left, d->speed) : -1, eta);
	snprintf(conns, sizeof(conns), "%uc", d->conns);
	if (checking)
		snprintf(tail, sizeof(tail), "%10s", "checking");
	else if (t->cols >= BAR_COLS_FULL)
		snprintf(tail, sizeof(tail), "%15s  %10s  %4s  %6s", sizes, speed, conns, eta);
	else if (t->cols >= BAR_COLS_SHORT)
		snprintf(tail, sizeof(tail), "%10s  %6s", speed, eta);
	term_fit(d->name, name_cols, t->utf8, name, sizeof(name));
	int pad = name_cols - term_width(name, t->utf8);
	int cells = t->cols - 1 - name_cols - 2 - 4 - 2 - 2 - term_width(tail, t->utf8);
	if (cells >= 4)
		term_bar(t, dl_part(checking ? &checked : d), cells > 40 ? 40 : cells, bar, sizeof(bar));
	snprintf(buf, size, "%s%*s  %4s  %s%s%s", name, pad, "", show_percent(checking ? &checked : d, pct), bar,
		bar[0] ? "  " : "", tail);
	return buf;
}

static const char *sum_line(const struct term *t, const struct progress_view *v, char *buf, size_t size)
{
	char done[16], total[16], speed[24], eta[16], text[256], extra[64] = "";
	if (v->paused)
		snprintf(extra, sizeof(extra), ", %zu paused", v->paused);
	if (v->waiting)
		snprintf(extra + strlen(extra), sizeof(extra) - strlen(extra), ", %zu waiting", v->waiting);
	uint64_t left = v->total > v->done ? v->total - v->done : 0;
	bool all_known = v->waiting == 0 && v->total > 0;
	snprintf(text, sizeof(text), "%zu of %zu done%s   %s%s%s   %s   ETA %s", v->ended, v->count, extra,
		str_bytes(v->done, done), v->total ? " of " : "", v->total ? str_bytes(v->total, total) : "",
		show_speed(v->speed, speed), show_eta(all_known ? dl_eta(left, v->speed) : -1, eta));
	return term_fit(text, t->cols - 1, t->utf8, buf, size);
}

/* Most columns for names on a line of cols. */
static int name_max(int cols)
{
	int part = cols >= 90 ? cols / 3 : cols / 4;
	return part < 2 ? 2 : part;
}

/* As much room for names as the longest needs. */
static int name_room(const struct progress *p, const struct progress_view *v, size_t n)
{
	char name[1024];
	int max = name_max(p->term.cols), most = max < 8 ? max : 8;
	for (size_t i = 0; i < n; i++) {
		int w = term_width(term_fit(v->active[i]->name, max, p->term.utf8, name, sizeof(name)), p->term.utf8);
		most = w > most ? w : most;
	}
	return most;
}

static void show_bars(struct progress *p, const struct progress_view *v)
{
	struct buf out;
	char line[LINE_MAX_BYTES];
	size_t room = p->term.rows > 4 ? (size_t)p->term.rows - 3 : 1;
	size_t n = v->nactive;
	n = n > room ? room : n;
	n = n > ROWS_MAX - 2 ? ROWS_MAX - 2 : n;
	int name_cols = name_room(p, v, n);
	buf_init(&out, 1u << 20);
	go_back(p, &out);
	p->drawn = 0;
	for (size_t i = 0; i < n; i++)
		add_line(p, &out, progress_bar_line(&p->term, name_cols, v->active[i], line, sizeof(line)));
	if (v->count > 1 || n == 0)
		add_line(p, &out, sum_line(&p->term, v, line, sizeof(line)));
	buf_adds(&out, "\033[J");
	put(&out);
	buf_free(&out);
}

/* ---- lines, JSON ---- */

static void show_lines(const struct progress_view *v)
{
	char name[1024], pct[8], sizes[40], speed[24], eta[16];
	for (size_t i = 0; i < v->nactive; i++) {
		const struct dl *d = v->active[i];
		uint64_t left = d->total > d->done ? d->total - d->done : 0;
		sizes_text(d, sizes);
		printf("%s: %s %s, %s, %u connection%s, ETA %s\n", term_fit(d->name, -1, true, name, sizeof(name)),
			show_percent(d, pct), sizes, show_speed(d->speed, speed), d->conns, d->conns == 1 ? "" : "s",
			show_eta(d->total ? dl_eta(left, d->speed) : -1, eta));
	}
	if (v->count > 1 && v->nactive)
		printf("%zu of %zu done\n", v->ended, v->count);
	fflush(stdout);
}

static void put_json(json_t *event)
{
	char *text = json_dumps(event, JSON_COMPACT | JSON_REAL_PRECISION(9));
	if (text)
		puts(text);
	fflush(stdout);
	free(text);
	json_decref(event);
}

static void show_json(const struct progress_view *v)
{
	for (size_t i = 0; i < v->nactive; i++) {
		const struct dl *d = v->active[i];
		put_json(json_pack("{s:s,s:s,s:s,s:I,s:I,s:I,s:i}", "event", "progress", "gid", d->gid, "name", d->name,
			"done", (json_int_t)d->done, "total", (json_int_t)d->total, "speed", (json_int_t)d->speed,
			"connections", (int)d->conns));
	}
}

void progress_show(struct progress *p, const struct progress_view *v)
{
	int64_t now = term_now();
	if (p->kind == PROGRESS_BAR)
		show_bars(p, v);
	int64_t every = p->kind == PROGRESS_LINES ? LINES_MS : JSON_MS;
	if (now - p->last < every)
		return;
	p->last = now;
	if (p->kind == PROGRESS_LINES)
		show_lines(v);
	else if (p->kind == PROGRESS_JSON)
		show_json(v);
}

void progress_added(struct progress *p, const char *gid, const char *uri)
{
	if (p->kind == PROGRESS_JSON)
		put_json(json_pack("{s:s,s:s,s:s}", "event", "added", "gid", gid, "uri", uri));
}

/* ---- ends ---- */

/* Below the current folder a path is shown as the user would type it. */
static const char *short_path(const struct progress *p, const struct dl *d)
{
	size_t n = p->cwd ? strlen(p->cwd) : 0;
	if (d->path[0] == '\0')
		return d->name;
	if (n > 1 && strncmp(d->path, p->cwd, n) == 0 && d->path[n] == '/' && d->path[n + 1])
		return d->path + n + 1;
	return d->path;
}

static void end_json(const struct dl *d, int64_t took, uint64_t speed)
{
	if (strcmp(d->status, "complete") == 0)
		put_json(json_pack("{s:s,s:s,s:s,s:I,s:I,s:I,s:f}", "event", "complete", "gid", d->gid, "path", d->path,
			"done", (json_int_t)d->done, "total", (json_int_t)d->total, "speed", (json_int_t)speed,
			"seconds", (double)took / 1000));
	else
		put_json(json_pack("{s:s,s:s,s:s,s:I,s:I,s:i,s:s}", "event",
			strcmp(d->status, "error") == 0 ? "error" : "removed", "gid", d->gid, "path", d->path, "done",
			(json_int_t)d->done, "total", (json_int_t)d->total, "code", d->code, "error", d->error));
}

static void end_text(const struct progress *p, const struct dl *d, int64_t took, uint64_t speed)
{
	char path[4096], size[16], time[16], rate[24], why[512];
	term_fit(short_path(p, d), -1, p->term.utf8, path, sizeof(path));
	if (strcmp(d->status, "complete") == 0) {
		if (p->kind != PROGRESS_QUIET)
			printf("%s  %s in %s (%s)\n", path, str_bytes(d->done, size), show_took(took, time),
				show_speed(speed, rate));
		fflush(stdout);
		return;
	}
	if (strcmp(d->status, "removed") == 0) {
		fprintf(stderr, "haul: %s: removed\n", path);
		return;
	}
	const char *advice = show_advice(d->code);
	term_fit(d->error[0] ? d->error : "failed without a reason", -1, p->term.utf8, why, sizeof(why));
	fprintf(stderr, "haul: %s: %s (code %d)%s%s\n", path, why, d->code, advice ? "; " : "", advice ? advice : "");
}

void progress_end(struct progress *p, const struct dl *d, int64_t took, uint64_t got)
{
	uint64_t speed = got * 1000 / (uint64_t)(took > 0 ? took : 1);
	clear_bars(p);
	if (p->kind == PROGRESS_JSON)
		end_json(d, took, speed);
	else
		end_text(p, d, took, speed);
}

void progress_note(struct progress *p, const char *fmt, ...)
{
	va_list ap;
	clear_bars(p);
	fputs("haul: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

void progress_free(struct progress *p)
{
	if (!p)
		return;
	clear_bars(p);
	free(p->cwd);
	free(p);
}
