/* SPDX-License-Identifier: MIT
 * For tests of fetches: a pause after which the pool of idle connections (net/cpool.h) believes in its peers.
 */
#ifndef HAUL_TEST_POOL_REST_H
#define HAUL_TEST_POOL_REST_H

#include "ev/loop.h"
#include "ev/timer.h"

static void stop_loop(void *arg)
{
	loop_stop(arg);
}

/* Runs the loop until the pool believes that nothing comes behind the answers of the server. */
static void pool_rest(struct loop *l)
{
	struct timer t = {0};

	timer_start(l, &t, 40, 0, stop_loop, l);
	loop_run(l);
	timer_stop(&t);
}

#endif
