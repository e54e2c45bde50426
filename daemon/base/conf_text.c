/* SPDX-License-Identifier: MIT
 * What help, manual and reference say alike about a row of the option table.
 */
#include "base/conf_text.h"

#include <inttypes.h>
#include <string.h>

#include "base/opt_value.h"

const struct conf_group conf_groups[] = {
	{"general", "General", NULL},
	{"http", "Transfer and HTTP", NULL},
	{"rpc", "RPC", NULL},
	{"ui", "Console", NULL},
	{"bt", "BitTorrent", "hauld does not speak BitTorrent."},
	{"ftp", "FTP and SFTP", "hauld speaks neither FTP nor SFTP."},
	{"metalink", "Metalink", "hauld reads no Metalink files."},
	{NULL, NULL, NULL},
};

const char *conf_flag_text(const struct opt_def *d, char buf[CONF_TEXT_MAX])
{
	const char *arg = d->arg ? d->arg : d->type == OT_BOOL ? "true|false" : NULL;

	if (!arg)
		snprintf(buf, CONF_TEXT_MAX, "--%s", d->name);
	else
		snprintf(buf, CONF_TEXT_MAX, d->flags & OF_OPTARG ? "--%s[=%s]" : "--%s=%s", d->name, arg);
	return buf;
}

const char *conf_default_text(const struct opt_def *d, char buf[CONF_TEXT_MAX])
{
	char size[24];

	snprintf(buf, CONF_TEXT_MAX, "%s",
		d->def_said	     ? d->def_said
		: !d->def	     ? ""
		: d->type == OT_SIZE ? opt_size_text(opt_number(d, d->def), size)
				     : d->def);
	return buf;
}

static void number_text(const struct opt_def *d, int64_t n, char buf[24])
{
	if (d->type == OT_SIZE)
		opt_size_text(n, buf);
	else
		snprintf(buf, 24, "%" PRId64, n);
}

const char *conf_range_text(const struct opt_def *d, char buf[CONF_TEXT_MAX])
{
	char min[24], max[24];
	size_t n = 0;

	buf[0] = '\0';
	number_text(d, d->min, min);
	number_text(d, d->max, max);
	if (d->max == INT64_MAX || d->max == INT32_MAX)
		snprintf(buf, CONF_TEXT_MAX, "%s or more", min);
	else if (d->max != 0)
		snprintf(buf, CONF_TEXT_MAX, "%s to %s", min, max);
	for (const char *p = d->type == OT_ENUM ? d->values : ""; *p && n + 3 < CONF_TEXT_MAX; p++) {
		buf[n++] = *p == '|' ? ',' : *p;
		if (*p == '|')
			buf[n++] = ' ';
		buf[n] = '\0';
	}
	return buf;
}

const char *conf_where_text(const struct opt_def *d, char buf[CONF_TEXT_MAX])
{
	static const struct {
		unsigned flag;
		const char *text;
	} places[] = {
		{OF_START, "at start"},
		{OF_INITIAL, "addUri"},
		{OF_RESTART, "changeOption (restarts the download's connections)"},
		{OF_LIVE, "changeOption (at once)"},
		{OF_GLOBAL, "changeGlobalOption"},
		{OF_CLIENT, "haul"},
		{OF_NORPC, "never over RPC"},
	};
	unsigned flags = d->flags & OF_NORPC ? d->flags & ~(unsigned)OF_GLOBAL : d->flags;
	size_t n = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (flags & places[i].flag)
			n += (size_t)snprintf(buf + n, CONF_TEXT_MAX - n, "%s%s", n > 0 ? ", " : "", places[i].text);
	}
	return buf;
}

const char *conf_verdict_text(const struct opt_def *d)
{
	static const char *const texts[] = {
		[AS_NONE] = "", [AS_SAME] = "same", [AS_BETTER] = "better", [AS_NOT_YET] = "not yet"};

	return texts[d->aria2];
}

const char *conf_why_text(const struct opt_def *d)
{
	const struct conf_group *g = conf_groups;

	if (d->why || d->aria2 != AS_NOT_YET)
		return d->why ? d->why : "";
	while (g->name && strcmp(g->name, d->group) != 0)
		g++;
	return g->missing ? g->missing : "";
}

size_t conf_first_sentence(const char *help)
{
	const char *end = strstr(help, ". ");

	return end ? (size_t)(end - help) + 1 : strlen(help);
}
