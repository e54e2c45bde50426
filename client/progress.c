/* SPDX-License-Identifier: MIT
 * How a running `haul get` shows itself.
 */
#include "client/progress.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/str.h"
#include "client/show.h"

#define BAR_MS	       250 /* redrawn at most this often */
#define JSON_MS	       1000
#define CONSOLE_MS     1000
#define LINE_MAX_BYTES 4096
#define ROWS_MAX       256
#define CELLS_MIN      4  /* a shorter bar says nothing */
#define CELLS_MAX      40

/* Columns of the right-hand side, with sizes for people and in bytes. */
static const struct form {
	int full;  /* terminals from here on have sizes and connections */
	int brief; /* below only name and per cent */
	int sizes, rate;
} forms[] = {{80, 40, 15, 10}, {114, 48, 33, 16}};

struct progress {
	struct progress_style style;
	struct term term;
	char *cwd;
	struct console *console; /* NULL: PROGRESS_JSON, PROGRESS_QUIET */
	int64_t last;		 /* look of PROGRESS_JSON */
	int width[ROWS_MAX]; /* columns of the lines on the screen, for going back over them */
	size_t drawn;
};

bool progress_has_terminal(void)
{
	struct term t;
	term_init(&t, STDOUT_FILENO);
	return t.tty;
}

struct progress *progress_new(const struct progress_style *style)
{
	struct progress *p = xcalloc(1, sizeof(*p));
	term_init(&p->term, STDOUT_FILENO);
	p->style = *style;
	p->term.color = p->term.color && style->color;
	p->cwd = getcwd(NULL, 0);
	p->last = term_now();
	if (style->kind == PROGRESS_BAR || style->kind == PROGRESS_CONSOLE)
		p->console = console_new(&style->console, &p->term);
	return p;
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
static void sizes_text(bool bytes, uint64_t done, uint64_t total, char buf[56])
{
	char a[24], b[24];
	if (total)
		snprintf(buf, 56, "%s/%s", show_size(bytes, done, a), show_size(bytes, total, b));
	else
		snprintf(buf, 56, "%s", done ? show_size(bytes, done, a) : "");
}

/* The right-hand columns: what fits the terminal. */
static void tail_text(
	const struct bar_style *s, const char *sizes, uint64_t speed, const char *conns, int64_t eta, char buf[160])
{
	const struct form *f = &forms[s->bytes];
	char size[24], rate[32], left[16];
	snprintf(rate, sizeof(rate), "%s/s", show_size(s->bytes, speed, size));
	show_eta(eta, left);
	buf[0] = '\0';
	if (s->term->cols >= f->full)
		snprintf(buf, 160, "%*s  %*s  %4s  %6s", f->sizes, sizes, f->rate, rate, conns, left);
	else if (s->term->cols >= f->brief)
		snprintf(buf, 160, "%*s  %6s", f->rate, rate, left);
}

/* Room for the bar between per cent and tail; 0 when there is too little. */
static int bar_cells(const struct term *t, int name_cols, const char *tail)
{
	int cells = t->cols - 1 - name_cols - 2 - 4 - 2 - 2 - term_width(tail, t->utf8);
	return cells < CELLS_MIN ? 0 : cells > CELLS_MAX ? CELLS_MAX : cells;
}

const char *progress_bar_line(const struct bar_style *s, const struct dl *d, char *buf, size_t size)
{
	char name[1024], pct[8], bar[1024] = "", sizes[56], conns[16], tail[160];
	const struct term *t = s->term;
	bool checking = d->verified > 0;
	uint64_t left = d->total > d->done ? d->total - d->done : 0;
	struct dl checked = {.total = d->total, .done = d->verified};
	sizes_text(s->bytes, d->done, d->total, sizes);
	snprintf(conns, sizeof(conns), "%uc", d->conns);
	tail_text(s, sizes, d->speed, conns, d->total ? dl_eta(left, d->speed) : -1, tail);
	int cells = bar_cells(t, s->name_cols, tail);
	if (cells)
		term_bar(t, dl_part(checking ? &checked : d), cells, bar, sizeof(bar));
	if (checking)
		snprintf(tail, sizeof(tail), "%15s", "checking");
	if (t->cols < forms[s->bytes].brief)
		tail[0] = '\0';
	term_fit(d->name, s->name_cols, t->utf8, name, sizeof(name));
	int pad = s->name_cols - term_width(name, t->utf8);
	snprintf(buf, size, "%s%*s  %4s%s%s%s%s", name, pad, "", show_percent(checking ? &checked : d, pct),
		bar[0] ? "  " : "", bar, tail[0] ? "  " : "", tail);
	return buf;
}

const char *progress_sum_line(const struct bar_style *s, const struct view *v, char *buf, size_t size)
{
	char text[128], shown[512], sizes[56], tail[160];
	const struct term *t = s->term;
	uint64_t left = v->total > v->done ? v->total - v->done : 0;
	bool all_known = v->waiting == 0 && v->total > 0;
	sizes_text(s->bytes, v->done, v->total, sizes);
	tail_text(s, sizes, v->speed, "", all_known ? dl_eta(left, v->speed) : -1, tail);
	int n = snprintf(text, sizeof(text), "%zu of %zu done", v->ended, v->count),
	    cells = bar_cells(t, s->name_cols, tail);
	if (v->paused)
		n += snprintf(text + n, sizeof(text) - (size_t)n, ", %zu paused", v->paused);
	if (v->waiting)
		snprintf(text + n, sizeof(text) - (size_t)n, ", %zu waiting", v->waiting);
	int room = tail[0] ? s->name_cols + 2 + 4 + (cells ? 2 + cells : 0) : t->cols - 1;
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
static int name_room(const struct progress *p, const struct view *v, size_t n)
{
	char name[1024];
	int max = name_max(p->term.cols), most = max < 8 ? max : 8;
	for (size_t i = 0; i < n; i++) {
		int w = term_width(term_fit(v->active[i]->name, max, p->term.utf8, name, sizeof(name)), p->term.utf8);
		most = w > most ? w : most;
	}
	return most;
}

static void show_bars(struct progress *p, const struct view *v)
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
	struct bar_style style = {&p->term, name_room(p, v, n), p->style.console.bytes};
	buf_init(&out, 1u << 20);
	go_back(p, &out);
	p->drawn = 0;
	for (size_t i = 0; i < n; i++)
		add_line(p, &out, progress_bar_line(&style, v->active[i], line, sizeof(line)));
	if (v->count > 1 || n == 0)
		add_line(p, &out, progress_sum_line(&style, v, line, sizeof(line)));
	buf_adds(&out, "\033[J");
	put(&out);
	buf_free(&out);
}

/* ---- JSON ---- */

static void put_json(json_t *event)
{
	char *text = json_dumps(event, JSON_COMPACT | JSON_REAL_PRECISION(9));
	if (text)
		puts(text);
	fflush(stdout);
	free(text);
	json_decref(event);
}

static void show_json(struct progress *p, const struct view *v)
{
	int64_t now = term_now();
	if (now - p->last < JSON_MS)
		return;
	p->last = now;
	for (size_t i = 0; i < v->nactive; i++) {
		const struct dl *d = v->active[i];
		put_json(json_pack("{s:s,s:s,s:s,s:I,s:I,s:I,s:i}", "event", "progress", "gid", d->gid, "name", d->name,
			"done", (json_int_t)d->done, "total", (json_int_t)d->total, "speed", (json_int_t)d->speed,
			"connections", (int)d->conns));
	}
}

void progress_hide(struct progress *p)
{
	clear_bars(p);
	if (p->console)
		console_hide(p->console);
	fflush(stdout);
	term_release(&p->term);
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

static void end_json(const struct progress *p, const struct ended *e)
{
	const struct dl *d = e->d;
	(void)p;
	if (strcmp(d->status, "complete") == 0)
		put_json(json_pack("{s:s,s:s,s:s,s:I,s:I,s:I,s:f}", "event", "complete", "gid", d->gid, "path", d->path,
			"done", (json_int_t)(e->dry ? 0 : d->done), "total", (json_int_t)d->total, "speed",
			(json_int_t)ended_speed(e), "seconds", (double)e->took / 1000));
	else
		put_json(json_pack("{s:s,s:s,s:s,s:I,s:I,s:i,s:s}", "event",
			strcmp(d->status, "error") == 0 ? "error" : "removed", "gid", d->gid, "path", d->path, "done",
			(json_int_t)d->done, "total", (json_int_t)d->total, "code", d->code, "error", d->error));
}

/* "haul: PATH: why" on stderr, for what did not come to a good end. */
static void put_failure(const struct progress *p, const struct dl *d)
{
	char path[4096], why[512];
	const char *advice = show_advice(d->code);
	term_fit(short_path(p, d), -1, p->term.utf8, path, sizeof(path));
	if (strcmp(d->status, "removed") == 0) {
		fprintf(stderr, "haul: %s: removed\n", path);
		return;
	}
	term_fit(d->error[0] ? d->error : "failed without a reason", -1, p->term.utf8, why, sizeof(why));
	fprintf(stderr, "haul: %s: %s (code %d)%s%s\n", path, why, d->code, advice ? "; " : "", advice ? advice : "");
}

static void end_bar(const struct progress *p, const struct ended *e)
{
	char path[4096], size[24], time[16], rate[24];
	bool bytes = p->style.console.bytes;
	if (strcmp(e->d->status, "complete") != 0) {
		put_failure(p, e->d);
	} else if (!p->style.hide_complete) {
		term_fit(short_path(p, e->d), -1, p->term.utf8, path, sizeof(path));
		if (e->dry)
			printf("%s  %s, not fetched (dry-run)\n", path, show_size(bytes, e->d->done, size));
		else
			printf("%s  %s in %s (%s/s)\n", path, show_size(bytes, e->d->done, size), show_took(e->took, time),
				show_size(bytes, ended_speed(e), rate));
	}
	fflush(stdout);
	console_end(p->console, e);
}

/* Are standard output and standard error the same place, so that a reader of one reads both? */
static bool is_one_place(void)
{
	struct stat a, b;
	return fstat(STDOUT_FILENO, &a) == 0 && fstat(STDERR_FILENO, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

/* The console tells all on standard output, as aria2's does; a failure also goes where failures are looked for. */
static void end_console(const struct progress *p, const struct ended *e)
{
	console_end(p->console, e);
	if (strcmp(e->d->status, "complete") != 0 && !is_one_place())
		put_failure(p, e->d);
}

/* ---- waits ---- */

static void wait_bar(struct progress *p, const struct dl *d)
{
	char name[1024], why[512];
	progress_note(p, "%s: %s", term_fit(d->name, -1, p->term.utf8, name, sizeof(name)),
		term_fit(d->wait, -1, p->term.utf8, why, sizeof(why)));
}

static void wait_console(struct progress *p, const struct dl *d)
{
	console_wait(p->console, d);
}

static void wait_json(struct progress *p, const struct dl *d)
{
	(void)p;
	put_json(json_pack("{s:s,s:s,s:s}", "event", "waiting", "gid", d->gid, "reason", d->wait));
}

static void wait_nothing(struct progress *p, const struct dl *d)
{
	(void)p;
	(void)d;
}

/* ---- by kind ---- */

static void show_bar_or_summary(struct progress *p, const struct view *v)
{
	int64_t now = term_now();
	if (v->nactive && console_summary_due(p->console, now)) {
		clear_bars(p);
		console_show(p->console, v, now);
	}
	show_bars(p, v);
}

static void show_console(struct progress *p, const struct view *v)
{
	console_show(p->console, v, term_now());
}

static void show_nothing(struct progress *p, const struct view *v)
{
	(void)p;
	(void)v;
}

static void end_nothing(const struct progress *p, const struct ended *e)
{
	(void)p;
	(void)e;
}

static const struct {
	unsigned interval; /* ms */
	void (*show)(struct progress *p, const struct view *v);
	void (*end)(const struct progress *p, const struct ended *e);
	void (*wait)(struct progress *p, const struct dl *d);
} kinds[] = {
	[PROGRESS_BAR] = {BAR_MS, show_bar_or_summary, end_bar, wait_bar},
	[PROGRESS_CONSOLE] = {CONSOLE_MS, show_console, end_console, wait_console},
	[PROGRESS_JSON] = {JSON_MS, show_json, end_json, wait_json},
	[PROGRESS_QUIET] = {JSON_MS, show_nothing, end_nothing, wait_nothing},
};

unsigned progress_interval(const struct progress *p)
{
	return kinds[p->style.kind].interval;
}

bool progress_tells(const struct progress *p)
{
	return p->style.kind != PROGRESS_QUIET;
}

void progress_begin(struct progress *p, size_t n)
{
	if (p->console)
		console_begin(p->console, n);
}

void progress_added(struct progress *p, const char *gid, const char *uri)
{
	if (p->style.kind == PROGRESS_JSON)
		put_json(dl_added(gid, uri));
}

void progress_show(struct progress *p, const struct view *v)
{
	kinds[p->style.kind].show(p, v);
}

void progress_end(struct progress *p, const struct ended *e)
{
	clear_bars(p);
	kinds[p->style.kind].end(p, e);
}

void progress_wait(struct progress *p, const struct dl *d)
{
	kinds[p->style.kind].wait(p, d);
}

void progress_unfinished(struct progress *p, const struct ended *e)
{
	if (p->console)
		console_unfinished(p->console, e);
}

void progress_finish(struct progress *p)
{
	progress_hide(p);
	if (p->console)
		console_results(p->console);
}

void progress_note(struct progress *p, const char *fmt, ...)
{
	va_list ap;
	if (p->style.kind == PROGRESS_QUIET)
		return;
	progress_hide(p);
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
	console_free(p->console);
	free(p->cwd);
	free(p);
}
