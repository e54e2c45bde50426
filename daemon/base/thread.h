/* SPDX-License-Identifier: MIT
 * Threads beside the loop's: they get no signals, which are the main thread's.
 */
#ifndef HAUL_BASE_THREAD_H
#define HAUL_BASE_THREAD_H

#include <pthread.h>
#include <stddef.h>

/* Runs run(arg) on a thread of its own. stack: bytes, 0: the system's default. ret: to be joined; NULL: nobody joins it, it is
 * detached. 0, or the errno value of pthread_create(3). On any thread. */
int thread_start(pthread_t *ret, size_t stack, void *(*run)(void *arg), void *arg);

#endif
