/* SPDX-License-Identifier: MIT
 * The table of mount points, read anew when the kernel says that it has changed: poll(2) is asked, at most once a second.
 */
#include "ev/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/str.h"
#include "ev/loop.h"

#define TABLE	"/proc/self/mountinfo"
#define ASK_MS	1000
#define LEARNED 16 /* folders behind links; the oldest one is forgotten */
#define TEXT_MAX ((size_t)4 << 20) /* far above what a machine with thousands of containers has */

struct mount_point {
	char *path;
	size_t len;
	uint64_t dev;
};

struct mounts {
	struct loop *loop;
	int fd; /* -1: there is no such table */
	uint64_t asked_at;
	struct mount_point *v;
	size_t n;
	struct mount_point learned[LEARNED]; /* path NULL: free */
	unsigned next_learned;
	struct mount_point last; /* path and answer: most files of a list go to one folder. path NULL: none */
};

/* ---- the table ---- */

static void forget_last(struct mounts *m)
{
	free(m->last.path);
	m->last.path = NULL;
}

static void forget_all(struct mounts *m)
{
	for (size_t i = 0; i < m->n; i++)
		free(m->v[i].path);
	free(m->v);
	m->v = NULL;
	m->n = 0;
	for (size_t i = 0; i < LEARNED; i++) {
		free(m->learned[i].path);
		m->learned[i].path = NULL;
	}
	forget_last(m);
}

static bool is_octal(const char *s)
{
	return s[0] >= '0' && s[0] <= '3' && s[1] >= '0' && s[1] <= '7' && s[2] >= '0' && s[2] <= '7';
}

/* In place: blanks, tabs, newlines and backslashes stand there as \ooo. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s != '\0'; s++) {
		if (*s == '\\' && is_octal(s + 1)) {
			*to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

/* "36 35 98:0 /root /mnt/point options ...": the third and the fifth word count. */
static void read_line(struct mounts *m, char *line)
{
	unsigned major, minor;
	int at = 0;
	char *path;

	if (sscanf(line, "%*u %*u %u:%u %*s %n", &major, &minor, &at) != 2 || at == 0 || line[at] != '/')
		return;
	path = line + at;
	path[strcspn(path, " ")] = '\0';
	unescape(path);
	m->v = xrealloc(m->v, (m->n + 1) * sizeof(*m->v));
	m->v[m->n++] = (struct mount_point){.path = xstrdup(path), .len = strlen(path), .dev = makedev(major, minor)};
}

static void read_text(struct mounts *m, char *text)
{
	char *rest = text, *line;

	forget_all(m);
	while ((line = strsep(&rest, "\n")) != NULL)
		read_line(m, line);
}

/* From its beginning. What can't be read is not known. */
static void read_table(struct mounts *m)
{
	struct buf b;
	char part[4096];
	ssize_t n;

	buf_init(&b, TEXT_MAX);
	if (lseek(m->fd, 0, SEEK_SET) == 0)
		while ((n = read(m->fd, part, sizeof(part))) > 0 || (n < 0 && errno == EINTR))
			if (n > 0)
				buf_add(&b, part, (size_t)n);
	char *text = buf_take(&b);
	read_text(m, text);
	free(text);
}

static void refresh(struct mounts *m)
{
	struct pollfd p = {.fd = m->fd, .events = POLLPRI};
	uint64_t now = loop_now(m->loop);

	if (m->fd < 0 || (m->n > 0 && now < m->asked_at + ASK_MS))
		return;
	m->asked_at = now;
	if (poll(&p, 1, 0) > 0 || m->n == 0)
		read_table(m);
}

/* ---- paths ---- */

/* Without double slashes and dots; NULL when it has "..", which a link before it may lead anywhere. */
static char *plain_path(const char *path)
{
	char *cwd = *path == '/' ? NULL : getcwd(NULL, 0);
	char *all = xasprintf("/%s/%s", cwd != NULL ? cwd : "", path), *to = all;
	bool fine = true;

	free(cwd);
	for (const char *s = all; *s != '\0' && fine;) {
		size_t n;

		s += strspn(s, "/");
		n = strcspn(s, "/");
		fine = !(n == 2 && s[0] == '.' && s[1] == '.');
		if (n > 0 && !(n == 1 && s[0] == '.')) {
			*to++ = '/';
			memmove(to, s, n);
			to += n;
		}
		s += n;
	}
	*to = '\0';
	if (fine)
		return all;
	free(all);
	return NULL;
}

/* "/a" holds "/a" and "/a/b"; "/" holds all. */
static bool holds(const struct mount_point *p, const char *path)
{
	if (p->len == 1)
		return true;
	return strncmp(p->path, path, p->len) == 0 && (path[p->len] == '/' || path[p->len] == '\0');
}

/* The longest one; of two at the same place the later one lies on top. */
static const struct mount_point *find(const struct mount_point *v, size_t n, const char *path)
{
	const struct mount_point *best = NULL;

	for (size_t i = 0; i < n; i++)
		if (v[i].path != NULL && (best == NULL || v[i].len >= best->len) && holds(&v[i], path))
			best = &v[i];
	return best;
}

static bool is_mounted(const struct mounts *m, uint64_t dev)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->v[i].dev == dev)
			return true;
	return false;
}

/* What is mounted below a folder that was learned is nearer to the path. */
static uint64_t dev_of(const struct mounts *m, const char *path)
{
	const struct mount_point *p = find(m->v, m->n, path), *q = find(m->learned, LEARNED, path);

	if (q != NULL && (p == NULL || q->len >= p->len))
		p = q;
	return p != NULL ? p->dev : 0;
}

static void learn(struct mounts *m, char *folder, uint64_t dev)
{
	struct mount_point *p = NULL;

	for (size_t i = 0; i < LEARNED && p == NULL; i++)
		if (m->learned[i].path != NULL && strcmp(m->learned[i].path, folder) == 0)
			p = &m->learned[i];
	if (p == NULL)
		p = &m->learned[m->next_learned++ % LEARNED];
	forget_last(m);
	free(p->path);
	*p = (struct mount_point){.path = folder, .len = strlen(folder), .dev = dev};
}

/* ---- public ---- */

static uint64_t look_up(const struct mounts *m, const char *path)
{
	char *plain = plain_path(path);
	uint64_t dev = plain != NULL ? dev_of(m, plain) : 0;

	free(plain);
	return dev;
}

uint64_t mounts_dev(struct loop *l, const char *path)
{
	struct mounts *m = l->mounts;

	refresh(m);
	if (m->last.path != NULL && strcmp(m->last.path, path) == 0)
		return m->last.dev;
	forget_last(m);
	m->last = (struct mount_point){.path = xstrdup(path), .dev = look_up(m, path)};
	return m->last.dev;
}

uint64_t mounts_learn(struct loop *l, const char *folder, uint64_t dev)
{
	struct mounts *m = l->mounts;
	uint64_t as = mounts_dev(l, folder);
	char *plain;

	if (as == dev || !is_mounted(m, dev))
		return as;
	plain = plain_path(folder);
	if (plain != NULL)
		learn(m, plain, dev);
	return dev;
}

struct mounts *mounts_new(struct loop *l)
{
	struct mounts *m = xcalloc(1, sizeof(*m));

	m->loop = l;
	m->fd = open(TABLE, O_RDONLY | O_CLOEXEC);
	return m;
}

void mounts_free(struct mounts *m)
{
	forget_all(m);
	if (m->fd >= 0)
		close(m->fd);
	free(m);
}
