/* SPDX-License-Identifier: MIT
 * The functions behind cmd_table.h, and what they share. Each takes the command line and returns the exit code.
 */
#ifndef HAUL_CLIENT_CMD_H
#define HAUL_CLIENT_CMD_H

#include "client/cli.h"
#include "client/rpc.h"

#define CMD(name, fn, ...) int fn(struct cli *cli);
#include "client/cmd_table.h"
#undef CMD

/* Where the command line or the environment say that the daemon is; NULL: nowhere, so the default counts. */
const char *cmd_url(const struct cli *cli);
/* A client for the daemon that the command line means, else for the one that the configuration file conf describes; not yet
 * connected: 0, or a negative error. intr_fd as conn_open. */
int cmd_rpc(const struct cli *cli, const struct opts *conf, int intr_fd, struct rpc **ret, struct fail *f);
/* The same, connected; prints the failure and gives NULL otherwise, with the exit code in *ret_code. */
struct rpc *cmd_connect(const struct cli *cli, int *ret_code);

/* The daemon agrees at once and stops a download a little later: wait for that, for some seconds, so that the next command
 * finds things as this one left them. No GIDs: all downloads. Returns early when the user wants to stop. */
void cmd_wait_stopped(struct rpc *r, char *const *gids, size_t n);

/* A value of --json or of a list, one line on stdout. */
void cmd_print_json(json_t *value /* stolen */);

/* The manual page in roff, from the tables. */
void help_man(void);
void help_all(void);
/* All about a command; with what not empty only the options that it names, as --help=WHAT. Returns the exit code. */
int help_command(const struct cmd *c, const char *what);

#endif
