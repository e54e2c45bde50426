/* SPDX-License-Identifier: MIT
 * The commands of haul; no include guard: the includer defines CMD(name, function, usage, one-line help, flags it takes,
 * bits, further text). Flags are F(ID) of flag_table.h; every command takes the common ones (url, secret-file, help,
 * version). C_OPTIONS: takes the download options of base/opt_table.h; C_NUMBERS: words such as -3 are no flags.
 */
CMD("get", cmd_get, "[OPTION...] URI... | -i FILE",
	"Download, show the progress, and exit with the download's exit code.", F(JSON) | F(PRIVATE), C_OPTIONS,
	"Several URIs are mirrors of one file; with -Z each is a download of its own. -i FILE reads URIs and their options from a "
	"file in aria2's format, -i - from standard input. Files go into the current folder, or the dir of the configuration file, "
	"unless --dir is given.\n"
	"If no daemon answers and none was named, get starts a private one and stops it afterwards. It also does so for options that "
	"a running daemon can't apply to a single command (such as -j, --load-cookies or hooks). A running daemon of another user "
	"saves into its own folder unless --dir is given.\n"
	"On a terminal get shows progress bars. Elsewhere, or with --show-console-readout, it prints what aria2c prints: a readout "
	"every second, lines such as 'Download complete: PATH', and a table of results. --download-result and --summary-interval "
	"work either way.\n"
	"Running the same command again continues what Ctrl-C or a crash interrupted. Ctrl-C pauses the downloads that get gave to a "
	"running daemon. Ctrl-Z suspends only the display: the download goes on.\n"
	"The exit code is aria2's error code of the download that failed last, 31 if it was removed from the daemon, 0 if all are "
	"complete, 7 after an interruption.")
CMD("add", cmd_add, "[OPTION...] URI... | -i FILE", "Hand downloads to the daemon and print their GIDs; don't wait.",
	F(JSON), C_OPTIONS,
	"Works like get, but files go into the daemon's own folder unless --dir is given. A download that failed is tried again "
	"under its old GID; one that has not ended is not added twice.")
CMD("ls", cmd_ls, "[STATE...]", "List all downloads, or those in the given states.", F(JSON), 0,
	"States: active, waiting, paused, complete, error, removed. GIDs are shortened to the digits that tell them apart.")
CMD("show", cmd_show, "GID...", "Show everything about a download.", F(JSON), 0,
	"As in every command, the first digits of a GID are enough if no other GID begins with them.")
CMD("watch", cmd_watch, "", "Show a live table of all downloads; q quits.", 0, 0,
	"Scroll with the arrow keys or with j and k. The table is updated every second, and whenever a download starts or ends.")
CMD("pause", cmd_pause, "GID... | --all", "Pause downloads; they keep what they have.", F(ALL) | F(FORCE), 0, "")
CMD("resume", cmd_resume, "GID... | --all", "Continue paused downloads.", F(ALL), 0,
	"A download that is waiting to try a server again tries at once.")
CMD("rm", cmd_rm, "GID...", "Remove downloads from the queue, or forget ended ones; files stay.", F(FORCE), 0, "")
CMD("mv", cmd_mv, "GID first|last|N|+N|-N", "Move a waiting download in the queue and print its new place.", 0,
	C_NUMBERS, "N counts from 1. +N moves towards the end, -N towards the front.")
CMD("set", cmd_set, "GID... NAME=VALUE... | --global NAME=VALUE...", "Change options of downloads, or of the daemon.",
	F(GLOBAL), 0, "'hauld --help=#all' lists the options.")
CMD("limit", cmd_limit, "[GID...] SPEED|none", "Limit the speed of all downloads together, or of single ones.", 0, 0,
	"SPEED is in bytes per second; K or M may follow the number.")
CMD("stat", cmd_stat, "", "Show the daemon's version, speed, counts and limits.", F(JSON), 0, "")
CMD("purge", cmd_purge, "", "Forget all ended downloads; files stay.", 0, 0, "")
CMD("shutdown", cmd_shutdown, "", "Stop the daemon; its queue is kept.", F(FORCE), 0,
	"Waits until the daemon is gone, so that the next one can be started right after it. Should it not end within 15 s, that "
	"is told, with exit code 1.")
CMD("help", cmd_help, "[COMMAND [#GROUP|WORD]]", "List the commands, or explain one of them.", 0, 0, "")
