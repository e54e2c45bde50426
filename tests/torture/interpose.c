/* SPDX-License-Identifier: MIT
 * A library to preload (LD_PRELOAD): counts the calls of each kind and fails the one it is told to. It is ruled through a file
 * that both sides map (HAUL_TORTURE names it; struct ctl, driver.py knows its layout), so that a running program can be armed.
 * It works in a plain program and in one with AddressSanitizer (verify_asan_link_order=0).
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <netdb.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAGIC	    0x74726f75u
#define PATH_LEN    128
#define DEPTH	    10 /* frames that tell one caller from another */
#define FRAMES	    24
#define TRACE_MAX   (1u << 18)
#define MODULES_MAX 64
#define SHORT	    (-1) /* ctl.err: not an error, but half of what was asked */
#define HANG	    (-2) /* getaddrinfo: never returns */

enum kind { K_ALLOC, K_MAP, K_WRITE, K_SYNC, K_SPACE, K_NAME, K_OPEN, K_SOCKET, K_ACCEPT, K_POLL, K_DNS, K_THREAD, K_READ, K_SPLICE, K_COUNT };

/* driver.py: CTL. */
struct ctl {
	uint32_t magic;
	_Atomic uint32_t armed;	      /* 1 + kind; 0: nothing is failed or counted */
	_Atomic uint64_t left;	      /* so many fitting calls pass before one fails */
	_Atomic uint64_t site;	      /* only calls from this place (as traced) fit; 0: all */
	_Atomic int32_t err;	      /* errno, or SHORT */
	_Atomic uint32_t times;	      /* so many calls fail in a row */
	char path[PATH_LEN];	      /* only files whose path has this in it; "": all */
	_Atomic uint32_t trace;	      /* note the place of each fitting call */
	_Atomic uint32_t n_trace;
	_Atomic uint64_t count;	      /* fitting calls since armed */
	_Atomic uint64_t failed;
	char what[32];		      /* the function that failed last */
	uint64_t frames[FRAMES];      /* and its callers: module number << 40 | offset */
	uint64_t traced[TRACE_MAX];
	char modules[MODULES_MAX][PATH_LEN];
};

static struct {
	struct ctl *ctl;
	struct {
		uintptr_t from, to, base;
	} mod[MODULES_MAX];
	int n_mod;
} me;

static __thread int inside __attribute__((tls_model("initial-exec")));

static void *real_of(const char *name)
{
	void *p;

	inside++;
	p = dlsym(RTLD_NEXT, name);
	inside--;
	return p;
}

#define REAL(ret, name, ...) \
	static ret (*real)(__VA_ARGS__); \
	if (real == NULL) \
		real = (ret (*)(__VA_ARGS__))real_of(name)

/* ---- who calls ---- */

static int note_module(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	(void)arg;
	for (int i = 0; i < info->dlpi_phnum && me.n_mod < MODULES_MAX; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];

		if (ph->p_type != PT_LOAD || !(ph->p_flags & PF_X))
			continue;
		me.mod[me.n_mod].base = info->dlpi_addr;
		me.mod[me.n_mod].from = info->dlpi_addr + ph->p_vaddr;
		me.mod[me.n_mod].to = info->dlpi_addr + ph->p_vaddr + ph->p_memsz;
		if (me.ctl != NULL)
			snprintf(me.ctl->modules[me.n_mod], PATH_LEN, "%s", info->dlpi_name[0] ? info->dlpi_name : "hauld");
		me.n_mod++;
	}
	return 0;
}

/* The same in each run of the same program, wherever it was loaded. */
static uint64_t place(void *pc)
{
	uintptr_t a = (uintptr_t)pc;

	for (int i = 0; i < me.n_mod; i++)
		if (a >= me.mod[i].from && a < me.mod[i].to)
			return ((uint64_t)i + 1) << 40 | (a - me.mod[i].base);
	return 1;
}

static int callers(uint64_t *ret)
{
	void *pc[FRAMES + 3];
	int n = backtrace(pc, FRAMES + 3) - 3;

	for (int i = 0; i < n; i++)
		ret[i] = place(pc[i + 3]);
	return n < 0 ? 0 : n;
}

static uint64_t site_of(const uint64_t *frames, int n)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (int i = 0; i < n && i < DEPTH; i++)
		h = (h ^ frames[i]) * 0x100000001b3u;
	return h | 1;
}

/* ---- the judge ---- */

static void report(struct ctl *c, const char *what, const uint64_t *frames, int n)
{
	snprintf(c->what, sizeof(c->what), "%s", what);
	memset(c->frames, 0, sizeof(c->frames));
	memcpy(c->frames, frames, (size_t)n * sizeof(*frames));
	atomic_fetch_add(&c->failed, 1);
}

/* Is it this one's turn? true: *ret_err is what it gets. */
static bool judge(struct ctl *c, const char *what, int *ret_err)
{
	uint64_t frames[FRAMES];
	int n = callers(frames);
	uint64_t site = site_of(frames, n), left;

	if (c->trace) {
		uint32_t i = atomic_fetch_add(&c->n_trace, 1);

		if (i < TRACE_MAX)
			c->traced[i] = site;
	}
	if (c->times == 0 || (c->site != 0 && c->site != site))
		return false;
	left = c->left;
	while (left > 0)
		if (atomic_compare_exchange_weak(&c->left, &left, left - 1))
			return false;
	c->site = 0; /* what follows in a row may come from anywhere */
	if (atomic_fetch_sub(&c->times, 1) == 0) {
		c->times = 0;
		return false;
	}
	report(c, what, frames, n);
	*ret_err = c->err;
	return true;
}

static bool path_fits(const struct ctl *c, int fd, const char *path)
{
	char link[40], buf[512];
	ssize_t n;

	if (c->path[0] == '\0')
		return true;
	if (path != NULL)
		return strstr(path, c->path) != NULL;
	if (fd < 0)
		return false;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, buf, sizeof(buf) - 1);
	buf[n > 0 ? n : 0] = '\0';
	return strstr(buf, c->path) != NULL;
}

/* 0: let it pass; else an errno, or SHORT. */
static int verdict(enum kind k, const char *what, int fd, const char *path)
{
	struct ctl *c = me.ctl;
	int err = 0, saved = errno;

	if (c == NULL || inside > 0 || c->armed != (uint32_t)k + 1)
		return 0;
	inside++;
	if (path_fits(c, fd, path)) {
		atomic_fetch_add(&c->count, 1);
		if (!judge(c, what, &err))
			err = 0;
	}
	inside--;
	errno = saved;
	return err;
}

#define FAIL_IF(kind, fd, path, bad) \
	do { \
		int err_ = verdict(kind, __func__, fd, path); \
		if (err_ > 0) { \
			errno = err_; \
			return bad; \
		} \
	} while (0)

/* What a short call does is said by `less`, a statement. */
#define FAIL_OR_SHORT(kind, fd, less) \
	do { \
		int err_ = verdict(kind, __func__, fd, NULL); \
		if (err_ > 0) { \
			errno = err_; \
			return -1; \
		} \
		if (err_ == SHORT) { \
			less; \
		} \
	} while (0)

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("HAUL_TORTURE");
	void *warm[4];
	int fd;

	inside++;
	backtrace(warm, 4); /* loads what it needs */
	fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
	if (fd >= 0) {
		struct ctl *c = mmap(NULL, sizeof(*c), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

		close(fd);
		if (c != MAP_FAILED && c->magic == MAGIC)
			me.ctl = c;
	}
	dl_iterate_phdr(note_module, NULL);
	unsetenv("LD_PRELOAD"); /* hooks and helpers are left alone */
	inside--;
}

/* ---- memory ---- */

void *malloc(size_t n)
{
	REAL(void *, "malloc", size_t);
	FAIL_IF(K_ALLOC, -1, NULL, NULL);
	return real(n);
}

/* dlsym may ask for memory before there is a real calloc. */
void *calloc(size_t n, size_t size)
{
	static char early[4096];
	static size_t used;
	static void *(*real)(size_t, size_t);
	static int looking;

	if (real == NULL && looking) {
		void *p = early + used;

		used += (n * size + 15) & ~(size_t)15;
		return used <= sizeof(early) ? p : NULL;
	}
	if (real == NULL) {
		looking = 1;
		real = (void *(*)(size_t, size_t))real_of("calloc");
		looking = 0;
	}
	FAIL_IF(K_ALLOC, -1, NULL, NULL);
	return real(n, size);
}

void *realloc(void *p, size_t n)
{
	REAL(void *, "realloc", void *, size_t);
	FAIL_IF(K_ALLOC, -1, NULL, NULL);
	return real(p, n);
}

int posix_memalign(void **ret, size_t align, size_t n)
{
	REAL(int, "posix_memalign", void **, size_t, size_t);
	FAIL_IF(K_ALLOC, -1, NULL, ENOMEM);
	return real(ret, align, n);
}

void *aligned_alloc(size_t align, size_t n)
{
	REAL(void *, "aligned_alloc", size_t, size_t);
	FAIL_IF(K_ALLOC, -1, NULL, NULL);
	return real(align, n);
}

void *mmap(void *at, size_t n, int prot, int flags, int fd, off_t off)
{
	REAL(void *, "mmap", void *, size_t, int, int, int, off_t);
	FAIL_IF(K_MAP, fd, NULL, MAP_FAILED);
	return real(at, n, prot, flags, fd, off);
}

void *mmap64(void *, size_t, int, int, int, off_t) __attribute__((alias("mmap")));

/* ---- files ---- */

#define IOV_MAX_ 64
/* The first half of a vector, copied to `half`. */
static int halve(const struct iovec *v, int n, struct iovec *half)
{
	int i;

	for (i = 0; i < (n + 1) / 2 && i < IOV_MAX_; i++)
		half[i] = v[i];
	if (i == 1 && half[0].iov_len > 1)
		half[0].iov_len /= 2;
	return i;
}

#define HALF(n) ((n) > 1 ? (n) / 2 : (n))

ssize_t write(int fd, const void *p, size_t n)
{
	REAL(ssize_t, "write", int, const void *, size_t);
	FAIL_OR_SHORT(K_WRITE, fd, n = HALF(n));
	return real(fd, p, n);
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t off)
{
	REAL(ssize_t, "pwrite64", int, const void *, size_t, off_t);
	FAIL_OR_SHORT(K_WRITE, fd, n = HALF(n));
	return real(fd, p, n, off);
}

ssize_t writev(int fd, const struct iovec *v, int n)
{
	struct iovec half[IOV_MAX_];
	REAL(ssize_t, "writev", int, const struct iovec *, int);
	FAIL_OR_SHORT(K_WRITE, fd, n = halve(v, n, half); v = half);
	return real(fd, v, n);
}

ssize_t pwritev(int fd, const struct iovec *v, int n, off_t off)
{
	struct iovec half[IOV_MAX_];
	REAL(ssize_t, "pwritev64", int, const struct iovec *, int, off_t);
	FAIL_OR_SHORT(K_WRITE, fd, n = halve(v, n, half); v = half);
	return real(fd, v, n, off);
}

ssize_t splice(int in, off64_t *in_off, int out, off64_t *out_off, size_t n, unsigned flags)
{
	REAL(ssize_t, "splice", int, off64_t *, int, off64_t *, size_t, unsigned);
	FAIL_OR_SHORT(K_SPLICE, in, n = HALF(n));
	return real(in, in_off, out, out_off, n, flags);
}

ssize_t read(int fd, void *p, size_t n)
{
	REAL(ssize_t, "read", int, void *, size_t);
	FAIL_OR_SHORT(K_READ, fd, n = HALF(n));
	return real(fd, p, n);
}

ssize_t pread(int fd, void *p, size_t n, off_t off)
{
	REAL(ssize_t, "pread64", int, void *, size_t, off_t);
	FAIL_OR_SHORT(K_READ, fd, n = HALF(n));
	return real(fd, p, n, off);
}

ssize_t pwrite64(int, const void *, size_t, off_t) __attribute__((alias("pwrite")));
ssize_t pwritev64(int, const struct iovec *, int, off_t) __attribute__((alias("pwritev")));
ssize_t pread64(int, void *, size_t, off_t) __attribute__((alias("pread")));

#define WRAP(kind, ret, name, bad, params, args, fd, path, types...) \
	ret name params \
	{ \
		REAL(ret, #name, types); \
		FAIL_IF(kind, fd, path, bad); \
		return real args; \
	}

WRAP(K_SYNC, int, fsync, -1, (int fd), (fd), fd, NULL, int)
WRAP(K_SYNC, int, fdatasync, -1, (int fd), (fd), fd, NULL, int)
WRAP(K_SPACE, int, fallocate, -1, (int fd, int mode, off_t off, off_t n), (fd, mode, off, n), fd, NULL, int, int, off_t, off_t)
WRAP(K_SPACE, int, ftruncate, -1, (int fd, off_t n), (fd, n), fd, NULL, int, off_t)
int fallocate64(int, int, off_t, off_t) __attribute__((alias("fallocate")));
int ftruncate64(int, off_t) __attribute__((alias("ftruncate")));
WRAP(K_NAME, int, rename, -1, (const char *a, const char *b), (a, b), -1, b, const char *, const char *)
WRAP(K_NAME, int, renameat, -1, (int d, const char *a, int e, const char *b), (d, a, e, b), -1, b, int, const char *, int, const char *)
WRAP(K_NAME, int, renameat2, -1, (int d, const char *a, int e, const char *b, unsigned f), (d, a, e, b, f), -1, b, int, const char *, int,
	const char *, unsigned)
WRAP(K_NAME, int, link, -1, (const char *a, const char *b), (a, b), -1, b, const char *, const char *)
WRAP(K_NAME, int, linkat, -1, (int d, const char *a, int e, const char *b, int f), (d, a, e, b, f), -1, b, int, const char *, int, const char *,
	int)
WRAP(K_NAME, int, unlink, -1, (const char *a), (a), -1, a, const char *)
WRAP(K_NAME, int, unlinkat, -1, (int d, const char *a, int f), (d, a, f), -1, a, int, const char *, int)
WRAP(K_NAME, int, mkdir, -1, (const char *a, mode_t m), (a, m), -1, a, const char *, mode_t)
WRAP(K_NAME, int, mkdirat, -1, (int d, const char *a, mode_t m), (d, a, m), -1, a, int, const char *, mode_t)
WRAP(K_OPEN, DIR *, opendir, NULL, (const char *a), (a), -1, a, const char *)
WRAP(K_OPEN, DIR *, fdopendir, NULL, (int fd), (fd), fd, NULL, int)
WRAP(K_OPEN, FILE *, fopen, NULL, (const char *a, const char *m), (a, m), -1, a, const char *, const char *)
FILE *fopen64(const char *, const char *) __attribute__((alias("fopen")));

static mode_t mode_arg(int flags, va_list ap)
{
	return flags & (O_CREAT | O_TMPFILE) ? (mode_t)va_arg(ap, int) : 0;
}

int open(const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;
	REAL(int, "open64", const char *, int, ...);

	va_start(ap, flags);
	mode = mode_arg(flags, ap);
	va_end(ap);
	FAIL_IF(K_OPEN, -1, path, -1);
	return real(path, flags, mode);
}

int openat(int d, const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;
	REAL(int, "openat64", int, const char *, int, ...);

	va_start(ap, flags);
	mode = mode_arg(flags, ap);
	va_end(ap);
	FAIL_IF(K_OPEN, -1, path, -1);
	return real(d, path, flags, mode);
}

int open64(const char *, int, ...) __attribute__((alias("open")));
int openat64(int, const char *, int, ...) __attribute__((alias("openat")));

/* openat2 has no function of its own in libc. */
long syscall(long nr, ...)
{
	va_list ap;
	long a[6];
	REAL(long, "syscall", long, ...);

	va_start(ap, nr);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (nr == SYS_openat2)
		FAIL_IF(K_OPEN, -1, (const char *)a[1], -1);
	if (nr == SYS_renameat2)
		FAIL_IF(K_NAME, -1, (const char *)a[3], -1);
	return real(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* ---- sockets, polling, names, threads ---- */

WRAP(K_SOCKET, int, socket, -1, (int d, int t, int p), (d, t, p), -1, NULL, int, int, int)
WRAP(K_SOCKET, int, bind, -1, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n), fd, NULL, int, const struct sockaddr *, socklen_t)
WRAP(K_SOCKET, int, listen, -1, (int fd, int n), (fd, n), fd, NULL, int, int)
WRAP(K_SOCKET, int, connect, -1, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n), fd, NULL, int, const struct sockaddr *, socklen_t)
WRAP(K_ACCEPT, int, accept4, -1, (int fd, struct sockaddr *a, socklen_t *n, int f), (fd, a, n, f), fd, NULL, int, struct sockaddr *,
	socklen_t *, int)
WRAP(K_POLL, int, epoll_create1, -1, (int f), (f), -1, NULL, int)
WRAP(K_POLL, int, epoll_ctl, -1, (int e, int op, int fd, struct epoll_event *v), (e, op, fd, v), fd, NULL, int, int, int, struct epoll_event *)
WRAP(K_POLL, int, eventfd, -1, (unsigned n, int f), (n, f), -1, NULL, unsigned, int)
WRAP(K_POLL, int, pipe2, -1, (int fds[2], int f), (fds, f), -1, NULL, int[2], int)

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **ret)
{
	int err;
	REAL(int, "getaddrinfo", const char *, const char *, const struct addrinfo *, struct addrinfo **);

	err = verdict(K_DNS, __func__, -1, NULL);
	while (err == HANG)
		pause();
	if (err > 0) {
		errno = err;
		return err == ENOMEM ? EAI_MEMORY : EAI_SYSTEM;
	}
	return real(node, service, hints, ret);
}

int pthread_create(pthread_t *t, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
	int err;
	REAL(int, "pthread_create", pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

	err = verdict(K_THREAD, __func__, -1, NULL);
	return err > 0 ? err : real(t, attr, fn, arg);
}
