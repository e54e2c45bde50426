/* SPDX-License-Identifier: MIT
 * The reserve is a mapping of its own: given back to the system it helps every thread, whatever arena that allocates from.
 */
#include "base/mem.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"

#define RESERVE (4u << 20)

/* glibc up to 2.40 has freed pieces of at most so many bytes at hand, but not for calloc, which takes the long way. */
#define SMALL 1024

/* Of the process, as the memory is. */
static struct {
	void *_Atomic held;  /* the reserve; NULL: none, or in use */
	atomic_bool wanted;  /* mem_init was called */
	bool told;	     /* loop thread: the log says that memory is short */
} reserve;

static _Noreturn void die_nomem(void)
{
	static const char text[] = "hauld: out of memory\n";

	fwrite(text, 1, sizeof(text) - 1, stderr);
	abort();
}

static bool reserve_take(void)
{
	void *p = mmap(NULL, RESERVE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return false;
	atomic_store(&reserve.held, p);
	return true;
}

static void reserve_give(void)
{
	void *p = atomic_exchange(&reserve.held, NULL);

	if (p != NULL)
		munmap(p, RESERVE);
}

/* Once more after a failure, with the reserve when `size` is worth it: another thread may have given it up just now. */
static bool worth_trying(size_t size, bool any_size)
{
	if (!atomic_load(&reserve.wanted) || (size >= MEM_LARGE && !any_size))
		return false;
	reserve_give();
	return true;
}

static void *get(void *old, size_t n, bool any_size)
{
	void *p = realloc(old, n);

	if (p == NULL && worth_trying(n, any_size))
		p = realloc(old, n);
	return p;
}

static void *get_zeroed(size_t n, size_t size, bool any_size)
{
	void *p;

	if (n > SIZE_MAX / size)
		return NULL;
	if (n * size <= SMALL) {
		p = get(NULL, n * size, any_size);
		return p != NULL ? memset(p, 0, n * size) : NULL;
	}
	p = calloc(n, size);
	if (p == NULL && worth_trying(n * size, any_size))
		p = calloc(n, size);
	return p;
}

void mem_init(void)
{
	atomic_store(&reserve.wanted, true);
	reserve_take();
}

bool mem_short(void)
{
	bool is_short = atomic_load(&reserve.wanted) && atomic_load(&reserve.held) == NULL && !reserve_take();

	if (is_short != reserve.told)
		log_warn(MAIN, is_short ? "memory is short: no new downloads and connections until there is more"
					: "there is memory again");
	reserve.told = is_short;
	return is_short;
}

void *mem_malloc(size_t n)
{
	return get(NULL, n > 0 ? n : 1, false);
}

void *mem_calloc(size_t n, size_t size)
{
	return get_zeroed(n > 0 ? n : 1, size > 0 ? size : 1, false);
}

void *mem_realloc(void *p, size_t n)
{
	return get(p, n > 0 ? n : 1, false);
}

void *xmalloc(size_t n)
{
	return xrealloc(NULL, n);
}

void *xcalloc(size_t n, size_t size)
{
	void *p = get_zeroed(n > 0 ? n : 1, size > 0 ? size : 1, true);

	if (p == NULL)
		die_nomem();
	return p;
}

void *xrealloc(void *p, size_t n)
{
	void *q = get(p, n > 0 ? n : 1, true);

	if (q == NULL)
		die_nomem();
	return q;
}

char *xstrdup(const char *s)
{
	return s != NULL ? xstrndup(s, strlen(s)) : NULL;
}

char *xstrndup(const char *s, size_t n)
{
	size_t len = strnlen(s, n);
	char *p = xmalloc(len + 1);

	memcpy(p, s, len);
	p[len] = '\0';
	return p;
}

char *xasprintf(const char *fmt, ...)
{
	char brief[256], *s; /* most texts are short: printed once */
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(brief, sizeof(brief), fmt, ap);
	va_end(ap);
	if (n < 0)
		die_nomem(); /* glibc: for want of memory only */
	s = xmalloc((size_t)n + 1);
	if ((size_t)n < sizeof(brief))
		return memcpy(s, brief, (size_t)n + 1);
	va_start(ap, fmt);
	vsnprintf(s, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return s;
}
