/* SPDX-License-Identifier: MIT
 * The real system calls, and the few loops around them that everybody needs.
 */
#include "disk/fs.h"

#include <errno.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/str.h"

#define EXFAT_MAGIC   0x2011bab0 /* not in linux/magic.h of old headers */
#define BENEATH_TRIES 64 /* somebody may rename folders all the time */
#define PATH_SHOWN 200 /* bytes of a path in a message */

static int real_openat(int dirfd, const char *path, int flags, mode_t mode)
{
	return openat(dirfd, path, flags, mode);
}

static int real_open_beneath(int dirfd, const char *path, int flags)
{
	struct open_how how = {.flags = (unsigned)flags,
		.resolve = (uint64_t)RESOLVE_BENEATH | (uint64_t)RESOLVE_NO_MAGICLINKS};
	long fd = -1;

	errno = EAGAIN;
	for (int i = 0; i < BENEATH_TRIES && fd < 0 && (errno == EAGAIN || errno == EINTR); i++)
		fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
	return (int)fd;
}

static int real_fs_magic(int fd, unsigned long *ret)
{
	struct statfs st;
	int r = fstatfs(fd, &st);

	if (r == 0)
		*ret = (unsigned long)st.f_type;
	return r;
}

/* The first line of a file of the kernel's, cut to size - 1 bytes: 0, or -1 and errno. */
static int read_line(const char *path, char *ret, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	ssize_t n = read(fd, ret, size - 1);
	int cause = n < 0 ? errno : EIO;
	close(fd);
	if (n <= 0) {
		errno = cause;
		return -1;
	}
	ret[n] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
	return 0;
}

static int real_boot_id(char ret[FS_BOOT_ID_LEN])
{
	return read_line("/proc/sys/kernel/random/boot_id", ret, FS_BOOT_ID_LEN);
}

static uint64_t real_disk_seq(unsigned major, unsigned minor)
{
	static const char *const places[] = {"", "../"}; /* of a disk, of a partition */
	char path[80], line[24];
	uint64_t n;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%sdiskseq", major, minor, places[i]);
		if (read_line(path, line, sizeof(line)) == 0 && str_to_u64(line, strlen(line), &n) == 0)
			return n;
	}
	return 0;
}

static int real_set_lease(int fd, int kind)
{
	/* The signal of a broken lease would be SIGIO, which ends a process. */
	return fcntl(fd, F_SETSIG, SIGURG) < 0 ? -1 : fcntl(fd, F_SETLEASE, kind);
}

static ssize_t real_splice(int pipe, int fd, off_t *off, size_t n)
{
	return splice(pipe, NULL, fd, off, n, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
}

const struct fs_ops fs_real = {
	.openat = real_openat,
	.open_beneath = real_open_beneath,
	.readlinkat = readlinkat,
	.mkdirat = mkdirat,
	.fstat = fstat,
	.fstatat = fstatat,
	.statx = statx,
	.fstatvfs = fstatvfs,
	.fs_magic = real_fs_magic,
	.flock = flock,
	.pread = pread,
	.pwrite = pwrite,
	.pwritev = pwritev,
	.splice = real_splice,
	.read = read,
	.fallocate = fallocate,
	.ftruncate = ftruncate,
	.sync_file_range = sync_file_range,
	.fdatasync = fdatasync,
	.fsync = fsync,
	.futimens = futimens,
	.renameat2 = renameat2,
	.linkat = linkat,
	.unlinkat = unlinkat,
	.lseek = lseek,
	.set_lease = real_set_lease,
	.boot_id = real_boot_id,
	.disk_seq = real_disk_seq,
};

int fs_fail(struct fail *f, int code, const char *what, const char *path, int cause)
{
	size_t len = strlen(path);
	char buf[128];
	const char *why = strerror_r(cause, buf, sizeof(buf));

	if (cause == ENOSPC || cause == EDQUOT)
		code = ERR_NO_SPACE;
	else if (cause == EFBIG)
		code = ERR_TOO_LARGE;
	if (len <= PATH_SHOWN) /* longer, and it would push the cause out of the text */
		return fail_set(f, code, "%s %s, cause: %s", what, path, why);
	return fail_set(f, code, "%s %.*s...%s, cause: %s", what, PATH_SHOWN / 2, path, path + len - PATH_SHOWN / 2,
		why);
}

int fs_pwrite_all(const struct fs_ops *fs, int fd, const void *p, size_t n, int64_t off)
{
	const char *at = p;

	while (n > 0) {
		ssize_t w = fs->pwrite(fd, at, n, off);
		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0) {
			errno = w < 0 ? errno : EIO;
			return -1;
		}
		at += w;
		n -= (size_t)w;
		off += w;
	}
	return 0;
}

ssize_t fs_pread_all(const struct fs_ops *fs, int fd, void *p, size_t n, int64_t off)
{
	size_t got = 0;

	while (got < n) {
		ssize_t r = fs->pread(fd, (char *)p + got, n - got, off + (int64_t)got);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -1;
		if (r == 0)
			break;
		got += (size_t)r;
	}
	return (ssize_t)got;
}

static int rename_after_look(const struct fs_ops *fs, int dirfd, const char *from, const char *to)
{
	struct stat st;

	if (fs->fstatat(dirfd, to, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		return -1;
	}
	return errno == ENOENT ? fs->renameat2(dirfd, from, dirfd, to, 0) : -1;
}

int fs_rename_new(const struct fs_ops *fs, int dirfd, const char *from, const char *to)
{
	if (fs->renameat2(dirfd, from, dirfd, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
		return -1;
	if (fs->linkat(dirfd, from, dirfd, to, 0) == 0)
		return fs->unlinkat(dirfd, from, 0);
	if (errno != EPERM && errno != ENOSYS && errno != EOPNOTSUPP)
		return -1;
	return rename_after_look(fs, dirfd, from, to);
}

int fs_same(const struct fs_ops *fs, int fd, int dirfd, const char *name)
{
	struct stat a, b;

	if (fs->fstat(fd, &a) < 0)
		return -1;
	if (fs->fstatat(dirfd, name, &b, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -1;
	return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

bool fs_is_same(const struct fs_ops *fs, int fd, int dirfd, const char *name)
{
	return fs_same(fs, fd, dirfd, name) > 0;
}

struct file_id fs_id_of(const struct fs_ops *fs, int fd, const struct statx *st)
{
	unsigned long magic;

	if (!(st->stx_mask & STATX_BTIME))
		return (struct file_id){.ino = st->stx_ino};
	if (fs->fs_magic(fd, &magic) < 0)
		magic = 0;
	return (struct file_id){.ino = magic == MSDOS_SUPER_MAGIC || magic == EXFAT_MAGIC ? 0 : st->stx_ino,
		.birth_sec = st->stx_btime.tv_sec,
		.birth_nsec = st->stx_btime.tv_nsec};
}

int fs_identify(const struct fs_ops *fs, int fd, struct file_id *ret)
{
	struct statx st;

	if (fs->statx(fd, "", AT_EMPTY_PATH, FS_ID_MASK, &st) < 0)
		return -1;
	*ret = fs_id_of(fs, fd, &st);
	return 0;
}

bool file_id_same(const struct file_id *a, const struct file_id *b)
{
	return a->ino == b->ino && a->birth_sec == b->birth_sec && a->birth_nsec == b->birth_nsec;
}

bool fs_has_writer(const struct fs_ops *fs, int fd)
{
	if (fs->set_lease(fd, F_RDLCK) < 0)
		return errno == EAGAIN;
	fs->set_lease(fd, F_UNLCK);
	return false;
}
