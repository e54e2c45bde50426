/* SPDX-License-Identifier: MIT
 * A hauld of one's own: started for one command, on a state folder that belongs to what the command downloads, so that
 * the same command run again continues; ended with the command.
 */
#ifndef HAUL_CLIENT_PRIVATE_H
#define HAUL_CLIENT_PRIVATE_H

#include "client/rpc.h"

#include "base/opt.h"

struct private;

/* key: names the state folder ($XDG_STATE_HOME/haul/get/KEY). conf: options for the daemon, those of the user's
 * configuration file and of the command line. *ret_rpc: a connected client. Errors: ERR_STATE_DIR, ERR_LOCKED (the same
 * download runs already), ERR_UNKNOWN (did not start: its last words), ERR_CANCELED. */
int private_start(const char *key, const struct opts *conf, int intr_fd, struct private **ret, struct rpc **ret_rpc,
	struct fail *f);
bool private_alive(void *p); /* a struct private */
/* End it in an orderly way and wait for that, at once when the user asks to stop again. keep: leave the state folder
 * for the next run. */
void private_stop(struct private *p, bool keep); /* NULL is fine */

/* The daemon options that count for a private daemon: the user's configuration file (unless no-conf), then those of the
 * command line. New set. 0, ERR_CONF, ERR_USAGE. */
int private_conf(const struct opts *given, struct opts **ret, struct fail *f);

#endif
