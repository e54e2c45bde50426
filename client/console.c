/* SPDX-License-Identifier: MIT
 * The console of aria2c.
 */
#include "client/console.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/str.h"
#include "base/uri.h"
#include "client/show.h"

#define READOUT_MS    1000
#define READOUT_SLACK 50   /* a look may come this much early */
#define READOUT_ITEMS 5	   /* downloads named in one readout */
#define LINE_COLS     79   /* of separating lines where there is no terminal */
#define TEXT_MAX      4096 /* bytes of a line */
#define GID_COLS      6
#define EXIT_CHECKSUM 32

#define BOLD_GREEN "\033[1;32m"
#define BOLD_RED   "\033[1;31m"
#define MAGENTA	   "\033[35m"
#define CYAN	   "\033[36m"
#define GREEN	   "\033[32m"
#define YELLOW	   "\033[33m"
#define PLAIN	   "\033[0m"

enum outcome { OK, ERR, INPR, RM, N_OUTCOMES };

/* As the table and its legend show them. */
static const struct {
	const char *word, *color, *legend;
} outcomes[N_OUTCOMES] = {
	[OK] = {"OK  ", BOLD_GREEN, "(OK):download completed."},
	[ERR] = {"ERR ", BOLD_RED, "(ERR):error occurred."},
	[INPR] = {"INPR", BOLD_GREEN, "(INPR):download in-progress."},
	[RM] = {"RM  ", BOLD_RED, "(RM):download removed."},
};

struct row {
	STAILQ_ENTRY(row) link;
	char gid[GID_COLS + 1];
	enum outcome outcome;
	char speed[32];
	char percent[8];
	char *what; /* path, or URI while that is unknown */
};

struct console {
	struct console_style style;
	const struct term *term;
	char *cwd;
	int64_t last_readout, last_summary;
	bool shown; /* a readout stands on the terminal */
	STAILQ_HEAD(rows, row) rows;
	size_t nrows;
};

struct console *console_new(const struct console_style *s, const struct term *t)
{
	struct console *c = xcalloc(1, sizeof(*c));
	c->style = *s;
	c->term = t;
	c->cwd = getcwd(NULL, 0);
	c->last_readout = c->last_summary = term_now();
	STAILQ_INIT(&c->rows);
	return c;
}

static void drop_first(struct console *c)
{
	struct row *r = STAILQ_FIRST(&c->rows);
	STAILQ_REMOVE_HEAD(&c->rows, link);
	c->nrows--;
	free(r->what);
	free(r);
}

void console_free(struct console *c)
{
	if (!c)
		return;
	while (c->nrows > 0)
		drop_first(c);
	free(c->cwd);
	free(c);
}

/* ---- words ---- */

static const char *paint(const struct console *c, const char *color)
{
	return c->term->color ? color : "";
}

/* Where nobody looks, a path keeps its characters whatever the locale: a program will read it. */
static const char *safe_text(const struct console *c, const char *s, char buf[TEXT_MAX])
{
	return term_fit(s, -1, c->term->utf8 || !c->term->tty, buf, TEXT_MAX);
}

/* The path as the user would type it if he gave the folder relative, else absolute; "" while it is unknown. */
static const char *shown_path(const struct console *c, const struct dl *d)
{
	size_t n = c->cwd ? strlen(c->cwd) : 0;
	if (d->relative && n > 1 && strncmp(d->path, c->cwd, n) == 0 && d->path[n] == '/' && d->path[n + 1])
		return d->path + n + 1;
	return d->path;
}

static char *path_or_uri(const struct console *c, const struct dl *d)
{
	const char *path = shown_path(c, d);
	char text[TEXT_MAX];
	return xstrdup(path[0] ? path : uri_show_short(d->uri, text, sizeof(text)));
}

/* An empty line, date and level; the text follows. */
static void begin_message(struct console *c, const char *level, const char *color)
{
	char when[24];
	struct tm tm;
	time_t now = time(NULL);
	console_hide(c);
	strftime(when, sizeof(when), "%m/%d %H:%M:%S", localtime_r(&now, &tm));
	printf("\n%s [%s%s%s] ", when, paint(c, color), level, paint(c, PLAIN));
}

static void begin_notice(struct console *c)
{
	begin_message(c, "NOTICE", BOLD_GREEN);
}

void console_begin(struct console *c, size_t n)
{
	if (c->style.talk < CONSOLE_NOTICES)
		return;
	begin_notice(c);
	printf("Downloading %zu item(s)\n", n);
	fflush(stdout);
}

/* ---- readout ---- */

const char *console_eta(int64_t sec, char buf[24])
{
	buf[0] = '\0';
	if (sec < 0)
		return buf;
	int n = sec >= 3600 ? snprintf(buf, 24, "%lldh", (long long)(sec / 3600)) : 0;
	if (sec % 3600 >= 60)
		n += snprintf(buf + n, 24 - (size_t)n, "%lldm", (long long)(sec % 3600 / 60));
	if (sec % 60 || n == 0)
		snprintf(buf + n, 24 - (size_t)n, "%llds", (long long)(sec % 60));
	return buf;
}

/* What a line is made of: the colours are empty texts where there are none. */
struct paints {
	const char *bracket, *percent, *speed, *eta, *plain;
};
static const struct paints no_paints = {"", "", "", "", ""};
static const struct paints all_paints = {MAGENTA, CYAN, GREEN, YELLOW, PLAIN};

/* "#2089b0 400KiB/33MiB(1%)" */
static void add_amount(struct buf *out, const struct dl *d, uint64_t done, bool bytes, const struct paints *p)
{
	char a[24], b[24];
	buf_addf(out, "#%.*s %s/%s", GID_COLS, d->gid, show_size(bytes, done, a), show_size(bytes, d->total, b));
	if (d->total)
		buf_addf(out, "%s(%d%%)%s", p->percent, (int)((double)done * 100 / (double)d->total), p->plain);
}

static void add_one(struct buf *out, const struct dl *d, bool bytes, const struct paints *p)
{
	char speed[24], eta[24];
	uint64_t left = d->total > d->done ? d->total - d->done : 0;
	buf_addf(out, "%s[%s", p->bracket, p->plain);
	add_amount(out, d, d->done, bytes, p);
	buf_addf(out, " CN:%u", d->conns);
	if (d->speed)
		buf_addf(out, " DL:%s%s%s", p->speed, show_size(bytes, d->speed, speed), p->plain);
	if (d->total && left && dl_eta(left, d->speed) >= 0)
		buf_addf(out, " ETA:%s%s%s", p->eta, console_eta(dl_eta(left, d->speed), eta), p->plain);
	buf_addf(out, "%s]%s", p->bracket, p->plain);
}

static void add_several(struct buf *out, const struct view *v, bool bytes, const struct paints *p)
{
	char speed[24];
	buf_addf(out, "%s[%sDL:%s%s%s%s]%s", p->bracket, p->plain, p->speed, show_size(bytes, v->speed, speed), p->plain,
		p->bracket, p->plain);
	for (size_t i = 0; i < v->nactive && i < READOUT_ITEMS; i++) {
		buf_addf(out, "%s[%s", p->bracket, p->plain);
		add_amount(out, v->active[i], v->active[i]->done, bytes, p);
		buf_addf(out, "%s]%s", p->bracket, p->plain);
	}
	if (v->nactive > READOUT_ITEMS)
		buf_addf(out, "(+%zu)", v->nactive - READOUT_ITEMS);
}

/* Behind it the first one whose checksum is being verified. */
static void add_check(struct buf *out, const struct view *v, bool bytes, const struct paints *p)
{
	size_t n = 0;
	const struct dl *first = NULL;
	for (size_t i = 0; i < v->nactive; i++) {
		if (!v->active[i]->verified)
			continue;
		first = first ? first : v->active[i];
		n++;
	}
	if (!first)
		return;
	buf_adds(out, " [Checksum:");
	add_amount(out, first, first->verified, bytes, p);
	buf_adds(out, "]");
	if (n > 1)
		buf_addf(out, "(+%zu)", n - 1);
}

static void add_readout(struct buf *out, const struct view *v, bool bytes, const struct paints *p)
{
	if (v->nactive == 1)
		add_one(out, v->active[0], bytes, p);
	else
		add_several(out, v, bytes, p);
	add_check(out, v, bytes, p);
}

static const char *line_text(const struct view *v, bool bytes, const struct paints *p, char *buf, size_t size)
{
	struct buf out;
	buf_init(&out, size - 1);
	add_readout(&out, v, bytes, p);
	snprintf(buf, size, "%s", out.len ? out.data : "");
	buf_free(&out);
	return buf;
}

const char *console_line(const struct view *v, bool bytes, char *buf, size_t size)
{
	return line_text(v, bytes, &no_paints, buf, size);
}

void console_hide(struct console *c)
{
	if (c->shown)
		fputs("\r\033[2K", stdout);
	c->shown = false;
}

static void put_readout(struct console *c, const struct view *v)
{
	char line[TEXT_MAX], plain[TEXT_MAX];
	int cols = c->term->cols - 1;
	console_line(v, c->style.bytes, plain, sizeof(plain));
	if (!c->term->tty) {
		puts(plain);
		return;
	}
	bool cut = c->style.truncate && (int)strlen(plain) > cols;
	console_hide(c);
	if (cut)
		printf("%.*s", cols, plain);
	else
		fputs(line_text(v, c->style.bytes, c->term->color ? &all_paints : &no_paints, line, sizeof(line)), stdout);
	c->shown = true;
}

/* ---- summary ---- */

static void put_rule(const struct console *c, char ch)
{
	int cols = c->term->tty ? c->term->cols - 1 : LINE_COLS;
	for (int i = 0; i < cols; i++)
		putchar(ch);
	putchar('\n');
}

static void put_summary(struct console *c, const struct view *v)
{
	char when[40], line[TEXT_MAX], text[TEXT_MAX];
	struct tm tm;
	time_t now = time(NULL);
	console_hide(c);
	strftime(when, sizeof(when), "%a %b %e %H:%M:%S %Y", localtime_r(&now, &tm));
	printf(" *** Download Progress Summary as of %s *** \n", when);
	put_rule(c, '=');
	for (size_t i = 0; i < v->nactive; i++) {
		struct view one = {.active = &v->active[i], .nactive = 1};
		char *what = path_or_uri(c, v->active[i]);
		puts(console_line(&one, c->style.bytes, line, sizeof(line)));
		printf("FILE: %s\n", safe_text(c, what, text));
		put_rule(c, '-');
		free(what);
	}
	putchar('\n');
}

bool console_summary_due(const struct console *c, int64_t now)
{
	return c->style.summary_ms > 0 && now - c->last_summary >= c->style.summary_ms - READOUT_SLACK;
}

void console_show(struct console *c, const struct view *v, int64_t now)
{
	if (v->nactive == 0) {
		console_hide(c);
		return;
	}
	if (console_summary_due(c, now)) {
		c->last_summary = now;
		put_summary(c, v);
	}
	if (c->style.readout && now - c->last_readout >= READOUT_MS - READOUT_SLACK) {
		c->last_readout = now;
		put_readout(c, v);
	}
	fflush(stdout);
}

/* ---- waits ---- */

void console_wait(struct console *c, const struct dl *d)
{
	char text[TEXT_MAX];
	if (c->style.talk < CONSOLE_NOTICES)
		return;
	begin_notice(c);
	/* "waiting 5 s for ..." goes on the sentence, "no room on ..." does not */
	printf("Download GID#%s %s %s\n", d->gid, strncmp(d->wait, "waiting", 7) == 0 ? "is" : "waits:",
		safe_text(c, d->wait, text));
	fflush(stdout);
}

/* ---- ends ---- */

static enum outcome outcome_of(const struct dl *d)
{
	if (strcmp(d->status, "complete") == 0)
		return OK;
	if (strcmp(d->status, "error") == 0)
		return ERR;
	return strcmp(d->status, "removed") == 0 ? RM : INPR;
}

static void keep_row(struct console *c, const struct ended *e)
{
	struct row *r = xcalloc(1, sizeof(*r));
	char size[24];
	uint64_t speed = ended_speed(e);
	snprintf(r->gid, sizeof(r->gid), "%.*s", GID_COLS, e->d->gid);
	r->outcome = outcome_of(e->d);
	if (e->took > 0 && (speed || r->outcome != OK))
		snprintf(r->speed, sizeof(r->speed), "%s/s", show_size(c->style.bytes, speed, size));
	else
		snprintf(r->speed, sizeof(r->speed), "n/a");
	if (r->outcome == OK || e->d->total)
		snprintf(r->percent, sizeof(r->percent), "%d", (int)(dl_part(e->d) * 100));
	else
		snprintf(r->percent, sizeof(r->percent), "-");
	r->what = path_or_uri(c, e->d);
	STAILQ_INSERT_TAIL(&c->rows, r, link);
	if (++c->nrows > c->style.results_max)
		drop_first(c);
}

static void tell_not_complete(struct console *c, const struct ended *e)
{
	char text[TEXT_MAX];
	if (c->style.talk < CONSOLE_NOTICES)
		return;
	begin_notice(c);
	printf("Download GID#%s not complete: %s\n", e->d->gid, safe_text(c, shown_path(c, e->d), text));
}

static void tell_complete(struct console *c, const struct ended *e)
{
	char text[TEXT_MAX];
	const char *path = safe_text(c, shown_path(c, e->d), text);
	if (c->style.talk < CONSOLE_NOTICES)
		return;
	if (e->checked) {
		begin_notice(c);
		printf("Verification finished successfully. file=%s\n", path);
	}
	begin_notice(c);
	printf("Download complete: %s\n", path);
}

static void tell_failed(struct console *c, const struct ended *e)
{
	char text[TEXT_MAX], uri[TEXT_MAX];
	const struct dl *d = e->d;
	const char *advice = show_advice(d->code);
	if (c->style.talk >= CONSOLE_ERRORS) {
		begin_message(c, "ERROR", BOLD_RED);
		if (d->code == EXIT_CHECKSUM)
			printf("Checksum error detected. file=%s\n", safe_text(c, shown_path(c, d), text));
		else
			printf("Download aborted. URI=%s\n", safe_text(c, uri_show_short(d->uri, uri, sizeof(uri)), text));
		printf("  -> errorCode=%d %s%s%s\n", d->code, safe_text(c, d->error, text), advice ? "; " : "",
			advice ? advice : "");
	}
	tell_not_complete(c, e);
}

void console_end(struct console *c, const struct ended *e)
{
	static void (*const tell[N_OUTCOMES])(struct console *, const struct ended *) = {
		[OK] = tell_complete, [ERR] = tell_failed, [INPR] = tell_not_complete, [RM] = tell_not_complete};
	tell[outcome_of(e->d)](c, e);
	keep_row(c, e);
	fflush(stdout);
}

void console_unfinished(struct console *c, const struct ended *e)
{
	if (e->d->done > 0 || strcmp(e->d->status, "active") == 0)
		console_end(c, e);
}

/* ---- results ---- */

static void put_heading(enum console_results form)
{
	static const char rest[] = "==============================================="; /* of the last column */
	if (form == RESULTS_FULL)
		printf("gid   |stat|avg speed  |  %%|path/URI\n======+====+===========+===+====%s\n", rest);
	else
		printf("gid   |stat|avg speed  |path/URI\n======+====+===========+========%s\n", rest);
}

void console_results(struct console *c)
{
	char text[TEXT_MAX];
	bool seen[N_OUTCOMES] = {false};
	struct row *r;
	if (c->style.results == RESULTS_NONE)
		return;
	console_hide(c);
	puts("\nDownload Results:");
	put_heading(c->style.results);
	STAILQ_FOREACH(r, &c->rows, link)
	{
		seen[r->outcome] = true;
		printf("%s|%s%s%s|%11s|", r->gid, paint(c, outcomes[r->outcome].color), outcomes[r->outcome].word,
			paint(c, PLAIN), r->speed);
		if (c->style.results == RESULTS_FULL)
			printf("%3s|", r->percent);
		puts(safe_text(c, r->what, text));
	}
	puts("\nStatus Legend:");
	for (int i = 0; i < N_OUTCOMES; i++) {
		if (seen[i])
			fputs(outcomes[i].legend, stdout);
	}
	putchar('\n');
	if (seen[ERR] || seen[INPR])
		puts("\nhaul will resume download if the transfer is restarted.");
	fflush(stdout);
}
