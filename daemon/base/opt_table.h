/* SPDX-License-Identifier: MIT
 * Every option of hauld and haul, one row each, sorted by name; no include guard: the includer defines OPT(ID, ...),
 * where ID is the name in upper case with '_' and the rest initialises struct opt_def (base/opt.h). Names, types,
 * ranges and defaults are aria2's unless `why` says the reason. OF_IGNORED rows are taken and shown as in aria2, but do
 * nothing; those of group ui are for haul's console. The first sentence of a help text stands alone in lists.
 * docs/aria2.md is made of `aria2` and `why`.
 */
OPT(ALL_PROXY, .name = "all-proxy", .type = OT_PROXY, .flags = OF_JOB | OF_SECRET | OF_BASIC, .group = "http",
	.aria2 = AS_BETTER, .arg = "PROXY",
	.help = "Proxy for every protocol without a proxy of its own: [http://][USER:PASSWORD@]HOST[:PORT]. With "
		"socks5:// or socks5h:// in front it is a SOCKS proxy; socks5h lets it look up names. "
		"https:// is refused: there is no TLS on the way to a proxy. An empty value clears it.",
	.why = "SOCKS5 proxies are taken, too; https://, of which aria2 makes http://, is refused.")
OPT(ALL_PROXY_PASSWD, .name = "all-proxy-passwd", .type = OT_STR, .flags = OF_JOB | OF_SECRET, .group = "http",
	.aria2 = AS_SAME, .arg = "PASSWORD",
	.help = "Password for all-proxy. It goes before one in the proxy's URI.")
OPT(ALL_PROXY_USER, .name = "all-proxy-user", .type = OT_STR, .flags = OF_JOB | OF_SECRET, .group = "http",
	.aria2 = AS_SAME, .arg = "USER",
	.help = "User name for all-proxy. It goes before one in the proxy's URI.")
OPT(ALLOW_ADDRESS, .name = "allow-address", .type = OT_LIST, .flags = OF_START | OF_NORPC | OF_OWN, .group = "general",
	.arg = "ADDR[/BITS][,...]", .check = opt_check_cidrs,
	.help = "Addresses that may be asked although a redirect from outside leads to them, or although they are "
		"link-local. It goes before deny-address. Otherwise a redirect may not lead from a public address to a "
		"private one, nor from either to this machine. Given again, it adds to the list.")
OPT(ALLOW_OVERWRITE, .name = "allow-overwrite", .type = OT_BOOL, .def = "false",
	.flags = OF_JOB | OF_OPTARG | OF_BASIC, .group = "general", .aria2 = AS_BETTER,
	.help = "Start over on a file that exists already. Without it, such a file is left alone: the download is "
		"renamed or fails.",
	.why = "The old file stays whole until the new one is complete and takes its place.")
OPT(ALLOW_PIECE_LENGTH_CHANGE, .name = "allow-piece-length-change", .type = OT_BOOL, .def = "false",
	.flags = OF_JOB | OF_OPTARG | OF_IGNORED, .group = "general", .aria2 = AS_BETTER,
	.help = "Change of the piece length between runs. Progress is kept in byte ranges here, so any length fits.",
	.why = "Progress is kept to the byte, so any piece length fits.")
OPT(ALLOWED_DIRS, .name = "allowed-dirs", .type = OT_LIST, .flags = OF_START | OF_NORPC | OF_OWN, .group = "rpc",
	.arg = "DIR", .check = opt_check_absolute,
	.help = "Folder that RPC callers may download into, besides the dir of the start. Given again, it adds one more. "
		"haul and, without a secret or through rpc-socket, other programs of the user that hauld runs as may "
		"name any folder.")
OPT(ALWAYS_RESUME, .name = "always-resume", .type = OT_BOOL, .def = "true", .flags = OF_JOB | OF_OPTARG,
	.group = "http", .aria2 = AS_BETTER,
	.help = "Fail with exit code 8 rather than start over when the file has changed on every source. With false the "
		"download begins again from the first byte. A server without ranges always makes it begin again.",
	.why = "It also guards against a file that changed on the server.")
OPT(ASYNC_DNS, .name = "async-dns", .type = OT_BOOL, .def = "true", .flags = OF_JOB | OF_OPTARG | OF_IGNORED,
	.group = "general", .aria2 = AS_BETTER,
	.help = "Resolver library of aria2. Names are always looked up off the loop here.",
	.why = "Names are always looked up on threads, by the system's resolver and its settings.")
OPT(ASYNC_DNS_SERVER, .name = "async-dns-server", .type = OT_STR, .flags = OF_START | OF_IGNORED, .group = "general",
	.aria2 = AS_NOT_YET, .arg = "ADDR[,...]",
	.help = "Name servers for async-dns. The system's resolver is used here.",
	.why = "The system's resolver is asked, and can't be told other name servers; resolve pins single hosts.")
OPT(AUTO_FILE_RENAMING, .name = "auto-file-renaming", .type = OT_BOOL, .def = "true",
	.flags = OF_JOB | OF_OPTARG | OF_BASIC, .group = "general", .aria2 = AS_SAME,
	.help = "When the file exists already, take NAME.1.EXT, NAME.2.EXT and so on. Without it the download fails "
		"with exit code 13.")
OPT(AUTO_SAVE_INTERVAL, .name = "auto-save-interval", .type = OT_INT, .def = "60", .max = 600,
	.flags = OF_START | OF_IGNORED, .group = "general", .aria2 = AS_BETTER, .arg = "SEC",
	.help = "Interval of aria2's control files. Progress is journalled all the time here.",
	.why = "Progress is journalled as it is written, and synced every 8 MiB or 5 s.")
OPT(BT_DETACH_SEED_ONLY, .name = "bt-detach-seed-only", .type = OT_BOOL, .def = "false",
	.flags = OF_START | OF_OPTARG | OF_IGNORED, .group = "bt", .aria2 = AS_NOT_YET,
	.help = "Don't count downloads that only seed.")
OPT(BT_ENABLE_HOOK_AFTER_HASH_CHECK, .name = "bt-enable-hook-after-hash-check", .type = OT_BOOL, .def = "true",
	.flags = OF_JOB | OF_OPTARG | OF_IGNORED, .group = "bt", .aria2 = AS_NOT_YET,
	.help = "Run the completion hook after a hash check, too.")
OPT(BT_ENABLE_LPD, .name = "bt-enable-lpd", .type = OT_BOOL, .def = "false", .flags = OF_JOB | OF_OPTARG | OF_IGNORED,
	.group = "bt", .aria2 = AS_NOT_YET,
	.help = "Local peer discovery.")
OPT(BT_EXCLUDE_TRACKER, .name = "bt-exclude-tracker", .type = OT_STR, .flags = OF_JOB | OF_IGNORED, .group = "bt",
	.aria2 = AS_NOT_YET, .arg = "URI[,...]",
	.help = "Trackers not to use.")
OPT(BT_EXTERNAL_IP, .name = "bt-external-ip", .type = OT_STR, .flags = OF_JOB | OF_IGNORED, .group = "bt",
	.aria2 = AS_NOT_YET, .arg = "ADDR",
	.help = "Address to tell trackers.")
OPT(BT_FORCE_ENCRYPTION, .name = "bt-force-encryption", .type = OT_BOOL, .def = "false",
	.flags = OF_JOB | OF_OPTARG | OF_IGNORED, .group = "bt", .aria2 = AS_NOT_YET,
	.help = "Encrypted peer connections only.")
OPT(BT_HASH_CHECK_SEED, .name = "bt-hash-check-seed", .type = OT_BOOL, .def = "true",
	.flags = OF_JOB | OF_OPTARG | OF_IGNORED, .group = "bt", .aria2 = AS_NOT_YET,
	.help = "Seed after a hash check.")
OPT(BT_LOAD_SAVED_METADATA, .name = "bt-load-saved-metadata", .type = OT_BOOL, .def = "false",
	.flags = OF_JOB | OF_OPTARG | OF_IGNORED, .group = "bt", .aria2 = AS_NOT_YET,
	.help = "Look for a saved torrent file before peers are asked.")
OPT(BT_LPD_INTERFACE, .name = "bt-lpd-interface", .type = OT_STR, .flags = OF_START | OF_IGNORED, .group = "bt",
	.aria2 = AS_NOT_YET, .arg = "IFACE",
	.help = "Interface for local peer discovery.")
OPT(BT_MAX_OPEN_FILES, .name = "bt-max-open-files", .type = OT_INT, .def = "100", .min = 1, .max = INT32_MAX,
	.flags = OF_START | OF_GLOBAL | OF_IGNORED, .group = "bt", .aria2 = AS_NOT_YET, .arg = "N",
	.help = "Open files of multi-file torrents.")
OPT(BT_MAX_PEERS, .name = "bt-max-peers", .type = OT_INT, .def = "55", .max = INT32_MAX,
	.flags = OF_JOB_LIVE | OF_IGNORED, .group = "bt", .aria2 = AS_NOT_YET, .arg = "N",
	.help = "Peers of one torrent; 0: no limit.")
OPT(BT_METADATA_ONLY, .name = "bt-metadata-only", .type = OT_BOOL, .def = "false",
	.flags = OF_JOB | OF_OPTARG | OF_IGNORED, .group = "bt", .aria2 = AS_NOT_YET,
	.help = "Fetch only the metadata of a magnet link.")
OPT(BT_MIN_CRYPTO_LEVEL, .name = "bt-min-crypto-level", .type = OT_ENUM, .def = "plain", .values = "plain|arc4",
	.flags = OF_JOB | OF_IGNORED, .group = "bt", .aria2 = AS_NOT_YET, .arg = "LEVEL",
	.help = "Lowest encryption of peer connections.")
OPT(BT_PRIORITIZE_PIECE, .name = "bt-prioritize-piece", .type = OT_STR, .flags = OF_JOB | OF_IGNORED, .group = "bt",
	.aria2 = AS_NOT_YET, .arg = "head[=SIZE],tail[=SIZE]", .check = opt_check_head_tail,
	.help = "Parts of each file to fetch first.")
OPT(BT_REMOVE_UNSELECTED_FILE, .name = "bt-remove-unselected-file", .type = OT_BOOL, .def = "false",
	.flags = OF_JOB_LIVE | OF_OPTARG | OF_IGNORED, .group = "bt", .aria2 = AS_NOT_YET,
	.help = "Delete files that were not selected.")
OPT(BT_REQUEST_PEER_SPEED_LIMIT, .name = "bt-request-peer-speed-limit", .type = OT_SIZE, .def = "51200",
	.max = INT64_MAX, .flags = OF_JOB_LIVE | OF_IGNORED, .group = "bt", .aria2 = AS_NOT_YET, .arg = "SPEED",
	.help = "Ask for more peers below this speed.")
OPT(BT_REQUIRE_CRYPTO, .name = "bt-require-crypto", .type = OT_BOOL, .def = "false",
	.flags = OF_JOB | OF_OPTARG | OF_IGNORED, .group = "bt", .aria2 = AS_NOT_YET,
	.help = "Refuse peers without encryption.")
OPT(BT_SAVE_METADATA, .name = "bt-save-metadata", .type = OT_BOOL, .def = "false",
	.flags = OF_JOB | OF_OPTARG | OF_IGNORED, .group = "bt", .aria2 = AS_NOT_YET,
	.help = "Save the metadata of magnet links.")
OPT(BT_SEED_UNVERIFIED, .name = "bt-seed-unverified", .type = OT_BOOL, .def = "false",
	.flags = OF_JOB | OF_OPTARG | OF_IGNORED, .group = "bt", .aria2 = AS_NOT_YET,
	.help = "Seed without a check.")
OPT(BT_STOP_TIMEOUT, .name = "bt-stop-timeout", .type = OT_INT, .def = "0", .max = INT32_MAX,
	.flags = OF_JOB | OF_IGNORED, .group = "bt", .aria2 = AS_NOT_YET, .arg = "SEC",
	.help = "Stop after this long without speed; 0: never.")
OPT(BT_TRACKER, .name = "bt-tracker", .type = OT_STR, .flags = OF_JOB | OF_IGNORED, .group = "bt",
	.aria2 = AS_NOT_YET, .arg = "URI[,...]",
	.help = "More trackers.")
OPT(BT_TRACKER_CONNECT_TIMEOUT, .name = "bt-tracker-connect-timeout", .type = OT_INT, .def = "60", .min = 1,
	.max = 600, .flags = OF_JOB | OF_IGNORED, .group = "bt", .aria2 = AS_NOT_YET, .arg = "SEC",
	.help = "Longest time for connecting to a tracker.")
OPT(BT_TRACKER_INTERVAL, .name = "bt-tracker-interval", .type = OT_INT, .def = "0", .max = INT32_MAX,
	.flags = OF_JOB | OF_IGNORED, .group = "bt", .aria2 = AS_NOT_YET, .arg = "SEC",
	.help = "Interval of tracker requests; 0: as the tracker says.")
OPT(BT_TRACKER_TIMEOUT, .name = "bt-tracker-timeout", .type = OT_INT, .def = "60", .min = 1, .max = 600,
	.flags = OF_JOB | OF_IGNORED, .group = "bt", .aria2 = AS_NOT_YET, .arg = "SEC",
	.help = "Longest time without an answer of a tracker.")
OPT(CA_CERTIFICATE, .name = "ca-certificate", .type = OT_PATH,
	.flags = OF_START | OF_NORPC | OF_CLIENT, .group = "http", .aria2 = AS_SAME,
	.arg = "FILE",
	.help = "PEM file with the certificate authorities to trust. The default is the system's store.")
OPT(CERTIFICATE, .name = "certificate", .type = OT_PATH, .flags = OF_START | OF_NORPC | OF_CLIENT, .group = "http",
	.aria2 = AS_SAME, .arg = "FILE",
	.help = "File with the client certificate: PEM, or PKCS #12 with its key and without a password.")
OPT(CHECK_CERTIFICATE, .name = "check-certificate", .type = OT_BOOL, .def = "true",
	.flags = OF_START | OF_CLIENT | OF_OPTARG | OF_BASIC, .group = "http", .aria2 = AS_SAME,
	.help = "Verify the certificate and the host name of https servers.")
OPT(CHECK_INTEGRITY, .name = "check-integrity", .ch = 'V', .type = OT_BOOL, .def = "false",
	.flags = OF_JOB | OF_OPTARG, .group = "general", .aria2 = AS_BETTER,
	.help = "Verify a file of full size that is there already, when a checksum is given or the server sends one. A right "
		"one is complete without being fetched, with allow-overwrite, too; a wrong one is fetched again. What is "
		"fetched is always verified before it gets its name.",
	.why = "The wrong file stays until the new one was verified; aria2 empties it at once.")
OPT(CHECKSUM, .name = "checksum", .type = OT_CHECKSUM,
	.flags = OF_START | OF_INITIAL | OF_RESTART | OF_CLIENT | OF_ONCE | OF_BASIC, .group = "http",
	.aria2 = AS_BETTER, .arg = "TYPE=HEX",
	.help = "Checksum of the whole file, verified before it gets its final name. Types: sha-1, sha-224, sha-256, "
		"sha-384, sha-512, md5, adler32.",
	.why = "Computed while the file comes; the file only gets its name when it is right.")
OPT(CONDITIONAL_GET, .name = "conditional-get", .type = OT_BOOL, .def = "false",
	.flags = OF_JOB | OF_OPTARG,
	.group = "http", .aria2 = AS_BETTER,
	.help = "Fetch only when the server's file is newer than the local one. The first request carries the time of the file "
		"that out or the URI names, unless an unfinished download lies beside it. Answer 304: complete at once, with the "
		"size of the file that is there, which a given checksum must fit (aria2 tells no size, and does not verify). "
		"Any other answer: as without this option, so allow-overwrite is wanted as well.",
	.why = "After an answer 304 the size is known, and a given checksum is verified.")
OPT(CONF_PATH, .name = "conf-path", .type = OT_PATH,
	.flags = OF_START | OF_NORPC | OF_CLIENT | OF_BASIC, .group = "general", .aria2 = AS_SAME,
	.arg = "FILE",
	.help = "Read this configuration file. Otherwise $HOME/.aria2/aria2.conf, or else "
		"$XDG_CONFIG_HOME/haul/hauld.conf, or else $XDG_CONFIG_HOME/aria2/aria2.conf is read when there is "
		"one.",
	.why = "$XDG_CONFIG_HOME/haul/hauld.conf is looked for, too.")
OPT(CONGESTION, .name = "congestion", .type = OT_STR, .flags = OF_START | OF_CLIENT | OF_OWN, .group = "http", .arg = "NAME",
	.check = opt_check_congestion,
	.help = "Congestion control of the connections to servers, one of the kernel's: bbr, cubic, reno. It governs what "
		"hauld sends, that is requests; how fast a file comes is governed by the server's. One that the kernel "
		"refuses is told once in the log, and the system's is used. See /proc/sys/net/ipv4/tcp_allowed_congestion_control.")
OPT(CONNECT_TIMEOUT, .name = "connect-timeout", .type = OT_INT, .def = "60", .min = 1, .max = 600, .flags = OF_JOB,
	.group = "http", .aria2 = AS_SAME, .arg = "SEC",
	.help = "Longest time for connecting, TLS included. Afterwards timeout counts.")
OPT(CONSOLE_LOG_LEVEL, .name = "console-log-level", .type = OT_ENUM, .def = "notice",
	.values = "debug|info|notice|warn|error", .flags = OF_START | OF_CLIENT | OF_BASIC, .group = "ui",
	.aria2 = AS_SAME, .arg = "LEVEL",
	.help = "Lowest level that goes to the console. In haul get it is that of lines such as \"Download complete\"; the "
		"table of results and the readout are options of their own.")
OPT(CONTENT_DISPOSITION_DEFAULT_UTF8, .name = "content-disposition-default-utf8", .type = OT_BOOL, .def = "false",
	.flags = OF_JOB | OF_OPTARG, .group = "http", .aria2 = AS_BETTER,
	.help = "Read a plain filename= of the server as UTF-8 only. One that is no UTF-8 is not taken then, and the URI "
		"names the file. Without it a name that is valid UTF-8 is read as such, too, and any other as "
		"ISO-8859-1 (aria2 reads all of them as ISO-8859-1 then, which garbles most).",
	.why = "Without it a name that is valid UTF-8 is not garbled, either.")
OPT(CONTINUE, .name = "continue", .ch = 'c', .type = OT_BOOL, .def = "false", .flags = OF_JOB | OF_OPTARG | OF_BASIC,
	.group = "http", .aria2 = AS_BETTER,
	.help = "Continue a partial file that another program left. Downloads of the queue are always continued, and so is a "
		"file that aria2 left with its control file (NAME.aria2).",
	.why = "Continued to the byte, not in whole blocks of 16 KiB; a file that can't be continued is left as it "
		"was.")
OPT(DAEMON, .name = "daemon", .ch = 'D', .type = OT_BOOL, .def = "false",
	.flags = OF_START | OF_CLIENT | OF_OPTARG | OF_BASIC, .group = "general", .aria2 = AS_BETTER,
	.help = "Detach and run in the background. Under systemd leave it off.",
	.why = "The command returns when the start is over, with its exit code; the working directory stays.")
OPT(DEFERRED_INPUT, .name = "deferred-input", .type = OT_BOOL, .def = "false",
	.flags = OF_START | OF_CLIENT | OF_OPTARG, .group = "general", .aria2 = AS_BETTER,
	.help = "Read the input file entry by entry: haul get gives its daemon the next ones when few are left. A mistake "
		"in the file is then found late. Standard input, and a file with save-session, are read at once all the "
		"same, as in hauld.",
	.why = "hauld reads the file at once into the queue on disk, which is made for a million entries; haul get does as "
		"aria2.")
OPT(DENY_ADDRESS, .name = "deny-address", .type = OT_LIST, .flags = OF_START | OF_NORPC | OF_OWN, .group = "general",
	.arg = "ADDR[/BITS][,...]", .check = opt_check_cidrs,
	.help = "Addresses that are never asked, whoever names them. Link-local addresses, where clouds give out "
		"credentials, and hauld's own RPC port are refused without it. Given again, it adds to the list.")
OPT(DHT_ENTRY_POINT, .name = "dht-entry-point", .type = OT_STR, .flags = OF_START | OF_IGNORED, .group = "bt",
	.aria2 = AS_NOT_YET, .arg = "HOST:PORT", .check = opt_check_host_port,
	.help = "First node of the IPv4 DHT.")
OPT(DHT_ENTRY_POINT6, .name = "dht-entry-point6", .type = OT_STR, .flags = OF_START | OF_IGNORED, .group = "bt",
	.aria2 = AS_NOT_YET, .arg = "HOST:PORT", .check = opt_check_host_port,
	.help = "First node of the IPv6 DHT.")
OPT(DHT_FILE_PATH, .name = "dht-file-path", .type = OT_PATH, .flags = OF_START | OF_NORPC | OF_IGNORED, .group = "bt",
	.aria2 = AS_NOT_YET, .arg = "FILE",
	.help = "Table of the IPv4 DHT.")
OPT(DHT_FILE_PATH6, .name = "dht-file-path6", .type = OT_PATH, .flags = OF_START | OF_NORPC | OF_IGNORED, .group = "bt",
	.aria2 = AS_NOT_YET, .arg = "FILE",
	.help = "Table of the IPv6 DHT.")
OPT(DHT_LISTEN_ADDR6, .name = "dht-listen-addr6", .type = OT_STR, .flags = OF_START | OF_IGNORED, .group = "bt",
	.aria2 = AS_NOT_YET, .arg = "ADDR",
	.help = "Address of the IPv6 DHT.")
OPT(DHT_LISTEN_PORT, .name = "dht-listen-port", .type = OT_STR, .def = "6881-6999", .min = 1024, .max = 65535,
	.flags = OF_START | OF_IGNORED, .group = "bt", .aria2 = AS_NOT_YET, .arg = "PORTS", .check = opt_check_ranges,
	.help = "UDP ports of the DHT: numbers and ranges, as 6881,6885-6889.")
OPT(DHT_MESSAGE_TIMEOUT, .name = "dht-message-timeout", .type = OT_INT, .def = "10", .min = 1, .max = 60,
	.flags = OF_START | OF_IGNORED, .group = "bt", .aria2 = AS_NOT_YET, .arg = "SEC",
	.help = "Longest wait for a DHT answer.")
OPT(DIR, .name = "dir", .ch = 'd', .type = OT_PATH, .def = ".", .flags = OF_JOB | OF_BASIC, .group = "general",
	.aria2 = AS_BETTER, .arg = "DIR",
	.help = "Directory for the downloaded files. It is created with its parents; the default is the working "
		"directory at start.",
	.why = "Over RPC only the dir of the start, allowed-dirs and folders below them may be named.")
OPT(DISABLE_IPV6, .name = "disable-ipv6", .type = OT_BOOL, .def = "false", .flags = OF_START | OF_CLIENT | OF_OPTARG,
	.group = "general", .aria2 = AS_SAME,
	.help = "Use IPv4 only, also for the RPC listener.")
OPT(DISK_CACHE, .name = "disk-cache", .type = OT_SIZE, .def = "16777216", .max = INT64_MAX,
	.flags = OF_START | OF_IGNORED, .group = "general", .aria2 = AS_BETTER, .arg = "SIZE",
	.help = "Write cache of aria2. See memory-limit.",
	.why = "memory-limit bounds what is received and not yet on disk, of all downloads together.")
OPT(DISK_FULL, .name = "disk-full", .type = OT_ENUM, .def = "wait", .values = "wait|error",
	.flags = OF_JOB_LIVE | OF_OWN, .group = "general", .arg = "WHAT",
	.help = "What a download does whose disk is full. With wait it gives its slot to others and goes on by itself when there "
		"is room; with error it fails with exit code 9. A file that would not fit on the empty disk, or whose size is "
		"not known, always fails.")
OPT(DOWNLOAD_RESULT, .name = "download-result", .type = OT_ENUM, .def = "default", .values = "default|full|hide",
	.flags = OF_START | OF_GLOBAL | OF_CLIENT, .group = "ui", .aria2 = AS_BETTER, .arg = "FORM",
	.help = "Table of results at the end of haul get: default, full (with per cent), hide. On a terminal there is one "
		"only when this is given; hide leaves out the lines on what is complete there.",
	.why = "On a terminal each download has a line of its own instead, unless this is given.")
OPT(DRY_RUN, .name = "dry-run", .type = OT_BOOL, .def = "false",
	.flags = OF_START | OF_INITIAL | OF_GLOBAL | OF_CLIENT | OF_OPTARG, .group = "http", .aria2 = AS_BETTER,
	.help = "Ask only whether the file is there, and fetch nothing. HEAD is asked for, and GET where that is refused. Outcome, "
		"size and path are what a download would begin with; nothing is made in dir.",
	.why = "A server that refuses HEAD is asked by GET; in aria2 it fails.")
OPT(DSCP, .name = "dscp", .type = OT_INT, .def = "0", .max = INT32_MAX, .flags = OF_START | OF_CLIENT, .group = "general",
	.aria2 = AS_SAME, .arg = "N",
	.help = "DSCP value of outgoing packets.")
OPT(ENABLE_ASYNC_DNS6, .name = "enable-async-dns6", .type = OT_BOOL, .flags = OF_JOB | OF_OPTARG | OF_IGNORED,
	.group = "general", .aria2 = AS_BETTER,
	.help = "Deprecated in aria2.",
	.why = "Without effect in aria2, too; IPv6 addresses are always looked up unless disable-ipv6 is set.")
OPT(ENABLE_COLOR, .name = "enable-color", .type = OT_BOOL, .def = "true",
	.flags = OF_START | OF_CLIENT | OF_OPTARG, .group = "ui", .aria2 = AS_BETTER,
	.help = "Colours of haul get on a terminal. NO_COLOR in the environment turns them off, too.",
	.why = "None where there is no terminal, and none with NO_COLOR.")
OPT(ENABLE_DHT, .name = "enable-dht", .type = OT_BOOL, .def = "true", .flags = OF_START | OF_OPTARG | OF_IGNORED,
	.group = "bt", .aria2 = AS_NOT_YET,
	.help = "Take part in the IPv4 DHT.")
OPT(ENABLE_DHT6, .name = "enable-dht6", .type = OT_BOOL, .def = "false", .flags = OF_START | OF_OPTARG | OF_IGNORED,
	.group = "bt", .aria2 = AS_NOT_YET,
	.help = "Take part in the IPv6 DHT.")
OPT(ENABLE_HTTP_KEEP_ALIVE, .name = "enable-http-keep-alive", .type = OT_BOOL, .def = "true",
	.flags = OF_JOB | OF_OPTARG, .group = "http", .aria2 = AS_SAME,
	.help = "Use connections for more than one request.")
OPT(ENABLE_HTTP_PIPELINING, .name = "enable-http-pipelining", .type = OT_BOOL, .def = "false",
	.flags = OF_JOB | OF_OPTARG | OF_IGNORED, .group = "http", .aria2 = AS_BETTER,
	.help = "Requests ahead of answers in aria2.",
	.why = "One request asks for all that a connection is to fetch, so there is nothing to send ahead.")
OPT(ENABLE_MMAP, .name = "enable-mmap", .type = OT_BOOL, .def = "false", .flags = OF_JOB | OF_OPTARG | OF_IGNORED,
	.group = "general", .aria2 = AS_BETTER,
	.help = "Write through mapped files in aria2.",
	.why = "Data is received into page-aligned blocks and written from there without a copy.")
OPT(ENABLE_PEER_EXCHANGE, .name = "enable-peer-exchange", .type = OT_BOOL, .def = "true",
	.flags = OF_JOB | OF_OPTARG | OF_IGNORED, .group = "bt", .aria2 = AS_NOT_YET,
	.help = "Learn peers from peers.")
OPT(ENABLE_RPC, .name = "enable-rpc", .type = OT_BOOL, .def = "true", .flags = OF_START | OF_OPTARG | OF_BASIC,
	.group = "rpc", .aria2 = AS_SAME,
	.help = "Serve JSON-RPC over HTTP and WebSocket.",
	.why = "On by default: a download daemon without its RPC could not be told anything.")
OPT(EVENT_POLL, .name = "event-poll", .type = OT_ENUM, .def = "epoll", .values = "epoll|poll|select",
	.flags = OF_START | OF_IGNORED, .group = "general", .aria2 = AS_BETTER, .arg = "METHOD",
	.help = "Polling call of aria2. The event loop chooses it here.",
	.why = "The event loop uses epoll.")
OPT(FILE_ALLOCATION, .name = "file-allocation", .ch = 'a', .type = OT_ENUM, .def = "falloc",
	.values = "none|prealloc|trunc|falloc", .flags = OF_JOB | OF_BASIC, .group = "general",
	.aria2 = AS_BETTER, .arg = "METHOD",
	.help = "How space is reserved before a download. falloc reserves blocks at once and refuses a full disk "
		"early, trunc sets only the size, prealloc writes zeros where falloc is not supported, none does "
		"nothing.",
	.why = "falloc by default: prealloc writes every byte twice, falloc reserves the same space at once.")
OPT(FOLLOW_METALINK, .name = "follow-metalink", .type = OT_ENUM, .def = "true", .values = "true|mem|false",
	.flags = OF_JOB | OF_IGNORED, .group = "metalink", .aria2 = AS_NOT_YET, .arg = "true|mem|false",
	.help = "Open downloaded metalink files; mem: without saving them.")
OPT(FOLLOW_TORRENT, .name = "follow-torrent", .type = OT_ENUM, .def = "true", .values = "true|mem|false",
	.flags = OF_JOB | OF_IGNORED, .group = "bt", .aria2 = AS_NOT_YET, .arg = "true|mem|false",
	.help = "Open downloaded torrent files; mem: without saving them.")
OPT(FORCE_SAVE, .name = "force-save", .type = OT_BOOL, .def = "false", .flags = OF_JOB_LIVE | OF_OPTARG,
	.group = "general", .aria2 = AS_SAME,
	.help = "Keep finished and removed downloads in the session file, too.")
OPT(FORCE_SEQUENTIAL, .name = "force-sequential", .ch = 'Z', .type = OT_BOOL, .def = "false",
	.flags = OF_START | OF_CLIENT | OF_OPTARG | OF_BASIC, .group = "general", .aria2 = AS_SAME,
	.help = "Make each URI of the command line or of an input line a download of its own. Otherwise they are "
		"mirrors of one file.")
OPT(FTP_PASSWD, .name = "ftp-passwd", .type = OT_STR, .flags = OF_JOB | OF_SECRET | OF_IGNORED, .group = "ftp",
	.aria2 = AS_NOT_YET, .arg = "PASSWORD",
	.help = "Password for ftp.")
OPT(FTP_PASV, .name = "ftp-pasv", .ch = 'p', .type = OT_BOOL, .def = "true", .flags = OF_JOB | OF_OPTARG | OF_IGNORED,
	.group = "ftp", .aria2 = AS_NOT_YET,
	.help = "Passive mode.")
OPT(FTP_PROXY, .name = "ftp-proxy", .type = OT_PROXY, .flags = OF_JOB | OF_SECRET | OF_IGNORED, .group = "ftp",
	.aria2 = AS_NOT_YET, .arg = "PROXY",
	.help = "Proxy for ftp URIs, in the form of all-proxy.")
OPT(FTP_PROXY_PASSWD, .name = "ftp-proxy-passwd", .type = OT_STR, .flags = OF_JOB | OF_SECRET | OF_IGNORED,
	.group = "ftp", .aria2 = AS_NOT_YET, .arg = "PASSWORD",
	.help = "Password for ftp-proxy.")
OPT(FTP_PROXY_USER, .name = "ftp-proxy-user", .type = OT_STR, .flags = OF_JOB | OF_SECRET | OF_IGNORED,
	.group = "ftp", .aria2 = AS_NOT_YET, .arg = "USER",
	.help = "User name for ftp-proxy.")
OPT(FTP_REUSE_CONNECTION, .name = "ftp-reuse-connection", .type = OT_BOOL, .def = "true",
	.flags = OF_JOB | OF_OPTARG | OF_IGNORED, .group = "ftp", .aria2 = AS_NOT_YET,
	.help = "Keep the control connection.")
OPT(FTP_TYPE, .name = "ftp-type", .type = OT_ENUM, .def = "binary", .values = "binary|ascii",
	.flags = OF_JOB | OF_IGNORED, .group = "ftp", .aria2 = AS_NOT_YET, .arg = "TYPE",
	.help = "Transfer type.")
OPT(FTP_USER, .name = "ftp-user", .type = OT_STR, .flags = OF_JOB | OF_SECRET | OF_IGNORED, .group = "ftp",
	.aria2 = AS_NOT_YET, .arg = "USER",
	.help = "User name for ftp.")
OPT(GID, .name = "gid", .type = OT_GID, .flags = OF_START | OF_INITIAL | OF_CLIENT | OF_HIDDEN | OF_ONCE,
	.group = "general", .aria2 = AS_SAME, .arg = "GID",
	.help = "Identifier for the new download: 16 hex digits, not all zero, not in use. Random when not given.")
OPT(HASH_CHECK_ONLY, .name = "hash-check-only", .type = OT_BOOL, .def = "false",
	.flags = OF_JOB | OF_OPTARG,
	.group = "general", .aria2 = AS_BETTER,
	.help = "Verify the file that is there, as with check-integrity, and end: complete when its checksum is right, exit code "
		"32 when it is wrong, 1 when there is nothing to verify. Nothing is fetched or changed (aria2 makes an empty file "
		"for a missing one, and fetches a wrong one again).",
	.why = "Nothing is fetched or changed; aria2 fetches a wrong file again.")
OPT(HEADER, .name = "header", .type = OT_LIST, .flags = OF_JOB | OF_SECRET | OF_BASIC, .group = "http",
	.aria2 = AS_BETTER, .arg = "LINE",
	.check = opt_check_header,
	.help = "Add this \"Name: value\" to requests. May be given more than once; it takes the place of a built-in "
		"field of that name, and only goes to the origin of the given URI. Fields that frame a request or say its "
		"range are not sent.",
	.why = "The lines go to the origin of the given URI only, not to where it redirects; those that frame a "
		"request are not sent.")
OPT(HELP, .name = "help", .ch = 'h', .type = OT_STR, .def = "#basic",
	.flags = OF_START | OF_CLIENT | OF_OPTARG | OF_BASIC, .group = "ui", .aria2 = AS_SAME, .arg = "#GROUP|WORD",
	.help = "Print help: the options of a group (#basic, #all, #http ...), or those with a word in their name.")
OPT(HTTP_ACCEPT_GZIP, .name = "http-accept-gzip", .type = OT_BOOL, .def = "false", .flags = OF_JOB | OF_OPTARG,
	.group = "http", .aria2 = AS_SAME,
	.help = "Ask for gzip and deflate, and decode the answer. Such answers can neither be split nor resumed.")
OPT(HTTP_AUTH_CHALLENGE, .name = "http-auth-challenge", .type = OT_BOOL, .def = "false", .flags = OF_JOB | OF_OPTARG,
	.group = "http", .aria2 = AS_SAME,
	.help = "Send user name and password only when the server asks for them.")
OPT(HTTP_NO_CACHE, .name = "http-no-cache", .type = OT_BOOL, .def = "false", .flags = OF_JOB | OF_OPTARG,
	.group = "http", .aria2 = AS_SAME,
	.help = "Ask caches on the way for a fresh copy (Cache-Control and Pragma: no-cache).")
OPT(HTTP_PASSWD, .name = "http-passwd", .type = OT_STR, .flags = OF_JOB | OF_SECRET | OF_BASIC, .group = "http",
	.aria2 = AS_BETTER, .arg = "PASSWORD",
	.help = "Password for the server of the given URI.",
	.why = "Not sent to another server that the URI redirects to.")
OPT(HTTP_PROXY, .name = "http-proxy", .type = OT_PROXY, .flags = OF_JOB | OF_SECRET, .group = "http",
	.aria2 = AS_BETTER, .arg = "PROXY",
	.help = "Proxy for http URIs, in the form of all-proxy.",
	.why = "SOCKS5 proxies are taken, too; https://, of which aria2 makes http://, is refused.")
OPT(HTTP_PROXY_PASSWD, .name = "http-proxy-passwd", .type = OT_STR, .flags = OF_JOB | OF_SECRET, .group = "http",
	.aria2 = AS_SAME, .arg = "PASSWORD",
	.help = "Password for http-proxy. It goes before one in the proxy's URI.")
OPT(HTTP_PROXY_USER, .name = "http-proxy-user", .type = OT_STR, .flags = OF_JOB | OF_SECRET, .group = "http",
	.aria2 = AS_SAME, .arg = "USER",
	.help = "User name for http-proxy. It goes before one in the proxy's URI.")
OPT(HTTP_USER, .name = "http-user", .type = OT_STR, .flags = OF_JOB | OF_SECRET | OF_BASIC, .group = "http",
	.aria2 = AS_BETTER, .arg = "USER",
	.help = "User name for the server of the given URI.",
	.why = "Not sent to another server that the URI redirects to.")
OPT(HTTPS_PROXY, .name = "https-proxy", .type = OT_PROXY, .flags = OF_JOB | OF_SECRET, .group = "http",
	.aria2 = AS_BETTER, .arg = "PROXY",
	.help = "Proxy for https URIs, in the form of all-proxy. Connections go through it by CONNECT.",
	.why = "SOCKS5 proxies are taken, too; https://, of which aria2 makes http://, is refused.")
OPT(HTTPS_PROXY_PASSWD, .name = "https-proxy-passwd", .type = OT_STR, .flags = OF_JOB | OF_SECRET, .group = "http",
	.aria2 = AS_SAME, .arg = "PASSWORD",
	.help = "Password for https-proxy. It goes before one in the proxy's URI.")
OPT(HTTPS_PROXY_USER, .name = "https-proxy-user", .type = OT_STR, .flags = OF_JOB | OF_SECRET, .group = "http",
	.aria2 = AS_SAME, .arg = "USER",
	.help = "User name for https-proxy. It goes before one in the proxy's URI.")
OPT(HUMAN_READABLE, .name = "human-readable", .type = OT_BOOL, .def = "true",
	.flags = OF_START | OF_CLIENT | OF_OPTARG, .group = "ui", .aria2 = AS_SAME,
	.help = "Print sizes as KiB, MiB, GiB instead of bytes in haul get.")
OPT(INDEX_OUT, .name = "index-out", .ch = 'O', .type = OT_LIST,
	.flags = OF_START | OF_INITIAL | OF_RESTART | OF_CLIENT | OF_ONCE | OF_IGNORED, .group = "bt",
	.aria2 = AS_NOT_YET, .arg = "INDEX=PATH", .check = opt_check_index_path,
	.help = "Name of the torrent's file with this number. May be given more than once.")
OPT(INPUT_FILE, .name = "input-file", .ch = 'i', .type = OT_PATH, .flags = OF_START | OF_NORPC | OF_CLIENT | OF_BASIC,
	.group = "general", .aria2 = AS_BETTER, .arg = "FILE",
	.help = "Add the downloads listed in FILE, or in standard input when it is \"-\". One line of TAB-separated "
		"URIs for each file, its options below it on indented lines; gzip is recognised.",
	.why = "Entries that the queue still has unfinished are not added again.")
OPT(INTERFACE, .name = "interface", .type = OT_STR, .flags = OF_START | OF_CLIENT, .group = "general",
	.aria2 = AS_SAME, .arg = "IFACE",
	.help = "Bind outgoing connections to this interface, or to this local address.")
OPT(KEEP_UNFINISHED_DOWNLOAD_RESULT, .name = "keep-unfinished-download-result", .type = OT_BOOL, .def = "true",
	.flags = OF_START | OF_GLOBAL | OF_OPTARG, .group = "general", .aria2 = AS_BETTER,
	.help = "Keep failed downloads that max-download-result pushed out for the session file. At most 10000 of them; nothing "
		"else shows them, and purging the results forgets them, too.",
	.why = "They outlive a restart; purging the results forgets them, too.")
OPT(LISTEN_PORT, .name = "listen-port", .type = OT_STR, .def = "6881-6999", .min = 1024, .max = 65535,
	.flags = OF_START | OF_IGNORED, .group = "bt", .aria2 = AS_NOT_YET, .arg = "PORTS", .check = opt_check_ranges,
	.help = "TCP ports for peers: numbers and ranges, as 6881,6885-6889.")
OPT(LOAD_COOKIES, .name = "load-cookies", .type = OT_PATH,
	.flags = OF_START | OF_NORPC | OF_CLIENT, .group = "http", .aria2 = AS_BETTER,
	.arg = "FILE",
	.help = "Read cookies from FILE at the start: Netscape's text form, or the cookie database of Firefox or "
		"Chromium. A Cookie field given by header goes before them.",
	.why = "HttpOnly cookies are read, too; cookies for a whole top-level domain are not.")
OPT(LOG, .name = "log", .ch = 'l', .type = OT_PATH, .flags = OF_START | OF_GLOBAL | OF_NORPC | OF_CLIENT | OF_BASIC,
	.group = "general", .aria2 = AS_BETTER, .arg = "FILE",
	.help = "Append the log to FILE, or write it to standard output when it is \"-\".",
	.why = "Refused over RPC: a caller could name any file to be written.")
OPT(LOG_LEVEL, .name = "log-level", .type = OT_ENUM, .def = "debug", .values = "debug|info|notice|warn|error",
	.flags = OF_START | OF_GLOBAL | OF_CLIENT | OF_BASIC, .group = "general", .aria2 = AS_SAME, .arg = "LEVEL",
	.help = "Lowest level that goes to the log file.")
OPT(LOWEST_SPEED_LIMIT, .name = "lowest-speed-limit", .type = OT_SIZE, .def = "0", .max = INT64_MAX, .flags = OF_JOB,
	.group = "http", .aria2 = AS_BETTER, .arg = "SPEED",
	.help = "Give a connection up when it is slower than this for 10 seconds, in bytes a second. 0: off.",
	.why = "What was fetched is kept, and the error says that it was too slow.")
OPT(MAX_CONCURRENT_DOWNLOADS, .name = "max-concurrent-downloads", .ch = 'j', .type = OT_INT, .def = "5", .min = 1,
	.max = INT32_MAX, .flags = OF_START | OF_GLOBAL | OF_CLIENT | OF_BASIC, .group = "general",
	.aria2 = AS_SAME, .arg = "N",
	.help = "Downloads that run at the same time. The others wait in the queue; a lower number stops none that "
		"runs.")
OPT(MAX_CONNECTION_PER_SERVER, .name = "max-connection-per-server", .ch = 'x', .type = OT_INT, .def = "1",
	.def_said = "found out, up to 16; shown as 1", .min = 1, .max = 1024, .flags = OF_JOB | OF_BASIC, .group = "http", .aria2 = AS_BETTER, .arg = "N",
	.help = "Connections of one download to one server. Unless it is given the number is found out by measuring: a "
		"download begins with one and gets more while they bring more in sum, up to 16 at one server for all "
		"such downloads together (each has one); those that bring nothing are closed, and a server that refuses is asked for less. A "
		"number that is given, here or in the configuration, is used at once, as far as the file has parts of "
		"min-split-size (20M), so that a file of less than 320 MiB gets all of -x 16 only with a smaller -k; 1 means one.",
	.why = "Unless it is given as many as bring more are opened, up to 16; aria2 opens one. aria2 refuses more than 16; "
	       "a server that bears more should be used.")
OPT(MAX_DOWNLOAD_LIMIT, .name = "max-download-limit", .type = OT_SIZE, .def = "0", .max = INT64_MAX,
	.flags = OF_JOB_LIVE | OF_BASIC, .group = "http", .aria2 = AS_SAME, .arg = "SPEED",
	.help = "Limit for one download, in bytes a second. 0: none.")
OPT(MAX_DOWNLOAD_RESULT, .name = "max-download-result", .type = OT_INT, .def = "1000", .max = INT32_MAX,
	.flags = OF_START | OF_GLOBAL | OF_CLIENT, .group = "general", .aria2 = AS_BETTER, .arg = "N",
	.help = "Ended downloads that are remembered. The oldest are forgotten first; files are never touched. In haul "
		"get: rows of the table of results.",
	.why = "Results outlive a restart.")
OPT(MAX_FILE_NOT_FOUND, .name = "max-file-not-found", .type = OT_INT, .def = "0", .max = INT32_MAX, .flags = OF_JOB,
	.group = "http", .aria2 = AS_SAME, .arg = "N",
	.help = "Give up after this many answers 404 without a byte received. 0: the first one is final.")
OPT(MAX_MMAP_LIMIT, .name = "max-mmap-limit", .type = OT_SIZE, .def = "9223372036854775807", .max = INT64_MAX,
	.flags = OF_JOB | OF_IGNORED, .group = "general", .aria2 = AS_BETTER, .arg = "SIZE",
	.help = "Largest file for enable-mmap.",
	.why = "Nothing is mapped, so no file is too large.")
OPT(MAX_OVERALL_DOWNLOAD_LIMIT, .name = "max-overall-download-limit", .type = OT_SIZE, .def = "0", .max = INT64_MAX,
	.flags = OF_START | OF_GLOBAL | OF_CLIENT | OF_BASIC, .group = "http", .aria2 = AS_SAME, .arg = "SPEED",
	.help = "Limit for all downloads together, in bytes a second. 0: none.")
OPT(MAX_OVERALL_UPLOAD_LIMIT, .name = "max-overall-upload-limit", .type = OT_SIZE, .def = "0", .max = INT64_MAX,
	.flags = OF_START | OF_GLOBAL | OF_IGNORED, .group = "bt", .aria2 = AS_NOT_YET, .arg = "SPEED",
	.help = "Limit for all uploads, in bytes a second; 0: none.")
OPT(MAX_RESUME_FAILURE_TRIES, .name = "max-resume-failure-tries", .type = OT_INT, .def = "0", .max = INT32_MAX,
	.flags = OF_JOB, .group = "http", .aria2 = AS_SAME, .arg = "N",
	.help = "With always-resume=false: start over once this many sources could not go on where the file ends, and no "
		"connection is receiving. 0: when no source is left.")
OPT(MAX_RETRY_WAIT, .name = "max-retry-wait", .type = OT_INT, .def = "60", .min = 0, .max = 3600,
	.flags = OF_JOB | OF_OWN, .group = "http", .arg = "SEC",
	.help = "Longest wait before a URI is tried again. Waits double from retry-wait up to this; 0: no wait but "
		"retry-wait. What the server says itself, by Retry-After or RateLimit, counts when it is longer, up to "
		"an hour.")
OPT(MAX_TRIES, .name = "max-tries", .ch = 'm', .type = OT_INT, .def = "5", .max = INT32_MAX,
	.flags = OF_JOB | OF_BASIC, .group = "http", .aria2 = AS_BETTER, .arg = "N",
	.help = "Tries for each URI. 0: without end.",
	.why = "Counts failures in a row: each byte that comes begins the count anew.")
OPT(MAX_UPLOAD_LIMIT, .name = "max-upload-limit", .ch = 'u', .type = OT_SIZE, .def = "0", .max = INT64_MAX,
	.flags = OF_JOB_LIVE | OF_IGNORED, .group = "bt", .aria2 = AS_NOT_YET, .arg = "SPEED",
	.help = "Limit for one upload, in bytes a second; 0: none.")
OPT(MEMORY_LIMIT, .name = "memory-limit", .type = OT_SIZE, .def = "67108864", .min = 1048576, .max = INT64_MAX,
	.flags = OF_START | OF_OWN, .group = "general", .arg = "SIZE",
	.help = "Memory for received data that is not yet on disk, of all downloads together. When it is used up, "
		"reading from the network waits.")
OPT(METALINK_BASE_URI, .name = "metalink-base-uri", .type = OT_STR,
	.flags = OF_START | OF_INITIAL | OF_GLOBAL | OF_CLIENT | OF_IGNORED, .group = "metalink",
	.aria2 = AS_NOT_YET, .arg = "URI",
	.help = "Base of relative URIs in a local metalink file.")
OPT(METALINK_ENABLE_UNIQUE_PROTOCOL, .name = "metalink-enable-unique-protocol", .type = OT_BOOL, .def = "true",
	.flags = OF_JOB | OF_OPTARG | OF_IGNORED, .group = "metalink", .aria2 = AS_NOT_YET,
	.help = "One protocol for each mirror.")
OPT(METALINK_FILE, .name = "metalink-file", .ch = 'M', .type = OT_PATH, .flags = OF_START | OF_NORPC | OF_IGNORED,
	.group = "metalink", .aria2 = AS_NOT_YET, .arg = "FILE",
	.help = "Metalink file to read.")
OPT(METALINK_LANGUAGE, .name = "metalink-language", .type = OT_STR, .flags = OF_JOB | OF_IGNORED, .group = "metalink",
	.aria2 = AS_NOT_YET, .arg = "LANG",
	.help = "Language wanted.")
OPT(METALINK_LOCATION, .name = "metalink-location", .type = OT_STR, .flags = OF_JOB | OF_IGNORED, .group = "metalink",
	.aria2 = AS_NOT_YET, .arg = "CC[,...]",
	.help = "Preferred countries of mirrors.")
OPT(METALINK_OS, .name = "metalink-os", .type = OT_STR, .flags = OF_JOB | OF_IGNORED, .group = "metalink",
	.aria2 = AS_NOT_YET, .arg = "OS",
	.help = "Operating system wanted.")
OPT(METALINK_PREFERRED_PROTOCOL, .name = "metalink-preferred-protocol", .type = OT_ENUM, .def = "none",
	.values = "http|https|ftp|none", .flags = OF_JOB | OF_IGNORED, .group = "metalink",
	.aria2 = AS_NOT_YET, .arg = "PROTO",
	.help = "Preferred protocol of mirrors.")
OPT(METALINK_VERSION, .name = "metalink-version", .type = OT_STR, .flags = OF_JOB | OF_IGNORED, .group = "metalink",
	.aria2 = AS_NOT_YET, .arg = "VERSION",
	.help = "Version wanted.")
OPT(MIN_SPLIT_SIZE, .name = "min-split-size", .ch = 'k', .type = OT_SIZE, .def = "20971520",
	.def_said = "20M; 1M while the number of connections is found out", .min = 1048576, .max = 1073741824, .flags = OF_JOB | OF_BASIC, .group = "http", .aria2 = AS_BETTER, .arg = "SIZE",
	.help = "A range is split between connections only while both parts are at least this large. Near the end others "
		"may take less than this from a connection that crawls. Unless this or max-connection-per-server is given "
		"it is 1M.",
	.why = "While the number of connections is found out, and this is not given, it is 1M.")
OPT(MIN_TLS_VERSION, .name = "min-tls-version", .type = OT_ENUM, .def = "TLSv1.2",
	.values = "TLSv1.1|TLSv1.2|TLSv1.3", .flags = OF_START | OF_CLIENT, .group = "general",
	.aria2 = AS_SAME, .arg = "VERSION",
	.help = "Lowest TLS version for downloads and for the RPC port.")
OPT(MULTIPLE_INTERFACE, .name = "multiple-interface", .type = OT_STR,
	.flags = OF_START | OF_CLIENT, .group = "general", .aria2 = AS_SAME,
	.arg = "IFACE[,...]",
	.help = "Spread connections over these interfaces or local addresses. Not looked at when interface is set.")
OPT(NETRC_PATH, .name = "netrc-path", .type = OT_PATH,
	.flags = OF_START | OF_NORPC | OF_CLIENT, .group = "http", .aria2 = AS_BETTER, .arg = "FILE",
	.help = "Where user names and passwords of servers are read from, at the start and on SIGHUP. Refused when "
		"group or others have any right to it; the default is $HOME/.netrc. An entry is for exactly its host; "
		"where a redirect leads, for its https at port 443 only.",
	.why = "An entry is for exactly its host, so .domain entries match nothing; SIGHUP reads the file again.")
OPT(NO_CONF, .name = "no-conf", .type = OT_BOOL, .def = "false", .flags = OF_START | OF_CLIENT | OF_OPTARG | OF_BASIC,
	.group = "general", .aria2 = AS_SAME,
	.help = "Read no configuration file.")
OPT(NO_FILE_ALLOCATION_LIMIT, .name = "no-file-allocation-limit", .type = OT_SIZE, .def = "5242880", .max = INT64_MAX,
	.flags = OF_JOB, .group = "general", .aria2 = AS_SAME, .arg = "SIZE",
	.help = "Files smaller than this are not preallocated.")
OPT(NO_NETRC, .name = "no-netrc", .ch = 'n', .type = OT_BOOL, .def = "false",
	.flags = OF_JOB | OF_OPTARG, .group = "http", .aria2 = AS_SAME,
	.help = "Don't look into the .netrc file.")
OPT(NO_PROXY, .name = "no-proxy", .type = OT_STR, .flags = OF_JOB, .group = "http",
	.aria2 = AS_BETTER, .arg = "HOST[,...]",
	.help = "Hosts that are asked without a proxy: names, .domain suffixes, addresses, address/bits, each maybe with :PORT; "
		"* is any. A name in no_proxy of the environment is meant with those below it.",
	.why = "*.domain and :PORT are understood, too; in no_proxy of the environment example.com covers www.example.com, as with "
	       "other programs.")
OPT(NO_WANT_DIGEST_HEADER, .name = "no-want-digest-header", .type = OT_BOOL, .def = "false",
	.flags = OF_JOB | OF_OPTARG, .group = "http", .aria2 = AS_SAME,
	.help = "Don't ask servers for a digest of the file (Want-Digest). Some answer wrongly when they are asked.")
OPT(ON_BT_DOWNLOAD_COMPLETE, .name = "on-bt-download-complete", .type = OT_PATH,
	.flags = OF_START | OF_NORPC | OF_HOOK | OF_IGNORED,
	.group = "bt", .aria2 = AS_NOT_YET, .arg = "COMMAND",
	.help = "Program to run when a torrent is complete, before it seeds.")
OPT(ON_DOWNLOAD_COMPLETE, .name = "on-download-complete", .type = OT_PATH,
	.flags = OF_START | OF_NORPC | OF_HOOK | OF_CLIENT, .group = "general", .aria2 = AS_SAME,
	.arg = "COMMAND",
	.help = "Program to run when a download is complete, instead of on-download-stop. Arguments: GID, number of "
		"files, path of the first file. What it prints goes to standard output. At most 32 hooks run at a time, "
		"the others wait for their turn.")
OPT(ON_DOWNLOAD_ERROR, .name = "on-download-error", .type = OT_PATH, .flags = OF_START | OF_NORPC | OF_HOOK | OF_CLIENT,
	.group = "general",
	.aria2 = AS_SAME, .arg = "COMMAND",
	.help = "Program to run when a download failed, instead of on-download-stop. Arguments as for "
		"on-download-complete.")
OPT(ON_DOWNLOAD_PAUSE, .name = "on-download-pause", .type = OT_PATH, .flags = OF_START | OF_NORPC | OF_HOOK | OF_CLIENT,
	.group = "general",
	.aria2 = AS_SAME, .arg = "COMMAND",
	.help = "Program to run when a running download was paused. Arguments as for on-download-complete.")
OPT(ON_DOWNLOAD_START, .name = "on-download-start", .type = OT_PATH, .flags = OF_START | OF_NORPC | OF_HOOK | OF_CLIENT,
	.group = "general",
	.aria2 = AS_SAME, .arg = "COMMAND",
	.help = "Program to run when a download starts, also after a pause. Arguments as for on-download-complete.")
OPT(ON_DOWNLOAD_STOP, .name = "on-download-stop", .type = OT_PATH, .flags = OF_START | OF_NORPC | OF_HOOK | OF_CLIENT,
	.group = "general",
	.aria2 = AS_SAME, .arg = "COMMAND",
	.help = "Program to run when a running download was removed, and when one ended that has no hook of its own. "
		"Arguments as for on-download-complete.")
OPT(OPTIMIZE_CONCURRENT_DOWNLOADS, .name = "optimize-concurrent-downloads", .type = OT_SLOTS, .def = "false",
	.flags = OF_START | OF_GLOBAL | OF_OPTARG, .group = "general", .aria2 = AS_SAME, .arg = "true|false|A:B",
	.help = "Derive the number of running downloads from the speed: A + B * log10(Mbit/s), at most "
		"max-concurrent-downloads. true takes 5:25.")
OPT(OUT, .name = "out", .ch = 'o', .type = OT_PATH,
	.flags = OF_START | OF_INITIAL | OF_RESTART | OF_CLIENT | OF_ONCE | OF_BASIC, .group = "http",
	.aria2 = AS_BETTER, .arg = "NAME",
	.check = opt_check_out,
	.help = "Name of the file, relative to dir. It can't leave dir; one download only.",
	.why = "It can't leave dir; a name that begins with a slash is refused rather than bent.")
OPT(PARAMETERIZED_URI, .name = "parameterized-uri", .ch = 'P', .type = OT_BOOL, .def = "false",
	.flags = OF_START | OF_INITIAL | OF_GLOBAL | OF_CLIENT | OF_OPTARG | OF_BASIC, .group = "general",
	.aria2 = AS_SAME,
	.help = "Expand {a,b,c} and [1-10:2] in URIs.")
OPT(PAUSE, .name = "pause", .type = OT_BOOL, .def = "false",
	.flags = OF_START | OF_INITIAL | OF_CLIENT | OF_OPTARG | OF_HIDDEN | OF_ONCE, .group = "general",
	.aria2 = AS_SAME,
	.help = "Add the download paused.")
OPT(PAUSE_METADATA, .name = "pause-metadata", .type = OT_BOOL, .def = "false",
	.flags = OF_JOB | OF_OPTARG | OF_IGNORED, .group = "general", .aria2 = AS_NOT_YET,
	.help = "Pause downloads that come out of torrent or metalink files.",
	.why = "No downloads come out of torrent or metalink files.")
OPT(PEER_AGENT, .name = "peer-agent", .type = OT_STR, .def = "aria2/1.36.0", .flags = OF_START | OF_IGNORED,
	.group = "bt", .aria2 = AS_NOT_YET, .arg = "TEXT",
	.help = "Client name told to peers.")
OPT(PEER_ID_PREFIX, .name = "peer-id-prefix", .type = OT_STR, .def = "A2-1-36-0-", .flags = OF_START | OF_IGNORED,
	.group = "bt", .aria2 = AS_NOT_YET, .arg = "TEXT",
	.help = "First bytes of the peer id.")
OPT(PIECE_LENGTH, .name = "piece-length", .type = OT_SIZE, .def = "1048576", .min = 1048576, .max = 1073741824,
	.flags = OF_START | OF_INITIAL | OF_GLOBAL | OF_CLIENT, .group = "http", .aria2 = AS_BETTER, .arg = "SIZE",
	.help = "Unit of the piece map that RPC clients see.",
	.why = "It only says what the piece map shows, and where parts end that are taken in order; progress is kept to the byte.")
OPT(PRINT, .name = "print", .type = OT_ENUM, .values = "md|aria2|man|json|bash", .flags = OF_START | OF_OWN | OF_HIDDEN,
	.group = "ui", .arg = "FORM",
	.help = "Print what is made from the option table, and end: md (reference), aria2 (how hauld meets aria2's "
		"options), man (manual page), json, bash (completion).")
OPT(PRIVATE_KEY, .name = "private-key", .type = OT_PATH, .flags = OF_START | OF_NORPC | OF_CLIENT, .group = "http",
	.aria2 = AS_SAME, .arg = "FILE",
	.help = "PEM file with the key of the client certificate. Without it the key is looked for beside the certificate, "
		"in the same file.")
OPT(PROXY_METHOD, .name = "proxy-method", .type = OT_ENUM, .def = "get", .values = "get|tunnel", .flags = OF_JOB,
	.group = "http", .aria2 = AS_SAME, .arg = "METHOD",
	.help = "How plain http goes through a proxy: get sends the whole URI, tunnel uses CONNECT. https always "
		"tunnels.")
OPT(QUIET, .name = "quiet", .ch = 'q', .type = OT_BOOL, .def = "false",
	.flags = OF_START | OF_CLIENT | OF_OPTARG | OF_BASIC, .group = "ui", .aria2 = AS_SAME,
	.help = "Print nothing on the console but the reason of a failed start.")
OPT(REALTIME_CHUNK_CHECKSUM, .name = "realtime-chunk-checksum", .type = OT_BOOL, .def = "true",
	.flags = OF_JOB | OF_OPTARG | OF_IGNORED, .group = "general", .aria2 = AS_NOT_YET,
	.help = "Check piece hashes while downloading in aria2.",
	.why = "Hashes of pieces come with Metalink and BitTorrent only.")
OPT(REFERER, .name = "referer", .type = OT_STR, .flags = OF_JOB | OF_BASIC, .group = "http",
	.aria2 = AS_SAME, .arg = "URI",
	.help = "Referer field of requests. \"*\" stands for the URI itself.")
OPT(REMOTE_TIME, .name = "remote-time", .ch = 'R', .type = OT_BOOL, .def = "false", .flags = OF_JOB | OF_OPTARG,
	.group = "http", .aria2 = AS_SAME,
	.help = "Give the file the server's modification time.")
OPT(REMOVE_CONTROL_FILE, .name = "remove-control-file", .type = OT_BOOL, .def = "false",
	.flags = OF_JOB | OF_OPTARG, .group = "general", .aria2 = AS_SAME,
	.help = "Remove the control file NAME.aria2 that aria2 left, rather than take over what it has finished of NAME. "
		"Then NAME is treated like any file that exists already.")
OPT(RESERVE_SPACE, .name = "reserve-space", .type = OT_SIZE, .def = "67108864", .max = INT64_MAX,
	.flags = OF_START | OF_GLOBAL | OF_OWN | OF_BASIC, .group = "general", .arg = "SIZE",
	.help = "Space to leave free on the file system that a download goes to. For a download that would take it the "
		"disk is full (disk-full). Looked at before a file is made or gets its size.")
OPT(RESOLVE, .name = "resolve", .type = OT_LIST, .flags = OF_START | OF_OWN, .group = "http", .arg = "HOST:PORT:ADDR",
	.check = opt_check_resolve,
	.help = "Connect to ADDR for HOST and PORT instead of asking the name server. May be given more than once; "
		"IPv6 addresses in brackets or bare.")
OPT(RETRY_WAIT, .name = "retry-wait", .type = OT_INT, .def = "0", .max = 600, .flags = OF_JOB | OF_BASIC,
	.group = "http", .aria2 = AS_BETTER, .arg = "SEC",
	.help = "Shortest wait before a URI is tried again. Waits grow from there up to max-retry-wait.",
	.why = "Network errors wait, too, and waits grow; a server that is busy is asked again without it, too, "
		"after its Retry-After.")
OPT(REUSE_URI, .name = "reuse-uri", .type = OT_BOOL, .def = "true",
	.flags = OF_JOB | OF_OPTARG | OF_IGNORED, .group = "http", .aria2 = AS_NOT_YET,
	.help = "Use URIs again when all have been used. Accepted; no effect yet. A URI is used as often as its "
		"server allows.",
	.why = "A URI is used for as many connections as max-connection-per-server allows, also with false.")
OPT(RLIMIT_NOFILE, .name = "rlimit-nofile", .type = OT_INT, .def = "1024", .min = 1, .max = INT32_MAX,
	.flags = OF_START, .group = "general", .aria2 = AS_BETTER, .arg = "N",
	.help = "Raise the limit of open files to N, at most to the hard limit. It is never lowered.",
	.why = "When it is not given, the limit is raised to the hard limit: each connection takes a file.")
OPT(RPC_ALLOW_JSONP, .name = "rpc-allow-jsonp", .type = OT_BOOL, .def = "false",
	.flags = OF_START | OF_NORPC | OF_OWN | OF_OPTARG, .group = "rpc",
	.help = "Answer GET requests that name a jsoncallback. Any web page can read such answers when it knows the "
		"token.")
OPT(RPC_ALLOW_ORIGIN_ALL, .name = "rpc-allow-origin-all", .type = OT_BOOL, .def = "false",
	.flags = OF_START | OF_NORPC | OF_OPTARG, .group = "rpc", .aria2 = AS_BETTER,
	.help = "Let web pages of any origin use the RPC. Set rpc-secret as well.",
	.why = "Without it, a call of a foreign page is refused; aria2 runs it and only keeps the answer back.")
OPT(RPC_ALLOWED_HOST, .name = "rpc-allowed-host", .type = OT_STR, .flags = OF_START | OF_NORPC | OF_OWN, .group = "rpc",
	.arg = "NAME[,...]", .check = opt_check_hosts,
	.help = "Names by which callers may address hauld (their Host), besides those of this machine. For a reverse "
		"proxy that keeps the Host. Names that nobody can have on the internet need not be listed once "
		"rpc-secret is set: nas, aria2 or nas.lan.")
OPT(RPC_CERTIFICATE, .name = "rpc-certificate", .type = OT_PATH,
	.flags = OF_START | OF_NORPC, .group = "rpc", .aria2 = AS_SAME, .arg = "FILE",
	.help = "File with the certificate for rpc-secure: PEM, or PKCS #12 with its key and without a password.")
OPT(RPC_LISTEN_ADDRESS, .name = "rpc-listen-address", .type = OT_STR,
	.flags = OF_START | OF_NORPC | OF_OWN, .group = "rpc",
	.arg = "ADDR",
	.help = "Listen on this address instead of the loopback. Goes before rpc-listen-all.")
OPT(RPC_LISTEN_ALL, .name = "rpc-listen-all", .type = OT_BOOL, .def = "false",
	.flags = OF_START | OF_NORPC | OF_OPTARG | OF_BASIC, .group = "rpc", .aria2 = AS_BETTER,
	.help = "Listen on all addresses of the machine instead of the loopback only. Set rpc-secret as well.",
	.why = "Refused without rpc-secret.")
OPT(RPC_LISTEN_PORT, .name = "rpc-listen-port", .type = OT_INT, .def = "6800", .min = 1024, .max = 65535,
	.flags = OF_START | OF_BASIC, .group = "rpc", .aria2 = AS_BETTER, .arg = "PORT",
	.help = "TCP port of the RPC.",
	.why = "The port must be free: two daemons never share it half and half.")
OPT(RPC_MAX_REQUEST_SIZE, .name = "rpc-max-request-size", .type = OT_SIZE, .def = "2097152", .max = INT64_MAX,
	.flags = OF_START, .group = "rpc", .aria2 = AS_SAME, .arg = "SIZE",
	.help = "Largest RPC request.")
OPT(RPC_PASSWD, .name = "rpc-passwd", .type = OT_STR, .flags = OF_START | OF_NORPC | OF_SECRET, .group = "rpc",
	.aria2 = AS_SAME, .arg = "PASSWORD",
	.help = "Password for rpc-user. Deprecated: use rpc-secret.")
OPT(RPC_PRIVATE_KEY, .name = "rpc-private-key", .type = OT_PATH,
	.flags = OF_START | OF_NORPC, .group = "rpc", .aria2 = AS_SAME, .arg = "FILE",
	.help = "PEM file with the key for rpc-secure. Without it the key is looked for beside the certificate.")
OPT(RPC_SAVE_UPLOAD_METADATA, .name = "rpc-save-upload-metadata", .type = OT_BOOL, .def = "true",
	.flags = OF_START | OF_INITIAL | OF_GLOBAL | OF_CLIENT | OF_OPTARG | OF_IGNORED, .group = "rpc",
	.aria2 = AS_NOT_YET,
	.help = "Keep uploaded torrent and metalink files.",
	.why = "No torrent or metalink can be uploaded.")
OPT(RPC_SECRET, .name = "rpc-secret", .type = OT_STR,
	.flags = OF_START | OF_NORPC | OF_CLIENT | OF_SECRET | OF_HIDDEN | OF_BASIC, .group = "rpc",
	.aria2 = AS_SAME, .arg = "TOKEN",
	.check = opt_check_not_empty,
	.help = "Token that every RPC call must carry. In the configuration file it stays out of the process list.")
OPT(RPC_SECURE, .name = "rpc-secure", .type = OT_BOOL, .def = "false",
	.flags = OF_START | OF_NORPC | OF_OPTARG, .group = "rpc", .aria2 = AS_SAME,
	.help = "Serve the RPC over TLS, with rpc-certificate and rpc-private-key.")
OPT(RPC_SOCKET, .name = "rpc-socket", .type = OT_PATH,
	.flags = OF_START | OF_NORPC | OF_OWN, .group = "rpc", .arg = "PATH",
	.help = "Serve the RPC on this Unix socket, too.")
OPT(RPC_USER, .name = "rpc-user", .type = OT_STR,
	.flags = OF_START | OF_NORPC | OF_SECRET, .group = "rpc", .aria2 = AS_SAME, .arg = "USER",
	.help = "User name for HTTP basic authentication of the RPC. Deprecated: use rpc-secret.")
OPT(SAVE_COOKIES, .name = "save-cookies", .type = OT_PATH,
	.flags = OF_START | OF_GLOBAL | OF_NORPC | OF_CLIENT, .group = "http", .aria2 = AS_BETTER,
	.arg = "FILE",
	.help = "Write cookies to FILE at exit, in Netscape's text form, for the owner's eyes only.",
	.why = "The file is for its owner only; refused over RPC: a caller could name any file to be written.")
OPT(SAVE_NOT_FOUND, .name = "save-not-found", .type = OT_BOOL, .def = "true", .flags = OF_JOB_LIVE | OF_OPTARG,
	.group = "general", .aria2 = AS_SAME,
	.help = "Write downloads that failed with 404 to the session file.")
OPT(SAVE_SESSION, .name = "save-session", .type = OT_PATH, .flags = OF_START | OF_GLOBAL | OF_NORPC | OF_CLIENT,
	.group = "general", .aria2 = AS_BETTER, .arg = "FILE",
	.help = "Write unfinished downloads to FILE at exit, in the form of an input file; gzip when the name ends "
		"in .gz. The queue itself is always kept in state-dir.",
	.why = "Not needed for the queue, which is on disk; refused over RPC: a caller could name any file to be "
		"written.")
OPT(SAVE_SESSION_INTERVAL, .name = "save-session-interval", .type = OT_INT, .def = "0", .max = INT32_MAX,
	.flags = OF_START | OF_CLIENT, .group = "general", .aria2 = AS_SAME, .arg = "SEC",
	.help = "Write the save-session file this often, too. 0: only at exit.")
OPT(SEED_RATIO, .name = "seed-ratio", .type = OT_FLOAT, .def = "1.0", .flags = OF_JOB | OF_IGNORED, .group = "bt",
	.aria2 = AS_NOT_YET, .arg = "RATIO",
	.help = "Seed until this much was uploaded; 0.0: without end.")
OPT(SEED_TIME, .name = "seed-time", .type = OT_FLOAT, .flags = OF_JOB | OF_IGNORED, .group = "bt",
	.aria2 = AS_NOT_YET, .arg = "MINUTES",
	.help = "Seed for this long.")
OPT(SELECT_FILE, .name = "select-file", .type = OT_STR, .min = 1, .max = 1048576,
	.flags = OF_START | OF_INITIAL | OF_RESTART | OF_CLIENT | OF_ONCE | OF_IGNORED, .group = "bt",
	.aria2 = AS_NOT_YET, .arg = "N[-M][,...]", .check = opt_check_ranges,
	.help = "Files of a torrent to fetch, by number.")
OPT(SERVER_STAT_IF, .name = "server-stat-if", .type = OT_PATH,
	.flags = OF_START | OF_NORPC | OF_CLIENT | OF_IGNORED, .group = "http", .aria2 = AS_NOT_YET,
	.arg = "FILE",
	.help = "Read what is known of servers' speed from FILE at start. Accepted; no effect yet.",
	.why = "Nothing is learnt about servers' speed.")
OPT(SERVER_STAT_OF, .name = "server-stat-of", .type = OT_PATH, .flags = OF_START | OF_GLOBAL | OF_NORPC | OF_CLIENT | OF_IGNORED,
	.group = "http", .aria2 = AS_NOT_YET, .arg = "FILE",
	.help = "Write what is known of servers' speed to FILE at exit. Accepted; no effect yet.",
	.why = "Nothing is learnt about servers' speed; refused over RPC: a caller could name any file to be "
		"written.")
OPT(SERVER_STAT_TIMEOUT, .name = "server-stat-timeout", .type = OT_INT, .def = "86400", .max = INT32_MAX,
	.flags = OF_START | OF_CLIENT | OF_IGNORED, .group = "http", .aria2 = AS_NOT_YET, .arg = "SEC",
	.help = "Age after which records of server-stat-if are passed over. Accepted; no effect yet.",
	.why = "Nothing is learnt about servers' speed.")
OPT(SHOW_CONSOLE_READOUT, .name = "show-console-readout", .type = OT_BOOL, .def = "true",
	.flags = OF_START | OF_CLIENT, .group = "ui", .aria2 = AS_BETTER, .arg = "true|false",
	.help = "Show what runs, a line a second, in haul get. On a terminal bars stand in its place; giving this puts "
		"aria2's line there (true) or nothing (false).",
	.why = "On a terminal there are bars instead, unless this is given.")
OPT(SHOW_FILES, .name = "show-files", .ch = 'S', .type = OT_BOOL, .def = "false",
	.flags = OF_START | OF_OPTARG | OF_IGNORED, .group = "bt", .aria2 = AS_NOT_YET,
	.help = "List what is in a torrent or metalink file, and end.")
OPT(SOCKET_RECV_BUFFER_SIZE, .name = "socket-recv-buffer-size", .type = OT_SIZE, .def = "0", .max = 16777216,
	.flags = OF_START | OF_CLIENT, .group = "general", .aria2 = AS_SAME, .arg = "SIZE",
	.help = "Receive buffer of each connection in the kernel. 0: the system decides.")
OPT(SPLIT, .name = "split", .ch = 's', .type = OT_INT, .def = "5",
	.def_said = "16, or max-connection-per-server if more; shown as 5", .min = 1, .max = INT32_MAX,
	.flags = OF_JOB | OF_BASIC, .group = "http", .aria2 = AS_BETTER, .arg = "N",
	.help = "Connections of one download over all its URIs, at most. Unless it is given it is 16, or "
		"max-connection-per-server where that is given and is more.",
	.why = "Unless it is given it leaves room for 16 connections, and for max-connection-per-server; in aria2 it is 5 then.")
OPT(SSH_HOST_KEY_MD, .name = "ssh-host-key-md", .type = OT_STR, .flags = OF_JOB | OF_IGNORED, .group = "ftp",
	.aria2 = AS_NOT_YET, .arg = "TYPE=HEX", .check = opt_check_key_digest,
	.help = "Digest of the host key of an sftp server: sha-1 or md5.")
OPT(STALL_TIMEOUT, .name = "stall-timeout", .type = OT_INT, .def = "15", .max = 600,
	.flags = OF_JOB | OF_OWN,
	.group = "http", .arg = "SEC",
	.help = "Give a connection up when it brought no byte for so long while others of the download did, or another URI "
		"is there to be asked. 0: never.")
OPT(STATE_DIR, .name = "state-dir", .type = OT_PATH,
	.flags = OF_START | OF_NORPC | OF_OWN | OF_BASIC, .group = "general",
	.arg = "DIR",
	.help = "Where the queue and the progress of downloads are kept. The default is systemd's $STATE_DIRECTORY, "
		"or else $XDG_STATE_HOME/haul.")
OPT(STDERR, .name = "stderr", .type = OT_BOOL, .def = "false",
	.flags = OF_START | OF_CLIENT | OF_OPTARG, .group = "ui", .aria2 = AS_SAME,
	.help = "Print to standard error what haul get would print to standard output. The log of hauld always goes "
		"there.")
OPT(STOP, .name = "stop", .type = OT_INT, .def = "0", .max = INT32_MAX, .flags = OF_START | OF_CLIENT,
	.group = "general", .aria2 = AS_SAME, .arg = "SEC",
	.help = "End the process after this many seconds. 0: never.")
OPT(STOP_WITH_PROCESS, .name = "stop-with-process", .type = OT_INT, .max = INT32_MAX, .flags = OF_START | OF_CLIENT,
	.group = "general", .aria2 = AS_SAME, .arg = "PID",
	.help = "End when the process with this number is gone.")
OPT(STREAM_PIECE_SELECTOR, .name = "stream-piece-selector", .type = OT_ENUM, .def = "default",
	.values = "default|inorder|random|geom", .flags = OF_JOB, .group = "http", .aria2 = AS_BETTER, .arg = "METHOD",
	.help = "Which missing part a connection without work takes. default: the first gap, then a share of the largest range "
		"under way, for few requests. inorder: the first min-split-size bytes that nobody fetches, so that the beginning "
		"of the file is there first. geom: the same in parts as long as all before them, with few requests. random: as "
		"default.",
	.why = "default asks for large ranges, of which connections take shares; random is as default.")
OPT(SUMMARY_INTERVAL, .name = "summary-interval", .type = OT_INT, .def = "60", .max = INT32_MAX,
	.flags = OF_START | OF_CLIENT, .group = "ui", .aria2 = AS_BETTER, .arg = "SEC",
	.help = "Seconds between progress summaries of haul get. 0: none. On a terminal there are some only when this is "
		"given.",
	.why = "On a terminal bars show as much, so there are none unless this is given.")
OPT(TIMEOUT, .name = "timeout", .ch = 't', .type = OT_INT, .def = "60", .min = 1, .max = 600,
	.flags = OF_JOB | OF_BASIC, .group = "http", .aria2 = AS_SAME, .arg = "SEC",
	.help = "Longest time without a byte on a connection.")
OPT(TORRENT_FILE, .name = "torrent-file", .ch = 'T', .type = OT_PATH, .flags = OF_START | OF_NORPC | OF_IGNORED, .group = "bt",
	.aria2 = AS_NOT_YET, .arg = "FILE",
	.help = "Torrent file to fetch.")
OPT(TRUNCATE_CONSOLE_READOUT, .name = "truncate-console-readout", .type = OT_BOOL, .def = "true",
	.flags = OF_START | OF_CLIENT | OF_OPTARG, .group = "ui", .aria2 = AS_BETTER,
	.help = "Cut the readout of haul get at the terminal's width. Giving this puts aria2's readout in the place of "
		"the bars.",
	.why = "Bars always fit the terminal; this is about the readout in their place.")
OPT(URI_SELECTOR, .name = "uri-selector", .type = OT_ENUM, .def = "feedback", .values = "inorder|feedback|adaptive",
	.flags = OF_JOB, .group = "http", .aria2 = AS_BETTER, .arg = "METHOD",
	.help = "Which URI the next connection takes. inorder: the first in the list that works and has room. feedback, "
		"adaptive: in proportion to what a connection to each brings, new ones first.",
	.why = "Measured within each download, connection by connection; server-stat files are not needed for it.")
OPT(USE_HEAD, .name = "use-head", .type = OT_BOOL, .def = "false",
	.flags = OF_JOB | OF_OPTARG, .group = "http", .aria2 = AS_BETTER,
	.help = "Begin with a HEAD request. It saves the first GET for a file that is there already, and costs a round trip for "
		"any other. A server that refuses HEAD, or whose HEAD belies its GET, is asked by GET.",
	.why = "A HEAD that is refused or wrong does not make the download fail.")
OPT(USER_AGENT, .name = "user-agent", .ch = 'U', .type = OT_STR, .def = "hauld/" HAUL_VERSION,
	.flags = OF_JOB | OF_BASIC, .group = "http", .aria2 = AS_SAME, .arg = "TEXT",
	.help = "User-Agent field of requests.",
	.why = "The default is hauld/VERSION: servers should see who asks.")
OPT(VERSION, .name = "version", .ch = 'v', .type = OT_STR, .flags = OF_START | OF_CLIENT | OF_OPTARG | OF_BASIC,
	.group = "ui", .aria2 = AS_SAME,
	.help = "Print the version and end.")
