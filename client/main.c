/* SPDX-License-Identifier: MIT
 * haul, the client of hauld: reads the command line, runs the command.
 */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fds.h"
#include "client/cmd.h"

static int run_without_command(const struct cli *cli)
{
	if (cli->flag[FLAG_VERSION]) {
		puts("haul " HAUL_VERSION);
		return 0;
	}
	if (cli->flag[FLAG_PRINT]) {
		if (strcmp(cli->flag[FLAG_PRINT], "man") != 0) {
			fputs("haul: --print knows one form: man\n", stderr);
			return EXIT_USAGE;
		}
		help_man();
		return 0;
	}
	if (cli->flag[FLAG_HELP]) {
		help_all();
		return 0;
	}
	fputs("haul: no command given: 'haul get URL' downloads, 'haul help' lists the commands\n", stderr);
	return EXIT_USAGE;
}

/* Flags that every command understands. */
static int run(struct cli *cli)
{
	if (!cli->cmd || cli->flag[FLAG_VERSION])
		return run_without_command(cli);
	if (cli->flag[FLAG_HELP])
		return help_command(cli->cmd, cli->flag[FLAG_HELP]);
	return cli->cmd->run(cli);
}

int main(int argc, char **argv)
{
	struct cli cli;
	struct fail f = {0};
	setlocale(LC_CTYPE, "");
	signal(SIGPIPE, SIG_IGN);
	if (fds_hold_standard() < 0)
		return EXIT_OTHER;
	int code = cli_parse(argc, argv, &cli, &f) < 0 ? cli_fail(&f) : run(&cli);
	cli_free(&cli);
	if (fflush(stdout) != 0 && code == 0)
		code = EXIT_OTHER; /* a full disk, or a reader that left */
	return code;
}
