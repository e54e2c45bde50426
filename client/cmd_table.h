/* SPDX-License-Identifier: MIT
 * The commands of haul; no include guard: the includer defines CMD(name, function, usage, one-line help, flags it takes,
 * bits, further text). Flags are F(ID) of flag_table.h; every command takes the common ones (url, secret-file, help,
 * version). C_OPTIONS: takes the download options of base/opt_table.h; C_NUMBERS: words such as -3 are no flags.
 */
CMD("get", cmd_get, "[OPTION...] URI... | -i FILE",
	"Download, show the progress, and end with the download's exit code.", F(JSON) | F(PRIVATE), C_OPTIONS,
	"Several URIs are mirrors of one file; with -Z each is a download of its own. -i FILE (or -) reads URIs and their "
	"options from a file in aria2's form. The file goes into the current folder, or the dir of the configuration file, "
	"unless --dir says otherwise.\n"
	"When no daemon answers and none was named, get starts a private one and stops it afterwards; also when an option "
	"asks for what a running one can't do for one command (as -j, --load-cookies, hooks). A running daemon of another "
	"user saves into its own folder unless --dir is given.\n"
	"On a terminal there are bars. Elsewhere, and with --show-console-readout, get prints what aria2c prints: a readout "
	"a second, lines such as 'Download complete: PATH', and the table of results. --download-result and "
	"--summary-interval work in both.\n"
	"The same command again continues what Ctrl-C or a crash interrupted. Ctrl-C pauses what get gave to a running "
	"daemon. Ctrl-Z puts the display aside; the download goes on.\n"
	"The exit code is aria2's errorCode of the download that failed last, 0 when all are complete, 7 when interrupted.")
CMD("add", cmd_add, "[OPTION...] URI... | -i FILE", "Give downloads to the daemon, print their GIDs, don't wait.",
	F(JSON), C_OPTIONS,
	"As get, but the file goes into the daemon's own folder unless --dir is given. A download that failed is tried "
	"again under its GID, one that has not ended is not added twice.")
CMD("ls", cmd_ls, "[STATE...]", "List downloads: all, or those in the given states.", F(JSON), 0,
	"States: active, waiting, paused, complete, error, removed. GIDs are cut to as many digits as tell them apart.")
CMD("show", cmd_show, "GID...", "Tell all that is known of a download.", F(JSON), 0,
	"As everywhere, the first digits of a GID are enough when no other begins with them.")
CMD("watch", cmd_watch, "", "Live table of all downloads; q quits.", 0, 0,
	"Arrows or j and k scroll. The table follows the daemon's notifications and looks again once a second.")
CMD("pause", cmd_pause, "GID... | --all", "Stop downloads for now; they keep what they have.", F(ALL) | F(FORCE), 0, "")
CMD("resume", cmd_resume, "GID... | --all", "Let paused downloads go on.", F(ALL), 0, "")
CMD("rm", cmd_rm, "GID...", "Remove downloads from the queue, or forget ended ones. Files stay.", F(FORCE), 0, "")
CMD("mv", cmd_mv, "GID first|last|N|+N|-N", "Move a waiting download in the queue and print its new place.", 0,
	C_NUMBERS, "N counts from 1. +N moves towards the end, -N towards the front.")
CMD("set", cmd_set, "GID... NAME=VALUE... | --global NAME=VALUE...", "Change options of downloads, or of the daemon.",
	F(GLOBAL), 0, "'hauld --help=#all' lists the options.")
CMD("limit", cmd_limit, "[GID...] SPEED|none", "Limit the speed of everything, or of single downloads.", 0, 0,
	"SPEED is bytes per second, with K or M.")
CMD("stat", cmd_stat, "", "One look at the daemon: version, speed, counts, limits.", F(JSON), 0, "")
CMD("purge", cmd_purge, "", "Forget all ended downloads. Files stay.", 0, 0, "")
CMD("shutdown", cmd_shutdown, "", "End the daemon; its queue is kept.", F(FORCE), 0,
	"Waits until the daemon is gone, so that the next one can be started right after it. Should it not end within 15 s, that "
	"is told, with exit code 1.")
CMD("help", cmd_help, "[COMMAND [#GROUP|WORD]]", "What there is, or all about one command.", 0, 0, "")
