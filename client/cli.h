/* SPDX-License-Identifier: MIT
 * The command line of haul: commands, flags, and what was given. The tables are cmd_table.h, flag_table.h and
 * base/opt_table.h.
 */
#ifndef HAUL_CLIENT_CLI_H
#define HAUL_CLIENT_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "base/conf.h"
#include "base/err.h"
#include "base/opt.h"

#define EXIT_USAGE 28 /* aria2's code for a bad option */
#define EXIT_OTHER 1

enum flag {
#define FLAG(id, ...) FLAG_##id,
#include "client/flag_table.h"
#undef FLAG
	FLAG_COUNT
};

#define F(id)	     (1u << FLAG_##id)
#define FLAGS_COMMON (F(URL) | F(SECRET_FILE) | F(HELP) | F(VERSION))

enum cmd_bit {
	C_OPTIONS = 1 << 0, /* download options */
	C_NUMBERS = 1 << 1, /* words like -3 */
};

extern const struct conf_flag flag_defs[FLAG_COUNT];

struct cli;
struct cmd {
	const char *name;
	int (*run)(struct cli *cli); /* returns the exit code */
	const char *usage, *help;
	unsigned flags; /* F() bits beside the common ones */
	unsigned bits;	/* enum cmd_bit */
	const char *more;
};

/* What was given. Words and flag values point into argv. */
struct cli {
	const struct cmd *cmd;	      /* NULL: none named */
	const char *flag[FLAG_COUNT]; /* NULL: not given; "" for flags without value */
	struct opts *opts;	      /* download options */
	char **words;		      /* NULL-terminated, owned array */
	size_t nwords;
};

const struct cmd *cli_commands(size_t *ret_n);
const struct cmd *cli_command(const char *name); /* NULL: none */

/* 0 or ERR_USAGE with a line for the user. cli_free in any case. */
int cli_parse(int argc, char **argv, struct cli *ret, struct fail *f);
void cli_free(struct cli *cli);

/* Print "haul: text" on stderr; returns the exit code that belongs to the failure: EXIT_USAGE or EXIT_OTHER. */
int cli_fail(const struct fail *f);
/* The same for a usage error made up on the spot. */
int cli_usage(const struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
