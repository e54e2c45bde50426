/* SPDX-License-Identifier: MIT
 * Tests of the reserve: it is drawn on when the system gives nothing, for small sizes; mem_short tells, and gets it back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"

#define LIST_MAX 4096

/* Everything that the system and malloc's own lists still give. */
struct hog {
	struct rlimit old;
	void *got[LIST_MAX];
	size_t n;
};

/* Checkers need address space of their own. */
static void needs_own_memory(void)
{
#ifdef __SANITIZE_ADDRESS__
	skip();
#endif
	if (getenv("HAUL_VALGRIND") != NULL)
		skip();
}

static void hog_all(struct hog *h)
{
	struct rlimit none;
	size_t size = 1 << 20;
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lu", &pages), 1);
	fclose(f);
	assert_int_equal(getrlimit(RLIMIT_AS, &h->old), 0);
	none = h->old;
	none.rlim_cur = pages * (size_t)sysconf(_SC_PAGESIZE); /* as much as there is */
	assert_int_equal(setrlimit(RLIMIT_AS, &none), 0);
	for (; size >= 64; size /= 2)
		while (h->n < LIST_MAX && (h->got[h->n] = malloc(size)) != NULL)
			h->n++;
}

static void hog_end(struct hog *h)
{
	while (h->n > 0)
		free(h->got[--h->n]);
	assert_int_equal(setrlimit(RLIMIT_AS, &h->old), 0);
}

static void reserve_is_drawn_on(void **state)
{
	static struct hog h;
	void *small, *large, *more;
	bool before, during;

	(void)state;
	needs_own_memory();
	mem_init();
	assert_false(mem_short());
	hog_all(&h);
	large = mem_malloc(8 << 20);
	before = mem_short(); /* a large size has left the reserve alone */
	small = mem_malloc(60000);
	more = xmalloc(200000);
	during = mem_short();
	hog_end(&h);
	assert_null(large);
	assert_false(before);
	assert_non_null(small);
	assert_non_null(more);
	assert_true(during);
	assert_false(mem_short());
	free(small);
	free(more);
}

static void foreign_buffer_fails_softly(void **state)
{
	static struct hog h;
	static char piece[4 << 20];
	struct buf b;
	int err;

	(void)state;
	needs_own_memory();
	buf_init_foreign(&b, SIZE_MAX / 4);
	assert_int_equal(buf_adds(&b, "kept"), 0);
	hog_all(&h);
	err = buf_add(&b, piece, sizeof(piece));
	hog_end(&h);
	assert_int_equal(err, ERR_NOMEM);
	assert_int_equal(b.err, ERR_NOMEM);
	assert_string_equal(b.data, "kept");
	assert_int_equal(buf_adds(&b, "more"), ERR_NOMEM);
	buf_reset(&b);
	assert_int_equal(buf_add(&b, piece, sizeof(piece)), 0);
	buf_free(&b);
}

static void sizes_of_nothing(void **state)
{
	void *p;
	char *s;

	(void)state;
	p = xmalloc(0);
	assert_non_null(p);
	p = xrealloc(p, 0);
	assert_non_null(p);
	free(p);
	p = xcalloc(0, 0);
	assert_non_null(p);
	free(p);
	assert_null(mem_calloc(SIZE_MAX / 2, 4)); /* no wrap-around */
	assert_null(xstrdup(NULL));
	s = xasprintf("%s-%d", "a", 7);
	assert_string_equal(s, "a-7");
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_of_nothing),
		cmocka_unit_test(reserve_is_drawn_on),
		cmocka_unit_test(foreign_buffer_fails_softly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
