/* SPDX-License-Identifier: MIT
 * The flags of haul that are no download options (those are in base/opt_table.h); no include guard: the includer
 * defines FLAG(ID, name, short flag or 0, name of its value ("[X]": it may be left out) or NULL, help).
 */
FLAG(URL, "url", 0, "URL",
	"Where the daemon listens: http://HOST:PORT/jsonrpc, https://... or unix:PATH. Default: $HAUL_URL, else port 6800 "
	"of this machine, or the rpc-listen-port of your configuration file.")
FLAG(SECRET_FILE, "secret-file", 0, "FILE",
	"File whose first line is the daemon's RPC secret. Default: $HAUL_SECRET_FILE; for your own daemon also the "
	"rpc-secret of your configuration file.")
FLAG(JSON, "json", 0, NULL, "Print JSON for programs, one object per line.")
FLAG(PRIVATE, "private", 0, NULL, "Start a daemon for this command only, even if another one is running.")
FLAG(ALL, "all", 0, NULL, "All downloads, instead of those with the given GIDs.")
FLAG(GLOBAL, "global", 0, NULL, "The daemon's own options, instead of a download's.")
FLAG(FORCE, "force", 0, NULL, "At once, without waiting for servers.")
FLAG(PRINT, "print", 0, "FORM", "Print the manual page (FORM: man) and exit.")
FLAG(HELP, "help", 'h', "[#GROUP|WORD]",
	"Help on the command; for get and add also on a group of options (#basic, #all, #http ...), or on those with WORD "
	"in their names.")
FLAG(VERSION, "version", 'v', NULL, "Print the version and exit.")
