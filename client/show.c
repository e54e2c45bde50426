/* SPDX-License-Identifier: MIT
 * Numbers, lists and details as people read them.
 */
#include "client/show.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "client/view.h"

#define LIST_COLS_FULL 70 /* a list narrower than this shows fewer columns */

const char *show_eta(int64_t sec, char buf[16])
{
	unsigned long long s = (unsigned long long)sec;
	if (sec < 0)
		snprintf(buf, 16, "-");
	else if (s < 60)
		snprintf(buf, 16, "%llus", s);
	else if (s < 3600)
		snprintf(buf, 16, "%llum%02llus", s / 60, s % 60);
	else if (s < 86400)
		snprintf(buf, 16, "%lluh%02llum", s / 3600, s % 3600 / 60);
	else
		snprintf(buf, 16, "%llud%02lluh", s / 86400 % 10000000, s % 86400 / 3600);
	return buf;
}

const char *show_took(int64_t ms, char buf[16])
{
	if (ms >= 59950)
		return show_eta((ms + 500) / 1000, buf);
	if (ms < 1000)
		snprintf(buf, 16, "%dms", ms > 0 ? (int)ms : 0);
	else
		snprintf(buf, 16, "%.1fs", (double)ms / 1000);
	return buf;
}

const char *show_speed(uint64_t bytes_per_s, char buf[24])
{
	char size[16];
	snprintf(buf, 24, "%s/s", str_bytes(bytes_per_s, size));
	return buf;
}

const char *show_size(bool bytes, uint64_t n, char buf[24])
{
	char human[16];
	if (bytes)
		snprintf(buf, 24, "%lluB", (unsigned long long)n);
	else
		snprintf(buf, 24, "%s", str_bytes(n, human));
	return buf;
}

const char *show_percent(const struct dl *d, char buf[8])
{
	unsigned pct = (unsigned)(dl_part(d) * 100);
	if (d->total == 0 && pct == 0)
		snprintf(buf, 8, "-");
	else
		snprintf(buf, 8, "%u%%", pct > 100 ? 100 : pct);
	return buf;
}

/* ---- tables ---- */

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

size_t show_gid_digits(char (*gids)[17], size_t n, size_t min)
{
	size_t need = min;
	qsort(gids, n, sizeof(*gids), by_text);
	for (size_t i = 1; i < n; i++) {
		size_t same = 0;
		while (gids[i][same] && gids[i][same] == gids[i - 1][same])
			same++;
		if (same + 1 > need)
			need = same + 1;
	}
	return need > 16 ? 16 : need;
}

/* Too narrow for all columns: size, speed and ETA go, the name stays. */
static bool is_narrow(int cols)
{
	return cols >= 0 && cols < LIST_COLS_FULL;
}

const char *show_head_row(int cols, size_t digits, char *buf, size_t size)
{
	char line[128];
	int d = (int)digits;
	if (is_narrow(cols))
		snprintf(line, sizeof(line), "%-*s  %-8s  %4s  %s", d, "GID", "STATE", "DONE", "NAME");
	else
		snprintf(line, sizeof(line), "%-*s  %-8s  %4s  %8s  %10s  %6s  %s", d, "GID", "STATE", "DONE", "SIZE",
			"SPEED", "ETA", "NAME");
	snprintf(buf, size, "%.*s", cols < 0 ? (int)sizeof(line) : cols, line);
	return buf;
}

const char *show_row(const struct term *t, int cols, size_t digits, const struct dl *d, char *buf, size_t size)
{
	char pct[8], bytes[16] = "-", speed[24] = "-", eta[16] = "-", state[16], head[128], name[4096];
	bool active = strcmp(d->status, "active") == 0;
	uint64_t left = d->total > d->done ? d->total - d->done : 0;
	if (d->total || d->done)
		str_bytes(d->total ? d->total : d->done, bytes);
	if (active) {
		show_speed(d->speed, speed);
		show_eta(d->total ? dl_eta(left, d->speed) : -1, eta);
	}
	term_fit(active && d->verified ? "checking" : d->status, 8, t->utf8, state, sizeof(state));
	show_percent(d, pct);
	int n = (int)digits;
	if (is_narrow(cols))
		snprintf(head, sizeof(head), "%-*.*s  %-8s  %4s", n, n, d->gid, state, pct);
	else
		snprintf(head, sizeof(head), "%-*.*s  %-8s  %4s  %8s  %10s  %6s", n, n, d->gid, state, pct, bytes,
			speed, eta);
	int used = (int)strlen(head) + 2, room = cols < 0 ? -1 : cols > used ? cols - used : 0;
	snprintf(buf, size, "%s  %s", head, term_fit(d->name, room, t->utf8, name, sizeof(name)));
	if (cols >= 0 && cols < used)
		buf[cols] = '\0';
	return buf;
}

void show_heading(FILE *out, const struct term *t, size_t digits)
{
	char buf[256];
	fprintf(out, "%s%s%s\n", t->color ? "\033[1m" : "",
		show_head_row(t->tty ? t->cols : -1, digits, buf, sizeof(buf)), t->color ? "\033[0m" : "");
}

static const char *state_color(const struct term *t, const char *status)
{
	if (!t->color)
		return "";
	if (strcmp(status, "error") == 0)
		return "\033[31m";
	if (strcmp(status, "complete") == 0)
		return "\033[32m";
	return strcmp(status, "active") == 0 ? "\033[1m" : "";
}

void show_line(FILE *out, const struct term *t, size_t digits, const struct dl *d)
{
	char buf[4608];
	const char *color = state_color(t, d->status);
	fprintf(out, "%s%s%s\n", color, show_row(t, t->tty ? t->cols : -1, digits, d, buf, sizeof(buf)),
		color[0] ? "\033[0m" : "");
}

void show_field(FILE *out, const char *name, const char *value)
{
	char safe[4096];
	fprintf(out, "%-12s %s\n", name, str_safe(value, strlen(value), safe, sizeof(safe)));
}

uint64_t ended_speed(const struct ended *e)
{
	return e->got * 1000 / (uint64_t)(e->took > 0 ? e->took : 1);
}

const char *show_advice(int code)
{
	static const struct {
		int code;
		const char *text;
	} advice[] = {
		{2, "the server was silent too long: try again later, or with a larger --timeout"},
		{3, "the server has no such file: check the URL"},
		{4, "the server has no such file: check the URL"},
		{5, "slower than --lowest-speed-limit: try again later or add a mirror"},
		{8, "the server can't resume, or its file changed: the same with --always-resume=false begins anew"},
		{9, "free some space, then 'haul get' the same again; or choose another --dir"},
		{15, "check the rights of the folder and of the file"},
		{16, "check the rights of the folder, or give a shorter --out"},
		{17, "reading or writing failed: check the disk, and that no other program touches the file"},
		{18, "check --dir and the rights of the folder above it"},
		{19, "check the host name in the URL and the network"},
		{24, "give --http-user and --http-passwd"},
		{29, "the server is busy: try again later, or with --retry-wait"},
		{32, "the data is not what --checksum, or the server itself, says: check the checksum and the source"},
	};
	for (size_t i = 0; i < sizeof(advice) / sizeof(advice[0]); i++) {
		if (advice[i].code == code)
			return advice[i].text;
	}
	return NULL;
}
