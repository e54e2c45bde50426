/* SPDX-License-Identifier: MIT
 * Reading control files. Every length is checked against what is left of the file before it is used, and the file must end
 * where its lengths say.
 */
#include "disk/aria2_control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "disk/fs.h"

#define HASH_LEN  20	/* of a torrent */
#define STARTED	  12	/* bytes in front of a started piece's bits */
#define HOLES_MAX 65536 /* looked at; what lies behind is not believed */

/* What is left to read. */
struct reader {
	const unsigned char *p;
	size_t left;
	bool swapped;	/* numbers have their lowest byte first */
	bool too_short; /* more was read than there was; zeros were given */
};

/* A piece of which some blocks are there. */
struct started {
	uint32_t index;
	const unsigned char *bits;
};

struct pieces {
	int64_t total;
	uint32_t size;
	int64_t n;
	const unsigned char *bits; /* n of them */
	struct started *started;   /* by index */
	size_t n_started;
};

/* A run of finished bytes that may still grow. */
struct run {
	struct ranges *to;
	int64_t start, end;
};

/* ---- numbers ---- */

static const unsigned char *skip(struct reader *r, size_t n)
{
	const unsigned char *at = r->p;

	if (r->left < n) {
		r->too_short = true;
		r->left = 0;
		return NULL;
	}
	r->p += n;
	r->left -= n;
	return at;
}

static uint64_t number(struct reader *r, size_t n)
{
	const unsigned char *at = skip(r, n);
	uint64_t v = 0;

	for (size_t i = 0; at && i < n; i++)
		v = v << 8 | at[r->swapped ? n - 1 - i : i];
	return v;
}

static int64_t div_up(int64_t n, int64_t by)
{
	return n / by + (n % by != 0);
}

static bool bit(const unsigned char *bits, int64_t i)
{
	return bits[i / 8] & 0x80 >> i % 8;
}

/* Bits behind the n-th in the last byte mean nothing: a set one shows that the field is something else. */
static bool spare_bits_set(const unsigned char *bits, int64_t n)
{
	return n % 8 != 0 && (bits[n / 8] & 0xff >> n % 8) != 0;
}

/* ---- started pieces ---- */

static int64_t piece_length(const struct pieces *p, int64_t index)
{
	int64_t start = index * p->size;

	return p->total - start < p->size ? p->total - start : p->size;
}

/* One of them: NULL, or what is wrong. */
static const char *read_started(struct reader *r, const struct pieces *p, struct started *ret)
{
	uint64_t index = number(r, 4), length = number(r, 4), n_bits = number(r, 4);
	int64_t blocks;

	if (r->too_short)
		return "it is too short";
	if (index >= (uint64_t)p->n)
		return "a piece lies behind the end";
	if (length != (uint64_t)piece_length(p, (int64_t)index))
		return "a piece has a wrong length";
	blocks = div_up((int64_t)length, CONTROL_BLOCK);
	if (n_bits != (uint64_t)div_up(blocks, 8))
		return "a piece has a wrong number of blocks";
	ret->index = (uint32_t)index;
	ret->bits = skip(r, (size_t)n_bits);
	if (!ret->bits)
		return "it is too short";
	return spare_bits_set(ret->bits, blocks) ? "a piece has a wrong number of blocks" : NULL;
}

static int by_index(const void *a, const void *b)
{
	uint32_t x = ((const struct started *)a)->index, y = ((const struct started *)b)->index;

	return x < y ? -1 : x > y;
}

static const char *read_all_started(struct reader *r, struct pieces *p)
{
	uint64_t n = number(r, 4);
	const char *damage = NULL;

	if (r->too_short || n > r->left / (STARTED + 1))
		return "it is too short";
	p->started = xcalloc((size_t)n + 1, sizeof(*p->started));
	for (; p->n_started < n && !damage; p->n_started++)
		damage = read_started(r, p, &p->started[p->n_started]);
	if (damage)
		return damage;
	qsort(p->started, p->n_started, sizeof(*p->started), by_index);
	for (size_t i = 1; i < p->n_started; i++)
		if (p->started[i].index == p->started[i - 1].index)
			return "a piece is in it twice";
	return NULL;
}

/* ---- ranges ---- */

static void run_end(struct run *r)
{
	if (r->to->n < CONTROL_RANGES_MAX)
		ranges_add(r->to, r->start, r->end);
}

/* Runs come in order. */
static void run_add(struct run *r, int64_t start, int64_t end)
{
	if (start != r->end) {
		run_end(r);
		r->start = start;
	}
	r->end = end;
}

static void add_blocks(struct run *r, const struct pieces *p, const struct started *s)
{
	int64_t start = (int64_t)s->index * p->size, length = piece_length(p, s->index);

	for (int64_t at = 0, i = 0; at < length; at += CONTROL_BLOCK, i++) {
		int64_t end = at + CONTROL_BLOCK < length ? at + CONTROL_BLOCK : length;

		if (bit(s->bits, i))
			run_add(r, start + at, start + end);
	}
}

static void make_ranges(const struct pieces *p, struct ranges *ret)
{
	struct run r = {.to = ret};
	size_t next = 0;

	for (int64_t i = 0; i < p->n; i++) {
		const struct started *s = next < p->n_started && p->started[next].index == i ? &p->started[next++] : NULL;

		if (bit(p->bits, i))
			run_add(&r, i * p->size, i * p->size + piece_length(p, i));
		else if (s)
			add_blocks(&r, p, s);
	}
	run_end(&r);
}

/* ---- the file ---- */

/* What follows the info hash: NULL, or what is wrong. */
static const char *read_pieces(struct reader *r, struct pieces *p)
{
	uint64_t total, n_bits;

	p->size = (uint32_t)number(r, 4);
	total = number(r, 8);
	number(r, 8); /* uploaded */
	n_bits = number(r, 4);
	if (r->too_short)
		return "it is too short";
	if (p->size == 0 || total == 0 || total > INT64_MAX)
		return "its lengths make no sense";
	p->total = (int64_t)total;
	p->n = div_up(p->total, p->size);
	if (n_bits != (uint64_t)div_up(p->n, 8))
		return "it has a wrong number of pieces";
	p->bits = skip(r, (size_t)n_bits);
	if (!p->bits)
		return "it is too short";
	if (spare_bits_set(p->bits, p->n))
		return "it has a wrong number of pieces";
	return read_all_started(r, p);
}

static enum control_kind damaged(struct control *c, const char *why)
{
	c->damage = why;
	return CONTROL_DAMAGED;
}

enum control_kind control_parse(const unsigned char *p, size_t n, struct control *ret)
{
	struct reader r = {.p = p, .left = n};
	uint64_t version = number(&r, 2), hash_len;
	const unsigned char *flags = skip(&r, 4);
	struct pieces pieces = {0};
	const char *damage;

	memset(ret, 0, sizeof(*ret));
	ranges_init(&ret->have);
	ret->aria2_made_it = n == 0 || (p[0] == 0 && (n == 1 || version <= 1));
	if (version > 1)
		return damaged(ret, "its version is not known");
	/* Version 0 has the byte order of the machine that wrote it, which is taken to be one like this. */
	r.swapped = version == 0 && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
	hash_len = number(&r, 4);
	if (r.too_short)
		return damaged(ret, "it is too short");
	if (flags[3] & 1 || hash_len == HASH_LEN)
		return CONTROL_TORRENT;
	if (hash_len != 0)
		return damaged(ret, "its info hash has a wrong length");
	damage = read_pieces(&r, &pieces);
	if (!damage && r.left > 0)
		damage = "there is more behind its end";
	if (!damage) {
		ret->total = pieces.total;
		make_ranges(&pieces, &ret->have);
	}
	free(pieces.started);
	return damage ? damaged(ret, damage) : CONTROL_OK;
}

/* A regular file of st's size. */
static enum control_kind read_and_parse(const struct fs_ops *fs, int fd, const struct stat *st, struct control *ret)
{
	unsigned char *text;
	enum control_kind kind;
	ssize_t n;

	if (st->st_size > CONTROL_FILE_MAX)
		return damaged(ret, "it is too large");
	text = xmalloc((size_t)st->st_size + 1);
	n = fs_pread_all(fs, fd, text, (size_t)st->st_size, 0);
	kind = n < 0 ? damaged(ret, "it can't be read") : control_parse(text, (size_t)n, ret);
	free(text);
	return kind;
}

enum control_kind control_read(const struct fs_ops *fs, int dirfd, const char *name, struct control *ret)
{
	char *path = xasprintf("%s" CONTROL_SUFFIX, name);
	enum control_kind kind = CONTROL_NONE;
	struct stat st;
	int fd = -1;

	memset(ret, 0, sizeof(*ret));
	if (fs->fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		/* A name too long for the suffix can't have one. */
		kind = errno == ENOENT || errno == ENAMETOOLONG ? CONTROL_NONE : damaged(ret, "it can't be looked at");
	} else if (S_ISREG(st.st_mode)) {
		fd = fs->openat(dirfd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);
		if (fd < 0 || fs->fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
			kind = damaged(ret, "it can't be read");
		else
			kind = read_and_parse(fs, fd, &st, ret);
		ret->owner = st.st_uid;
	}
	if (fd >= 0)
		close(fd);
	free(path);
	return kind;
}

void control_sync(const struct fs_ops *fs, int dirfd, const char *name)
{
	char *path = xasprintf("%s" CONTROL_SUFFIX, name);
	int fd = fs->openat(dirfd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);

	if (fd < 0 || fs->fsync(fd) < 0 || fs->fsync(dirfd) < 0)
		log_debug(DISK, "%s: not synced, errno %d", path, errno);
	if (fd >= 0)
		close(fd);
	free(path);
}

void control_remove(const struct fs_ops *fs, int dirfd, const char *name, const char *path)
{
	struct control c;
	enum control_kind kind = control_read(fs, dirfd, name, &c);
	char *file = xasprintf("%s" CONTROL_SUFFIX, name);

	if ((kind == CONTROL_OK || kind == CONTROL_DAMAGED) && c.aria2_made_it) {
		if (fs->unlinkat(dirfd, file, 0) == 0)
			log_info(DISK, "removed the control file %s" CONTROL_SUFFIX, path);
		else if (errno != ENOENT)
			log_warn(DISK, "%s" CONTROL_SUFFIX " can't be removed: errno %d", path, errno);
	}
	ranges_free(&c.have);
	free(file);
}

static void remove_holes(const struct fs_ops *fs, int fd, int64_t size, struct ranges *have)
{
	int64_t at = 0;

	for (int n = 0; at < size; n++) {
		int64_t hole = fs->lseek(fd, at, SEEK_HOLE), data;

		if (hole < 0 || hole >= size) /* not known here, or none */
			return;
		data = n < HOLES_MAX ? fs->lseek(fd, hole, SEEK_DATA) : -1;
		if (data <= hole)
			data = size;
		ranges_remove(have, hole, data);
		at = data;
	}
}

void control_believe(const struct fs_ops *fs, int fd, int64_t size, struct ranges *have)
{
	ranges_remove(have, size, INT64_MAX);
	remove_holes(fs, fd, size, have);
}
