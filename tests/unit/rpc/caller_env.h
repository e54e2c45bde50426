/* SPDX-License-Identifier: MIT
 * A caller of methods on a fake engine, and the place for his answer, for tests of what reads requests. Included by the test,
 * after cmocka's headers.
 */
#ifndef HAUL_UNIT_RPC_CALLER_ENV_H
#define HAUL_UNIT_RPC_CALLER_ENV_H

#include "rpc/jsonrpc.h"
#include "unit/rpc/fake_engine.c"

struct fixture {
	struct engine e;
	struct opts *opts;
	struct rpc_env env;
	struct caller who;
	struct reply r;
};

static int setup(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));

	fake_init(&x->e, NULL);
	x->opts = opts_new(NULL);
	x->env = (struct rpc_env){.engine = &x->e, .opts = x->opts, .owner = "me"};
	x->who = (struct caller){.env = &x->env};
	reply_init(&x->r);
	*state = x;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *x = *state;

	reply_free(&x->r);
	opts_unref(x->opts);
	fake_free(&x->e);
	free(x);
	return 0;
}

/* Room for the next answer. */
static struct reply *fresh_reply(struct fixture *x)
{
	reply_free(&x->r);
	reply_init(&x->r);
	return &x->r;
}

#endif
