/* SPDX-License-Identifier: MIT */
#include "base/thread.h"

#include <signal.h>

int thread_start(pthread_t *ret, size_t stack, void *(*run)(void *arg), void *arg)
{
	pthread_attr_t attr;
	sigset_t all, before;
	pthread_t thread;
	int err = pthread_attr_init(&attr);

	if (err)
		return err;
	if (stack > 0)
		err = pthread_attr_setstacksize(&attr, stack);
	if (!err && ret == NULL)
		err = pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (!err) {
		/* A thread begins with the mask of the one that makes it. */
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &before);
		err = pthread_create(ret ? ret : &thread, &attr, run, arg);
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	}
	pthread_attr_destroy(&attr);
	return err;
}
