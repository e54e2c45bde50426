/* SPDX-License-Identifier: MIT
 * The journal's file: a header of 256 bytes, then slots of 32 bytes in native byte order (it never leaves this boot of
 * this machine), so that none lies across two pages and a write of one is whole or not at all, whenever the process is
 * killed. A free slot is all zero; another counts when its checksum is right. Slots are never used twice in one run;
 * opening merges what they prove and writes a new file beside the old one, so at no moment is there less than before.
 */
#include "disk/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/log.h"
#include "base/str.h"
#include "disk/fs.h"

#define MAGIC	   "hauljrnl"
#define VERSION	   3
#define HEAD_SIZE  256
#define MAX_FILE   ((size_t)HEAD_SIZE + JOURNAL_SLOTS * sizeof(struct slot))
#define FINISHED   0x7fe2b3c4d5a69781u /* of the head: no other value counts */
#define MAX_PROVEN (JOURNAL_SLOTS / 2) /* ranges taken over at most, so that there is room for new ones */

struct slot {
	int64_t start;
	int64_t end;
	uint64_t sum; /* slot_sum of these two, and of the file they speak of */
	uint64_t zero;
};
_Static_assert(HEAD_SIZE % sizeof(struct slot) == 0 && 4096 % sizeof(struct slot) == 0, "no slot lies across pages");

/* What makes a data file the same one. */
struct identity {
	char boot[FS_BOOT_ID_LEN];
	uint64_t dev;
	uint64_t mount;
	uint64_t ino;
	int64_t birth_sec; /* 0 on file systems that don't know it */
	uint64_t birth_nsec;
	uint64_t disk; /* numbers of devices and mounts are used again */
};

/* Written once, but for `finished`, which the checksum leaves out. */
struct head {
	char magic[8];
	uint32_t version;
	uint32_t crc; /* of the identity */
	struct identity id;
	uint64_t finished;
	char pad[HEAD_SIZE - 16 - sizeof(struct identity) - 8];
};
_Static_assert(sizeof(struct head) == HEAD_SIZE, "slots begin behind the header");

struct journal {
	const struct fs_ops *fs;
	char *path;
	int fd;
	atomic_bool unlinked;
	bool synced;	 /* the file and its name: what changes in place needs no more than fdatasync */
	uint32_t crc;	 /* of the data file's identity */
	atomic_int next; /* first free slot */
};

static int identify(const struct fs_ops *fs, int fd, struct identity *ret)
{
	struct statx st;
	struct file_id id;

	memset(ret, 0, sizeof(*ret));
	if (fs->statx(fd, "", AT_EMPTY_PATH, FS_ID_MASK | STATX_MNT_ID, &st) < 0)
		return -1;
	id = fs_id_of(fs, fd, &st);
	ret->dev = (uint64_t)st.stx_dev_major << 32 | st.stx_dev_minor;
	ret->disk = fs->disk_seq(st.stx_dev_major, st.stx_dev_minor);
	ret->ino = id.ino;
	ret->birth_sec = id.birth_sec;
	ret->birth_nsec = id.birth_nsec;
	if (st.stx_mask & STATX_MNT_ID)
		ret->mount = st.stx_mnt_id;
	return fs->boot_id(ret->boot);
}

static uint32_t checksum(const struct identity *id)
{
	return (uint32_t)crc32(0, (const Bytef *)id, sizeof(*id));
}

static uint64_t slot_sum(uint32_t id_crc, int64_t start, int64_t end)
{
	uint64_t v[2] = {(uint64_t)start, (uint64_t)end};

	return (uint64_t)id_crc << 32 | crc32(0, (const Bytef *)v, sizeof(v));
}

static struct slot slot_of(uint32_t id_crc, int64_t start, int64_t end)
{
	return (struct slot){.start = start, .end = end, .sum = slot_sum(id_crc, start, end)};
}

static bool slot_ok(const struct slot *s, uint32_t id_crc)
{
	return s->sum == slot_sum(id_crc, s->start, s->end) && s->zero == 0 && s->start >= 0 && s->start < s->end;
}

/* NULL, or what is wrong with the first n bytes of a journal. */
static const char *head_fault(const struct head *h, ssize_t n)
{
	if (n < HEAD_SIZE || memcmp(h->magic, MAGIC, sizeof(h->magic)) != 0)
		return "damaged";
	if (h->version != VERSION)
		return "of another version of hauld, or damaged";
	return h->crc == checksum(&h->id) ? NULL : "damaged";
}

/* As read_file: *ret_n bytes were read (-1: it can't be a journal) of what may be one. */
static char *read_text(const struct fs_ops *fs, int fd, ssize_t *ret_n, int *ret_err)
{
	struct stat st;
	char *text;

	*ret_n = -1;
	*ret_err = fs->fstat(fd, &st) < 0 ? errno : 0;
	if (*ret_err || !S_ISREG(st.st_mode) || st.st_size < HEAD_SIZE || st.st_size > (off_t)MAX_FILE)
		return NULL;
	text = xmalloc((size_t)st.st_size);
	*ret_n = fs_pread_all(fs, fd, text, (size_t)st.st_size, 0);
	*ret_err = *ret_n < 0 ? errno : 0;
	return text;
}

/* The whole file in memory, *ret_len bytes; NULL when there is none or it is no journal, or, with *ret_err = errno, it can't be
 * read now. */
static char *read_file(const struct fs_ops *fs, const char *path, size_t *ret_len, int *ret_err)
{
	int fd = fs->openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0);
	const char *fault;
	char *text;
	ssize_t n;

	*ret_err = fd < 0 && errno != ENOENT && errno != ENOTDIR && errno != ELOOP ? errno : 0;
	if (fd < 0)
		return NULL;
	text = read_text(fs, fd, &n, ret_err);
	close(fd);
	fault = *ret_err ? "not readable" : head_fault((const struct head *)(const void *)text, n);
	if (fault) {
		log_warn(DISK, "%s is %s: not believed", path, fault);
		free(text);
		return NULL;
	}
	*ret_len = (size_t)n;
	return text;
}

/* Returns how many are damaged: they prove nothing. */
static size_t add_slots(const char *text, size_t len, uint32_t id_crc, int64_t limit, struct ranges *ret)
{
	static const struct slot unused;
	struct slot s;
	size_t bad = 0;

	for (size_t at = HEAD_SIZE; at + sizeof(s) <= len; at += sizeof(s)) {
		memcpy(&s, text + at, sizeof(s));
		if (!slot_ok(&s, id_crc))
			bad += memcmp(&s, &unused, sizeof(s)) != 0;
		else if (s.start < limit)
			ranges_add(ret, s.start, s.end < limit ? s.end : limit);
	}
	return bad;
}

static void read_proof(
	const struct fs_ops *fs, const char *path, int data_fd, const struct identity *id, struct ranges *ret)
{
	struct stat st;
	size_t len = 0, bad = 0;
	int cause;
	char *text = read_file(fs, path, &len, &cause);

	if (!text)
		return;
	if (memcmp(&((const struct head *)(const void *)text)->id, id, sizeof(*id)) != 0)
		log_notice(DISK, "%s is of another boot or file: not believed", path);
	else if (fs->fstat(data_fd, &st) == 0)
		bad = add_slots(text, len, checksum(id), st.st_size, ret);
	if (bad > 0)
		log_warn(DISK, "%s is damaged: %zu of its claims are not believed", path, bad);
	free(text);
}

static int write_slots(const struct fs_ops *fs, int fd, uint32_t id_crc, const struct ranges *proof, size_t n)
{
	struct slot *all = xcalloc(n, sizeof(*all));
	int r;

	for (size_t i = 0; i < n; i++)
		all[i] = slot_of(id_crc, proof->v[i].start, proof->v[i].end);
	r = fs_pwrite_all(fs, fd, all, n * sizeof(*all), HEAD_SIZE);
	free(all);
	return r;
}

static int write_new(
	const struct fs_ops *fs, const char *tmp, const struct identity *id, const struct ranges *proof, size_t n)
{
	struct head h = {.magic = MAGIC, .version = VERSION, .crc = checksum(id), .id = *id};
	int fd = fs->openat(AT_FDCWD, tmp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int cause;

	if (fd < 0)
		return -1;
	if (fs_pwrite_all(fs, fd, &h, sizeof(h), 0) == 0 &&
		(n == 0 || write_slots(fs, fd, h.crc, proof, n) == 0))
		return fd;
	cause = errno;
	close(fd);
	fs->unlinkat(AT_FDCWD, tmp, 0);
	errno = cause;
	return -1;
}

static void make_folder(const struct fs_ops *fs, const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash && slash > path) {
		char *dir = xstrndup(path, (size_t)(slash - path));
		fs->mkdirat(AT_FDCWD, dir, 0700); /* when this fails, so will the open, with a better reason */
		free(dir);
	}
}

/* Write the file anew and put it in place of the old one: its descriptor, or -1 and errno. */
static int replace_file(
	const struct fs_ops *fs, const char *path, const struct identity *id, const struct ranges *proof, size_t n)
{
	char *tmp = xasprintf("%s.new", path);
	int fd, cause;

	make_folder(fs, path);
	fs->unlinkat(AT_FDCWD, tmp, 0); /* left by a process that was killed */
	fd = write_new(fs, tmp, id, proof, n);
	if (fd >= 0 && fs->renameat2(AT_FDCWD, tmp, AT_FDCWD, path, 0) < 0) {
		cause = errno;
		close(fd);
		fs->unlinkat(AT_FDCWD, tmp, 0);
		errno = cause;
		fd = -1;
	}
	free(tmp);
	return fd;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

int journal_open(const struct fs_ops *fs, const char *path, int data_fd, struct ranges *ret_have, struct journal **ret)
{
	struct identity id;
	struct ranges proof;
	struct journal *j;
	size_t n;
	int fd = -1;

	if (!fs)
		fs = &fs_real;
	ranges_init(&proof);
	if (identify(fs, data_fd, &id) == 0) {
		read_proof(fs, path, data_fd, &id, &proof);
		n = least(proof.n, MAX_PROVEN);
		fd = replace_file(fs, path, &id, &proof, n);
	}
	/* What was proven holds, whether or not the new file could be written. */
	for (size_t i = 0; i < proof.n; i++)
		ranges_add(ret_have, proof.v[i].start, proof.v[i].end);
	n = least(proof.n, MAX_PROVEN);
	ranges_free(&proof);
	if (fd < 0) {
		fs->unlinkat(AT_FDCWD, path, 0); /* it would not learn when bytes go away again */
		return ERR_IO;
	}
	j = xcalloc(1, sizeof(*j));
	j->fs = fs;
	j->path = xstrdup(path);
	j->fd = fd;
	j->crc = checksum(&id);
	atomic_init(&j->next, (int)n);
	*ret = j;
	return 0;
}

int journal_remove(const struct fs_ops *fs, const char *path)
{
	if (fs->unlinkat(AT_FDCWD, path, 0) == 0 || errno == ENOENT)
		return 0;
	log_warn(DISK, "%s can't be removed: errno %d", path, errno);
	return -1;
}

void journal_unlink(struct journal *j)
{
	if (j && !atomic_exchange(&j->unlinked, true))
		journal_remove(j->fs, j->path);
}

void journal_close(struct journal *j, bool unlink)
{
	if (!j)
		return;
	if (unlink)
		journal_unlink(j);
	close(j->fd);
	free(j->path);
	free(j);
}

void journal_sync(struct journal *j)
{
	if (j && !j->synced)
		j->synced = j->fs->fsync(j->fd) == 0;
	else if (j)
		j->fs->fdatasync(j->fd);
}

void journal_set_finished(struct journal *j)
{
	static const uint64_t yes = FINISHED;

	if (j && fs_pwrite_all(j->fs, j->fd, &yes, sizeof(yes), offsetof(struct head, finished)) == 0)
		journal_sync(j); /* without it a power cut costs a look at the server, no byte */
}

/* 1, 0; -1 and errno: it can't be seen now. */
static int same_file(const struct head *h, const struct fs_ops *fs, int data_fd)
{
	struct identity id;

	if (identify(fs, data_fd, &id) < 0)
		return -1;
	return h->id.ino == id.ino && h->id.birth_sec == id.birth_sec && h->id.birth_nsec == id.birth_nsec &&
	       (id.birth_sec || strcmp(h->id.boot, id.boot) == 0);
}

static int journal_says(const struct fs_ops *fs, const char *path, int data_fd, bool finished)
{
	size_t len;
	int cause, yes = 0;
	char *text = read_file(fs, path, &len, &cause);
	const struct head *h = (const struct head *)(const void *)text;

	if (text && (!finished || h->finished == FINISHED)) {
		yes = same_file(h, fs, data_fd);
		cause = yes < 0 ? errno : 0;
	}
	free(text);
	errno = cause;
	return cause ? -1 : yes;
}

int journal_is_finished(const struct fs_ops *fs, const char *path, int data_fd)
{
	return journal_says(fs, path, data_fd, true);
}

int journal_is_of(const struct fs_ops *fs, const char *path, int data_fd)
{
	return journal_says(fs, path, data_fd, false);
}

static int64_t slot_off(int slot)
{
	return HEAD_SIZE + (int64_t)slot * (int64_t)sizeof(struct slot);
}

static bool write_slot(const struct journal *j, int slot, const struct slot *s)
{
	return fs_pwrite_all(j->fs, j->fd, s, sizeof(*s), slot_off(slot)) == 0;
}

void journal_cut(struct journal *j, int64_t n)
{
	int used = j ? (int)least((size_t)atomic_load(&j->next), JOURNAL_SLOTS) : 0;

	for (int i = 0; i < used; i++) {
		struct slot s = {0}; /* of one that says nothing yet, the file is too short to have it */
		bool ok = fs_pread_all(j->fs, j->fd, &s, sizeof(s), slot_off(i)) >= 0;
		if (ok && s.end > n) {
			s = s.start < n ? slot_of(j->crc, s.start, n) : (struct slot){0};
			ok = write_slot(j, i, &s);
		}
		if (!ok) /* it would be believed later */
			journal_unlink(j);
	}
}

int journal_slot_get(struct journal *j)
{
	int slot;

	if (!j || atomic_load(&j->next) >= JOURNAL_SLOTS)
		return -1;
	slot = atomic_fetch_add(&j->next, 1);
	return slot < JOURNAL_SLOTS ? slot : -1;
}

void journal_slot_move(struct journal *j, int slot, int64_t start, int64_t end)
{
	struct slot s;

	if (!j || slot < 0)
		return;
	s = slot_of(j->crc, start, end);
	if (!write_slot(j, slot, &s))
		log_debug(DISK, "%s: progress not journaled, errno %d", j->path, errno);
}
