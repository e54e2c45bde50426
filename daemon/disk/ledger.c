/* SPDX-License-Identifier: MIT
 * The ledger's file: slots of 64 bytes in native byte order, each with a checksum, so that none lies across two pages. What a
 * slot says counts until another job gets it; entries of jobs that have ended mean nothing.
 */
#include "disk/ledger.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uthash.h>
#include <zlib.h>

#include "base/durable.h"
#include "base/log.h"
#include "base/str.h"
#include "disk/fs.h"

#define MAGIC 0x3172676c6c756168u /* "haullgr1" */

struct slot {
	uint64_t magic;
	uint64_t gid;
	uint64_t ino;
	int64_t birth_sec;
	uint64_t birth_nsec;
	uint64_t mark;
	uint64_t pad;
	uint64_t crc; /* of all before it */
};
_Static_assert(sizeof(struct slot) == 64, "no slot lies across pages");

struct entry {
	uint64_t gid; /* key */
	int slot;
	bool known; /* id, and the mark with which it was told */
	uint64_t mark;
	struct file_id id;
	UT_hash_handle hh;
};

struct ledger {
	const struct fs_ops *fs; /* these two are const after open */
	int fd;
	struct entry *by_gid;
	int free[LEDGER_SLOTS]; /* a stack of slots that nobody has */
	int nfree;
};

static uint64_t slot_crc(const struct slot *s)
{
	return crc32(0, (const Bytef *)s, offsetof(struct slot, crc));
}

static struct entry *find(const struct ledger *l, uint64_t gid)
{
	struct entry *e;

	HASH_FIND(hh, l->by_gid, &gid, sizeof(gid), e);
	return e;
}

static struct entry *add(struct ledger *l, uint64_t gid, int slot)
{
	struct entry *e = xcalloc(1, sizeof(*e));

	e->gid = gid;
	e->slot = slot;
	HASH_ADD(hh, l->by_gid, gid, sizeof(e->gid), e);
	return e;
}

static void drop(struct ledger *l, struct entry *e)
{
	l->free[l->nfree++] = e->slot;
	HASH_DEL(l->by_gid, e);
	free(e);
}

static bool is_entry(const struct slot *s)
{
	return s->magic == MAGIC && s->crc == slot_crc(s) && s->gid != 0;
}

static void take_entry(struct ledger *l, int slot, const struct slot *s)
{
	struct entry *e = add(l, s->gid, slot);

	e->id = (struct file_id){.ino = s->ino, .birth_sec = s->birth_sec, .birth_nsec = (uint32_t)s->birth_nsec};
	e->mark = s->mark;
	e->known = true;
}

/* The lowest slots are used first, so that the file stays as long as it must. */
static void read_slots(struct ledger *l)
{
	struct slot *all = xcalloc(LEDGER_SLOTS, sizeof(*all));
	ssize_t n = fs_pread_all(l->fs, l->fd, all, LEDGER_SLOTS * sizeof(*all), 0);
	int read = n > 0 ? (int)((size_t)n / sizeof(*all)) : 0;

	for (int i = LEDGER_SLOTS - 1; i >= 0; i--) {
		if (i < read && is_entry(&all[i]) && find(l, all[i].gid) == NULL)
			take_entry(l, i, &all[i]);
		else
			l->free[l->nfree++] = i;
	}
	free(all);
}

struct ledger *ledger_open(const struct fs_ops *fs, const char *path)
{
	struct ledger *l;
	int fd = fs->openat(AT_FDCWD, path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);

	if (fd < 0) {
		log_warn(DISK, "%s can't be opened (errno %d): small files take more time", path, errno);
		return NULL;
	}
	durable_folder_of(path); /* without its name a power cut takes the file, and costs small files another name */
	l = xcalloc(1, sizeof(*l));
	l->fs = fs;
	l->fd = fd;
	read_slots(l);
	return l;
}

void ledger_close(struct ledger *l)
{
	if (!l)
		return;
	while (l->by_gid)
		drop(l, l->by_gid);
	close(l->fd);
	free(l);
}

int ledger_take(struct ledger *l, uint64_t gid)
{
	struct entry *e = find(l, gid);

	if (!e && l->nfree > 0)
		e = add(l, gid, l->free[--l->nfree]);
	return e ? e->slot : -1;
}

void ledger_give(struct ledger *l, uint64_t gid)
{
	struct entry *e = find(l, gid);

	if (e)
		drop(l, e);
}

void ledger_sift(struct ledger *l, bool (*wanted)(void *arg, uint64_t gid), void *arg)
{
	struct entry *e = NULL, *next = NULL;

	HASH_ITER(hh, l->by_gid, e, next)
	{
		if (!wanted(arg, e->gid))
			drop(l, e);
	}
}

bool ledger_find(const struct ledger *l, const struct ledger_job *job, struct file_id *ret)
{
	struct entry *e = find(l, job->gid);
	bool known = e && e->known && e->mark == job->mark;

	if (known)
		*ret = e->id;
	return known;
}

void ledger_know(struct ledger *l, const struct ledger_job *job, const struct file_id *id)
{
	struct entry *e = find(l, job->gid);

	if (!e)
		return;
	e->id = *id;
	e->mark = job->mark;
	e->known = true;
}

int ledger_identify(const struct fs_ops *fs, int fd, struct file_id *ret)
{
	return fs_identify(fs, fd, ret) == 0 && (ret->birth_sec || ret->birth_nsec) ? 0 : -1;
}

int ledger_write(const struct ledger *l, int slot, const struct ledger_job *job, const struct file_id *id)
{
	struct slot s = {.magic = MAGIC,
		.gid = job->gid,
		.ino = id->ino,
		.birth_sec = id->birth_sec,
		.birth_nsec = id->birth_nsec,
		.mark = job->mark};

	s.crc = slot_crc(&s);
	return fs_pwrite_all(l->fs, l->fd, &s, sizeof(s), (int64_t)slot * (int64_t)sizeof(s));
}

int ledger_sync(const struct ledger *l)
{
	return l->fs->fdatasync(l->fd);
}
