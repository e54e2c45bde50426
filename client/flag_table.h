/* SPDX-License-Identifier: MIT
 * The flags of haul that are no download options (those are in base/opt_table.h); no include guard: the includer
 * defines FLAG(ID, name, short flag or 0, name of its value ("[X]": it may be left out) or NULL, help).
 */
FLAG(URL, "url", 0, "URL",
	"Where the daemon is: http://HOST:PORT/jsonrpc, https://..., unix:PATH. Default: $HAUL_URL, else port 6800 "
	"of this machine, or the rpc-listen-port of your configuration file.")
FLAG(SECRET_FILE, "secret-file", 0, "FILE",
	"File whose first line is the daemon's RPC secret. Default: $HAUL_SECRET_FILE; for a daemon of your own also the "
	"rpc-secret of your configuration file.")
FLAG(JSON, "json", 0, NULL, "Print JSON for programs: one object a line.")
FLAG(PRIVATE, "private", 0, NULL, "Don't look for a running daemon: start one for this download only.")
FLAG(ALL, "all", 0, NULL, "All of them instead of single ones.")
FLAG(GLOBAL, "global", 0, NULL, "The daemon's own options instead of one download's.")
FLAG(FORCE, "force", 0, NULL, "At once, without waiting for servers.")
FLAG(PRINT, "print", 0, "FORM", "Print the manual (man) made from the command table, and end.")
FLAG(HELP, "help", 'h', "[#GROUP|WORD]",
	"Help for the command; of get and add also for a group of options (#basic, #all, #http ...), or for those with a "
	"word in their name.")
FLAG(VERSION, "version", 'v', NULL, "Print the version and end.")
