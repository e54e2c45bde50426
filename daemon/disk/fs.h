/* SPDX-License-Identifier: MIT
 * struct fs_ops: the system calls that disk/ makes, as a table, so that a test can make the n-th one fail, be short or
 * be slow. Each behaves as its namesake: -1 and errno on failure. Pool threads.
 */
#ifndef HAUL_DISK_FS_H
#define HAUL_DISK_FS_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/err.h"

#define FS_BOOT_ID_LEN 40

struct fs_ops {
	int (*openat)(int dirfd, const char *path, int flags, mode_t mode);
	/* openat2 (Linux 5.6), RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS: EXDEV when a link leads out of dirfd; a race with a
	 * rename is tried again. ENOSYS: a kernel without it. */
	int (*open_beneath)(int dirfd, const char *path, int flags);
	ssize_t (*readlinkat)(int dirfd, const char *path, char *ret, size_t size);
	int (*mkdirat)(int dirfd, const char *path, mode_t mode);
	int (*fstat)(int fd, struct stat *ret);
	int (*fstatat)(int dirfd, const char *path, struct stat *ret, int flags);
	int (*statx)(int dirfd, const char *path, int flags, unsigned mask, struct statx *ret);
	int (*fstatvfs)(int fd, struct statvfs *ret);
	int (*fs_magic)(int fd, unsigned long *ret); /* f_type of fstatfs */
	int (*flock)(int fd, int op);
	ssize_t (*pread)(int fd, void *p, size_t n, off_t off);
	ssize_t (*pwrite)(int fd, const void *p, size_t n, off_t off);
	ssize_t (*pwritev)(int fd, const struct iovec *v, int n, off_t off);
	/* From a pipe (which is not waited for: EAGAIN) into the file at *off, which moves on. */
	ssize_t (*splice)(int pipe, int fd, off_t *off, size_t n);
	ssize_t (*read)(int fd, void *p, size_t n);
	int (*fallocate)(int fd, int mode, off_t off, off_t len);
	int (*ftruncate)(int fd, off_t len);
	int (*sync_file_range)(int fd, off_t off, off_t len, unsigned flags);
	int (*fdatasync)(int fd);
	int (*fsync)(int fd);
	int (*futimens)(int fd, const struct timespec t[2]);
	int (*renameat2)(int fromfd, const char *from, int tofd, const char *to, unsigned flags);
	int (*linkat)(int fromfd, const char *from, int tofd, const char *to, int flags);
	int (*unlinkat)(int dirfd, const char *path, int flags);
	off_t (*lseek)(int fd, off_t off, int whence);
	/* fcntl F_SETLEASE; who breaks it in between is waited for in the kernel, and no signal ends us. */
	int (*set_lease)(int fd, int kind);
	/* The text that names this boot of the machine, NUL-terminated. */
	int (*boot_id)(char ret[FS_BOOT_ID_LEN]);
	/* Which disk a device number means now: one that is unplugged and plugged in again, or a loop device that is set up anew,
	 * gets another number (Linux 5.15). 0: not known, or no disk. */
	uint64_t (*disk_seq)(unsigned major, unsigned minor);
};

extern const struct fs_ops fs_real;

/* errno `cause` as an error about path: ENOSPC and EDQUOT give ERR_NO_SPACE, EFBIG ERR_TOO_LARGE, all else `code`. Text
 * "WHAT PATH, cause: ...". Returns the code. Any thread. */
int fs_fail(struct fail *f, int code, const char *what, const char *path, int cause);

/* All n bytes at off, whatever short writes and signals come in between. 0, or -1 and errno. */
int fs_pwrite_all(const struct fs_ops *fs, int fd, const void *p, size_t n, int64_t off);
/* As many of n bytes as the file has at off; -1 and errno. */
ssize_t fs_pread_all(const struct fs_ops *fs, int fd, void *p, size_t n, int64_t off);

/* Rename inside one folder without ever replacing: -1 and EEXIST when `to` is there. File systems that know no
 * RENAME_NOREPLACE get link and unlink, and those without links a look before the rename. */
int fs_rename_new(const struct fs_ops *fs, int dirfd, const char *from, const char *to);

/* NAME in dirfd is this very open file: 1, 0; -1 and errno: that can't be seen now. */
int fs_same(const struct fs_ops *fs, int fd, int dirfd, const char *name);
/* The same, where who can't see takes it for another file. */
bool fs_is_same(const struct fs_ops *fs, int fd, int dirfd, const char *name);

/* Tells a file from any other that ever has its name, also on another boot. */
struct file_id {
	uint64_t ino; /* 0 on FAT and exFAT, where an inode gets a new number whenever it is read from the disk */
	int64_t birth_sec; /* both 0 on file systems that don't know it: then a number may be used again */
	uint32_t birth_nsec;
};

#define FS_ID_MASK (STATX_INO | STATX_BTIME) /* what fs_id_of needs in st */

/* Of an open file: 0, or -1 and errno. */
int fs_identify(const struct fs_ops *fs, int fd, struct file_id *ret);
/* The same for who has asked statx of fd already. */
struct file_id fs_id_of(const struct fs_ops *fs, int fd, const struct statx *st);
bool file_id_same(const struct file_id *a, const struct file_id *b);

/* fd is open for reading: does anybody have the file open for writing? The kernel grants a read lease only where nobody does.
 * false also where leases are not known, or the file is another user's. */
bool fs_has_writer(const struct fs_ops *fs, int fd);

#endif
