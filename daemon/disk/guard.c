/* SPDX-License-Identifier: MIT
 * What other programs did to our file.
 */
#include "disk/guard.h"

#include <errno.h>
#include <linux/magic.h>
#include <unistd.h>

#include "disk/fs.h"

#define XFS_MAGIC 0x58465342 /* not in linux/magic.h of old headers */
#define ZFS_MAGIC 0x2fc12fc1

#define ADVICE "; what is there of it does not count any more"

/* times: mtime changes in the call that changes the file, and not again at write-back (as that of network file systems may).
 * holes: what was written is no hole, also when it was zeros. */
static const struct {
	unsigned long magic;
	bool times, holes;
} kinds[] = {
	{EXT4_SUPER_MAGIC, true, true},
	{XFS_MAGIC, true, true},
	{BTRFS_SUPER_MAGIC, true, true},
	{TMPFS_MAGIC, true, true},
	{F2FS_SUPER_MAGIC, true, false},
	{OVERLAYFS_SUPER_MAGIC, true, false},
	{ZFS_MAGIC, true, false},
};

static void ask_kind(struct guard *g, const struct fs_ops *fs, int fd, const struct stat *st)
{
	unsigned long magic;

	g->links = st->st_nlink > 0;
	if (fs->fs_magic(fd, &magic) < 0)
		return;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (kinds[i].magic != magic)
			continue;
		g->times = kinds[i].times;
		g->holes = kinds[i].holes;
	}
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

void guard_note(struct guard *g, const struct fs_ops *fs, int fd)
{
	struct stat st;

	if (fs->fstat(fd, &st) < 0) {
		g->set = false;
		return;
	}
	if (!g->set)
		ask_kind(g, fs, fd, &st);
	g->set = true;
	g->size = st.st_size;
	g->mtime = st.st_mtim;
}

int guard_check(const struct guard *g, const struct fs_ops *fs, int fd, const char *path, struct fail *f)
{
	struct stat st;

	if (!g->set)
		return 0;
	if (fs->fstat(fd, &st) < 0)
		return fs_fail(f, ERR_IO, "Failed to look at the file", path, errno);
	if (g->links && st.st_nlink == 0)
		return fail_set(f, ERR_FOREIGN, "%s.part was removed by another program while it was downloaded", path);
	if (st.st_size != g->size)
		return fail_set(f, ERR_FOREIGN,
			"%s.part was changed from %lld to %lld bytes by another program while it was downloaded" ADVICE, path,
			(long long)g->size, (long long)st.st_size);
	if (g->times && !same_time(&st.st_mtim, &g->mtime))
		return fail_set(f, ERR_FOREIGN, "%s.part was written by another program while it was downloaded" ADVICE, path);
	return 0;
}

int guard_check_whole(
	const struct guard *g, const struct fs_ops *fs, int fd, int64_t size, const char *path, struct fail *f)
{
	off_t hole = g->set && g->holes ? fs->lseek(fd, 0, SEEK_HOLE) : -1;

	if (hole < 0 || hole >= size)
		return 0;
	return fail_set(f, ERR_FOREIGN,
		"%s.part lacks bytes from %lld on that had been written: another program has cut it" ADVICE, path,
		(long long)hole);
}
