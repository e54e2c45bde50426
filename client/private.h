/* SPDX-License-Identifier: MIT
 * A hauld of one's own: started for one command, on a state folder that belongs to what the command downloads, so that
 * the same command run again continues; ended with the command.
 */
#ifndef HAUL_CLIENT_PRIVATE_H
#define HAUL_CLIENT_PRIVATE_H

#include "client/rpc.h"

#include "base/opt.h"

struct private;

/* key: names the state folder ($XDG_STATE_HOME/haul/get/KEY). conf: options for the daemon, as of private_conf. out_fd:
 * its standard output, where its hooks and its log with log=- write. *ret_rpc: a connected client. Errors:
 * ERR_STATE_DIR, ERR_LOCKED (the same download runs already), ERR_UNKNOWN (did not start: its last words),
 * ERR_CANCELED. */
int private_start(const char *key, const struct opts *conf, int out_fd, int intr_fd, struct private **ret,
	struct rpc **ret_rpc, struct fail *f);
bool private_alive(void *p); /* a struct private */
/* End it in an orderly way and wait for that, at once when the user asks to stop again. One that has hooks ends when all of
 * them have been started. keep: leave the state folder
 * for the next run. */
void private_stop(struct private *p, bool keep); /* NULL is fine */

/* Is it an option that a private daemon can act on, and a running one can't for the sake of one command? */
bool private_only(enum opt id);
/* The daemon options that count for a private daemon: those of the configuration file, then those of the command line. New
 * set. */
struct opts *private_conf(const struct opts *file, const struct opts *given);

#endif
