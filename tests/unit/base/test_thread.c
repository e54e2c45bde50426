/* SPDX-License-Identifier: MIT
 * Tests of threads beside the loop's: no signal reaches them, whether somebody joins them or not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <semaphore.h>
#include <signal.h>
#include <cmocka.h>

#include "base/thread.h"

struct seen {
	sigset_t mask;
	size_t stack;
	int detached;
	sem_t done;
};

static void *look(void *arg)
{
	struct seen *s = arg;
	pthread_attr_t attr;

	pthread_sigmask(SIG_SETMASK, NULL, &s->mask);
	pthread_getattr_np(pthread_self(), &attr);
	pthread_attr_getstacksize(&attr, &s->stack);
	pthread_attr_getdetachstate(&attr, &s->detached);
	pthread_attr_destroy(&attr);
	sem_post(&s->done);
	return s;
}

static void assert_blocked(const sigset_t *mask, int yes)
{
	assert_int_equal(sigismember(mask, SIGTERM), yes);
	assert_int_equal(sigismember(mask, SIGCHLD), yes);
}

static void test_joined(void **state)
{
	struct seen s;
	sigset_t ours;
	pthread_t t;
	void *ret;

	(void)state;
	sem_init(&s.done, 0, 0);
	assert_int_equal(thread_start(&t, 0, look, &s), 0);
	assert_int_equal(pthread_join(t, &ret), 0);
	assert_ptr_equal(ret, &s);
	assert_int_equal(s.detached, PTHREAD_CREATE_JOINABLE);
	assert_blocked(&s.mask, 1);
	pthread_sigmask(SIG_SETMASK, NULL, &ours);
	assert_blocked(&ours, 0);
}

static void test_detached(void **state)
{
	struct seen s;

	(void)state;
	sem_init(&s.done, 0, 0);
	assert_int_equal(thread_start(NULL, 512 * 1024, look, &s), 0);
	sem_wait(&s.done);
	assert_int_equal(s.detached, PTHREAD_CREATE_DETACHED);
	assert_int_equal(s.stack, 512 * 1024);
	assert_blocked(&s.mask, 1);
}

static void test_refused(void **state)
{
	struct seen s;

	(void)state;
	assert_int_not_equal(thread_start(NULL, 1, look, &s), 0); /* no thread lives on a byte */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_joined),
		cmocka_unit_test(test_detached),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
