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
#define JSON_MS	       1000
#define LINE_MAX_BYTES 4096
#define ROWS_MAX       256
#define BAR_COLS_FULL  80 /* from here on with sizes and connections */
#define BAR_COLS_SHORT 40 /* below only name and per cent */
#define CELLS_MIN      4  /* a shorter bar says nothing */
#define CELLS_MAX      40

struct progress {
	struct progress_style style;
	struct term term;
	char *cwd;
	int64_t last;	     /* of PROGRESS_LINES and PROGRESS_JSON; 0: never */
	int width[ROWS_MAX]; /* columns of the lines on the screen, for going back over them */
	size_t drawn;
};

struct progress *progress_new(const struct progress_style *style)
{
	struct progress *p = xcalloc(1, sizeof(*p));
	term_init(&p->term, STDOUT_FILENO);
	p->style = *style;
	if (style->kind == PROGRESS_BAR && !p->term.tty)
		p->style.kind = PROGRESS_LINES;
	p->term.color = p->term.color && style->color;
	p->cwd = getcwd(NULL, 0);
	p->last = term_now();
	return p;
}

unsigned progress_interval(const struct progress *p)
{
	return p->style.kind == PROGRESS_BAR ? BAR_MS : JSON_MS;
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
static void sizes_text(uint64_t done, uint64_t total, char buf[40])
{
	char a[16], b[16];
	if (total)
		snprintf(buf, 40, "%s/%s", str_bytes(done, a), str_bytes(total, b));
	else
		snprintf(buf, 40, "%s", done ? str_bytes(done, a) : "");
}

/* The right-hand columns: what fits the terminal. */
static void tail_text(
	const struct term *t, const char *sizes, uint64_t speed, const char *conns, int64_t eta, char buf[160])
{
	char rate[24], left[16];
	show_speed(speed, rate);
	show_eta(eta, left);
	buf[0] = '\0';
	if (t->cols >= BAR_COLS_FULL)
		snprintf(buf, 160, "%15s  %10s  %4s  %6s", sizes, rate, conns, left);
	else if (t->cols >= BAR_COLS_SHORT)
		snprintf(buf, 160, "%10s  %6s", rate, left);
}

/* Room for the bar between per cent and tail; 0 when there is too little. */
static int bar_cells(const struct term *t, int name_cols, const char *tail)
{
	int cells = t->cols - 1 - name_cols - 2 - 4 - 2 - 2 - term_width(tail, t->utf8);
	return cells < CELLS_MIN ? 0 : cells > CELLS_MAX ? CELLS_MAX : cells;
}

const char *progress_bar_line(const struct term *t, int name_cols, const struct dl *d, char *buf, size_t size)
{
	char name[1024], pct[8], bar[1024] = "", sizes[40], conns[16], tail[160];
	bool checking = d->verified > 0;
	uint64_t left = d->total > d->done ? d->total - d->done : 0;
	struct dl checked = {.total = d->total, .done = d->verified};
	sizes_text(d->done, d->total, sizes);
	snprintf(conns, sizeof(conns), "%uc", d->conns);
	tail_text(t, sizes, d->speed, conns, d->total ? dl_eta(left, d->speed) : -1, tail);
	int cells = bar_cells(t, name_cols, tail);
	if (cells)
		term_bar(t, dl_part(checking ? &checked : d), cells, bar, sizeof(bar));
	if (checking)
		snprintf(tail, sizeof(tail), "%15s", "checking");
	if (t->cols < BAR_COLS_SHORT)
		tail[0] = '\0';
	term_fit(d->name, name_cols, t->utf8, name, sizeof(name));
	int pad = name_cols - term_width(name, t->utf8);
	snprintf(buf, size, "%s%*s  %4s%s%s%s%s", name, pad, "", show_percent(checking ? &checked : d, pct),
		bar[0] ? "  " : "", bar, tail[0] ? "  " : "", tail);
	return buf;
}

const char *progress_sum_line(
	const struct term *t, int name_cols, const struct progress_view *v, char *buf, size_t size)
{
	char text[128], shown[512], sizes[40], tail[160];
	uint64_t left = v->total > v->done ? v->total - v->done : 0;
	bool all_known = v->waiting == 0 && v->total > 0;
	sizes_text(v->done, v->total, sizes);
	tail_text(t, sizes, v->speed, "", all_known ? dl_eta(left, v->speed) : -1, tail);
	int n = snprintf(text, sizeof(text), "%zu of %zu done", v->ended, v->count),
	    cells = bar_cells(t, name_cols, tail);
	if (v->paused)
		n += snprintf(text + n, sizeof(text) - (size_t)n, ", %zu paused", v->paused);
	if (v->waiting)
		snprintf(text + n, sizeof(text) - (size_t)n, ", %zu waiting", v->waiting);
	int room = tail[0] ? name_cols + 2 + 4 + (cells ? 2 + cells : 0) : t->cols - 1;
	term_fit(text, room, t->utf8, shown, sizeof(shown));
	int pad = tail[0] ? room - term_width(shown, t->utf8) : 0;
	snprintf(buf, size, "%s%*s%s%s", shown, pad, "", tail[0] ? "  " : "", tail);
	return buf;
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
	if (!term_hold(&p->term)) {
		p->drawn = 0; /* what was drawn has scrolled away with the user's other work */
		return;
	}
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
		add_line(p, &out, progress_sum_line(&p->term, name_cols, v, line, sizeof(line)));
	buf_adds(&out, "\033[J");
	put(&out);
	buf_free(&out);
}

/* ---- lines, JSON ---- */

/* A size as the user wants it in lines. */
static const char *size_text(const struct progress *p, uint64_t n, char buf[24])
{
	char human[16];
	if (p->style.bytes)
		snprintf(buf, 24, "%lluB", (unsigned long long)n);
	else
		snprintf(buf, 24, "%s", str_bytes(n, human));
	return buf;
}

static void show_line_of(const struct progress *p, const struct dl *d)
{
	char name[4096], pct[8], done[24], total[24], speed[24], eta[16];
	uint64_t left = d->total > d->done ? d->total - d->done : 0;
	printf("%s: %s  %s%s%s  %s/s  %u connection%s", term_fit(d->name, -1, p->term.utf8, name, sizeof(name)),
		show_percent(d, pct), size_text(p, d->done, done), d->total ? "/" : "",
		d->total ? size_text(p, d->total, total) : "", size_text(p, d->speed, speed), d->conns,
		d->conns == 1 ? "" : "s");
	if (d->verified)
		puts("  checking");
	else
		printf("  ETA %s\n", show_eta(d->total ? dl_eta(left, d->speed) : -1, eta));
}

static void show_lines(const struct progress *p, const struct progress_view *v)
{
	for (size_t i = 0; i < v->nactive; i++)
		show_line_of(p, v->active[i]);
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
	if (p->style.kind == PROGRESS_BAR)
		show_bars(p, v);
	int64_t every = p->style.kind == PROGRESS_LINES ? p->style.lines_ms : JSON_MS;
	if (every == 0 || now - p->last < every)
		return;
	p->last = now;
	if (p->style.kind == PROGRESS_LINES)
		show_lines(p, v);
	else if (p->style.kind == PROGRESS_JSON)
		show_json(v);
}

void progress_hide(struct progress *p)
{
	clear_bars(p);
	term_release(&p->term);
}

void progress_added(struct progress *p, const char *gid, const char *uri)
{
	if (p->style.kind == PROGRESS_JSON)
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
	char path[4096], size[24], time[16], rate[24], why[512];
	term_fit(short_path(p, d), -1, p->term.utf8, path, sizeof(path));
	if (strcmp(d->status, "complete") == 0) {
		if (p->style.kind != PROGRESS_QUIET && !p->style.hide_complete)
			printf("%s  %s in %s (%s/s)\n", path, size_text(p, d->done, size), show_took(took, time),
				size_text(p, speed, rate));
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
	if (p->style.kind == PROGRESS_JSON)
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
	progress_hide(p);
	free(p->cwd);
	free(p);
}
