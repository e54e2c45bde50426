/* SPDX-License-Identifier: MIT
 * For targets that say how much memory may be taken: bytes of the heap. With a sanitizer every allocation is counted, so that
 * the peak is exact; without one the heap is asked whenever the peak is, so that what was freed meanwhile is not seen.
 */
#ifndef HAUL_FUZZ_HEAP_H
#define HAUL_FUZZ_HEAP_H

#include <malloc.h>
#include <stddef.h>
#include <stdint.h>

int __sanitizer_install_malloc_and_free_hooks(
	void (*on_malloc)(const volatile void *p, size_t n), void (*on_free)(const volatile void *p)) __attribute__((weak));
size_t __sanitizer_get_allocated_size(const volatile void *p) __attribute__((weak));

static int64_t heap_now, heap_most;

static void on_heap_malloc(const volatile void *p, size_t n)
{
	(void)p;
	__atomic_add_fetch(&heap_now, (int64_t)n, __ATOMIC_RELAXED);
	if (heap_now > heap_most)
		heap_most = heap_now;
}

static void on_heap_free(const volatile void *p)
{
	if (p != NULL)
		__atomic_sub_fetch(&heap_now, (int64_t)__sanitizer_get_allocated_size(p), __ATOMIC_RELAXED);
}

static int64_t heap_used(void)
{
	return __sanitizer_install_malloc_and_free_hooks != NULL ? heap_now : (int64_t)mallinfo2().uordblks;
}

/* The peak is counted anew; what is in use now. */
static inline int64_t heap_mark(void)
{
	static int installed;

	if (!installed && __sanitizer_install_malloc_and_free_hooks != NULL)
		__sanitizer_install_malloc_and_free_hooks(on_heap_malloc, on_heap_free);
	installed = 1;
	return heap_most = heap_used();
}

static inline int64_t heap_peak(void)
{
	int64_t used = heap_used();

	return used > heap_most ? used : heap_most;
}

#endif
