/* SPDX-License-Identifier: MIT
 * The references in Markdown: docs/options.md, and docs/aria2.md for people who come from aria2.
 */
#include "base/conf_text.h"

#include <string.h>

/* ---- docs/options.md: an option each ---- */

static void put_fact(FILE *out, const char *label, const char *text, const char *quote)
{
	if (*text)
		fprintf(out, "- %s: %s%s%s\n", label, quote, text, quote);
}

static void put_option(FILE *out, const struct opt_def *d)
{
	char text[CONF_TEXT_MAX];

	fprintf(out, "### %s\n\n`%s`", d->name, conf_flag_text(d, text));
	if (d->ch)
		fprintf(out, ", `-%c`", d->ch);
	fprintf(out, "\n\n%s\n\n", d->help);
	put_fact(out, "type", opt_type_name(d->type), "");
	put_fact(out, "values", conf_range_text(d, text), "");
	put_fact(out, "default", conf_default_text(d, text), d->def_said ? "" : "`");
	put_fact(out, "set by", conf_where_text(d, text), "");
	put_fact(out, "unlike aria2", conf_why_text(d), "");
	if (d->aria2 == AS_NONE)
		put_fact(out, "note", "not an option of aria2", "");
	if (d->flags & OF_IGNORED)
		put_fact(out, "note", "accepted, without effect in hauld", "");
	fputc('\n', out);
}

/* ---- docs/options.md: who may set what ---- */

static const char *changed_by(const struct opt_def *d)
{
	return d->flags & OF_LIVE ? "live" : d->flags & OF_RESTART ? "restart" : "-";
}

static void put_ways(FILE *out, const struct opt_def *d)
{
	bool hook = (d->flags & OF_HOOK) != 0;

	fprintf(out, "| %s | %s | %s | %s | %s | %s |\n", d->name, d->flags & OF_START ? "yes" : "-",
		hook			  ? "never"
		: d->flags & OF_INITIAL ? "yes"
					  : "-",
		hook ? "never" : changed_by(d),
		d->flags & OF_NORPC	 ? "never"
		: d->flags & OF_GLOBAL ? "yes"
					 : "-",
		d->flags & OF_CLIENT ? "yes" : "-");
}

static void put_all_ways(FILE *out)
{
	fputs("## Who may set what\n\n"
	      "| column | way | who |\n|---|---|---|\n"
	      "| start | command line and configuration file of hauld | whoever runs hauld |\n"
	      "| add | `aria2.addUri`, `haul.retry`; the entries of an input file | whoever may call, for this download |\n"
	      "| change | `aria2.changeOption`, `haul set GID`. *live*: at once; *restart*: an active download stops its "
	      "connections and goes on with the new value | the same |\n"
	      "| global | `aria2.changeGlobalOption`, `haul set --global`: for downloads that are added later, and for "
	      "the daemon, until it ends | whoever may call, for all |\n"
	      "| haul | flags of `haul add` and `haul get` | the user at the keyboard |\n\n"
	      "Who may call is said in [rpc.md](rpc.md#who-may-call). *never*: it runs a program, names a file of the "
	      "daemon's, or says who may\n"
	      "call, so no caller may set it; the call is refused with an error, unless it only hands back the value "
	      "that there is. *-*: it is\n"
	      "passed over, which the log tells at level info, as aria2 passes it over.\n\n"
	      "| option | start | add | change | global | haul |\n|---|---|---|---|---|---|\n",
		out);
	for (int id = 0; id < OPT_COUNT; id++)
		put_ways(out, opt_def((enum opt)id));
}

void conf_print_md(FILE *out)
{
	fputs("# Options\n\n"
	      "Printed by `hauld --print=md` from `daemon/base/opt_table.h`; change it there.\n\n"
	      "Options come from, each over those before it: the defaults, the configuration file, the environment, "
	      "the command\n"
	      "line, an input file or an RPC call; [who may set what](#who-may-set-what) is a table at the end. Sizes and "
	      "speeds are bytes;\n"
	      "K and M after the number are powers of 1024, G and T too for options that aria2 does not have. A boolean "
	      "alone means true.\n"
	      "In a list each setting adds an element. How each option of aria2 is met: [aria2.md](aria2.md).\n\n",
		out);
	for (const struct conf_group *g = conf_groups; g->name; g++) {
		fprintf(out, "## %s\n\n", g->title);
		for (int id = 0; id < OPT_COUNT; id++) {
			if (strcmp(opt_def((enum opt)id)->group, g->name) == 0)
				put_option(out, opt_def((enum opt)id));
		}
	}
	put_all_ways(out);
}

/* ---- docs/aria2.md ---- */

static const char aria2_head[] =
	"# Coming from aria2\n"
	"\n"
	"Printed by `hauld --print=aria2`; the tables are those of `daemon/base/opt_table.h`.\n"
	"\n"
	"hauld takes aria2's command line, configuration file, input and session files, and answers its RPC, so that what\n"
	"was made for aria2 1.36 works as it is. It does not speak BitTorrent, FTP and SFTP, and reads no Metalink files.\n"
	"\n"
	"## Moving\n"
	"\n"
	"1. **End aria2** (`aria2.shutdown`, or SIGTERM), so that its session and control files are written.\n"
	"2. **Configuration.** `aria2.conf` can stay as it is. hauld reads `~/.aria2/aria2.conf`, else\n"
	"   `~/.config/haul/hauld.conf`, else `~/.config/aria2/aria2.conf`; `--conf-path` names another. Options without\n"
	"   effect are named once in the log. hauld refuses to start with `rpc-listen-all` and no `rpc-secret`. Under\n"
	"   systemd leave `daemon` out.\n"
	"3. **Queue.** Start hauld with aria2's session as input file: `hauld -i aria2.session`, or `input-file` in the\n"
	"   configuration. GIDs, order, paused ones and options are kept; what had failed is tried again, as with aria2.\n"
	"   From then on the queue is in `state-dir`: `input-file` and `save-session` are not needed any more. They may\n"
	"   stay, also both with the same file: what the queue has is not added twice. To go back, `aria2c -i` reads the\n"
	"   file of `save-session`.\n"
	"4. **Unfinished files.** Where `NAME.aria2` lies beside `NAME`, what it says is finished is taken over, to the\n"
	"   block of 16 KiB, and `NAME` becomes `NAME.part`; `remove-control-file=true` begins anew. hauld writes no\n"
	"   control files: progress is in `state-dir`.\n"
	"5. **Service.** In place of a unit that runs `aria2c --enable-rpc`: `make install`, the configuration to\n"
	"   `/etc/haul/hauld.conf`, `systemctl enable --now hauld` ([operating.md](operating.md#install)). The unit has a\n"
	"   user of its own: the download folder must be its own (`chown`) and be named in `ReadWritePaths=`;\n"
	"   `rpc-secret` must be set, since callers are other users than the daemon. The port is 6800, as with aria2.\n"
	"6. **AriaNg and other web pages.** Set `rpc-allow-origin-all=true` and `rpc-secret`; in AriaNg's settings\n"
	"   nothing changes. Fields that name a file of the daemon's (log, save-session, save-cookies, server-stat-of)\n"
	"   and folders outside of `dir` and `allowed-dirs` are refused with an error. Programs and scripts (aria2p,\n"
	"   npm's aria2, curl) need nothing.\n"
	"7. **Commands and scripts.** `aria2c -x16 -s16 -c URL` becomes `haul get -x16 -s16 -c URL`, with the same options,\n"
	"   lists, exit codes and lines to look for: [operating.md](operating.md#haul-get-in-the-place-of-aria2c).\n"
	"\n"
	"## What is different\n"
	"\n"
	"- An unfinished file is `NAME.part`; `NAME` appears when it is whole, synced and verified. Scripts that looked\n"
	"  for `NAME.aria2` look for `NAME.part`.\n"
	"- An answer to a call that changes something comes when the change is on disk. `kill -9` and power cuts lose\n"
	"  nothing of that.\n"
	"- Bytes of two versions of a file are never mixed: when it changed on the server the download fails with code 8.\n"
	"- As long as nobody gives `max-connection-per-server` (`-x`) the number of connections is found out by measuring;\n"
	"  aria2 opens one ([operating.md](operating.md#how-many-connections)).\n"
	"- Callers are kept in bounds: a secret or the daemon's own user, no foreign web pages, folders, no hooks and\n"
	"  files over RPC.\n"
	"- Where aria2 says \"No URI available.\" or nothing, the error says the cause.\n"
	"- Ended downloads are kept over restarts. The daemon's exit code is 0 when it was told to end.\n"
	"\n"
	"Every difference in what the RPC answers is in\n"
	"[tests/contract/deviations.md](../tests/contract/deviations.md), with its reason; the rest is replayed from\n"
	"recordings of aria2 1.36.\n"
	"\n"
	"## What hauld adds\n"
	"\n"
	"- Keys of downloads, when they are asked for: `haul.addedAt`, `haul.endedAt`, `haul.owner`, `haul.path`,\n"
	"  `haul.sharing`, `haul.unchecked`, `haul.unproven`, `haul.uri`, `haul.wait` ([rpc.md](rpc.md#keys-of-a-download)).\n"
	"- The method `haul.retry`: a failed or removed download goes on, with its GID and its part\n"
	"  ([rpc.md](rpc.md#methods)).\n"
	"- Request bodies in chunks, `Expect: 100-continue`, a Unix socket (`rpc-socket`), socket activation, `sd_notify`\n"
	"  and watchdog.\n"
	"- The client `haul`: `add`, `get`, `ls`, `watch` and others; `haul help`.\n";

static void put_verdict(FILE *out, const struct opt_def *d)
{
	fprintf(out, "| %s | %s | %s |\n", d->name, conf_verdict_text(d), conf_why_text(d));
}

static void put_verdicts(FILE *out)
{
	int n[AS_NOT_YET + 1] = {0};

	for (int id = 0; id < OPT_COUNT; id++)
		n[opt_def((enum opt)id)->aria2]++;
	fprintf(out,
		"## Every option of aria2\n\n"
		"Of aria2 1.36, and no-want-digest-header of 1.37: %d the same, %d better, %d not yet.\n\n"
		"- *same*: does what it does there.\n"
		"- *better*: does that, or what it is there for, and the last column says what is different.\n"
		"- *not yet*: taken wherever aria2 takes it, and shown, but without effect.\n",
		n[AS_SAME], n[AS_BETTER], n[AS_NOT_YET]);
	for (const struct conf_group *g = conf_groups; g->name; g++) {
		fprintf(out, "\n### %s\n\n| option | in hauld | |\n|---|---|---|\n", g->title);
		for (int id = 0; id < OPT_COUNT; id++) {
			const struct opt_def *d = opt_def((enum opt)id);

			if (d->aria2 != AS_NONE && strcmp(d->group, g->name) == 0)
				put_verdict(out, d);
		}
	}
}

static void put_own(FILE *out)
{
	fputs("- Options of its own:\n\n| option | |\n|---|---|\n", out);
	for (int id = 0; id < OPT_COUNT; id++) {
		const struct opt_def *d = opt_def((enum opt)id);

		if (d->aria2 == AS_NONE)
			fprintf(out, "| [%s](options.md#%s) | %.*s |\n", d->name, d->name,
				(int)conf_first_sentence(d->help), d->help);
	}
	fputc('\n', out);
}

void conf_print_aria2(FILE *out)
{
	fputs(aria2_head, out);
	put_own(out);
	put_verdicts(out);
}
