/* SPDX-License-Identifier: MIT
 * Options from the configuration file and from the process's surroundings.
 */
#include "base/conf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/opt_value.h"
#include "base/str.h"

#define CONF_FILE_MAX (4 << 20) /* bytes; a larger one is something else */

/* ---- the file ---- */

static char *trim(char *s)
{
	size_t n;

	s += strspn(s, " \t\r\n");
	n = strlen(s);
	while (n > 0 && strchr(" \t\r\n", s[n - 1]))
		n--;
	s[n] = '\0';
	return s;
}

static int set_line(struct opts *o, char *line, const char *path, unsigned num, struct fail *f)
{
	char *eq = strchr(line, '='), shown[100];
	struct fail why = {0};
	const char *name, *val;
	enum opt id;

	if (*line == '#')
		return 0;
	val = eq ? trim(eq + 1) : "";
	if (eq)
		*eq = '\0';
	name = trim(line);
	if (!*name)
		return 0;
	id = opt_find(name, strlen(name));
	if (id == OPT_COUNT) {
		log_warn(CONF, "%s:%u: unknown option %s is passed over", path, num,
			str_safe(name, strlen(name), shown, sizeof(shown)));
		return 0;
	}
	if (opts_set(o, id, val, &why) != 0)
		return fail_set(f, ERR_USAGE, "%s:%u: --%s: %s", path, num, name, why.text);
	return 0;
}

static int read_lines(struct opts *o, FILE *in, const char *path, struct fail *f)
{
	static const char bom[] = "\xef\xbb\xbf";
	size_t cap = 0, total = 0;
	char *line = NULL, *at;
	unsigned num = 0;
	ssize_t n;
	int err = 0;

	while (err == 0 && (n = getline(&line, &cap, in)) >= 0) {
		num++;
		total += (size_t)n;
		at = num == 1 && strncmp(line, bom, 3) == 0 ? line + 3 : line;
		if (total > CONF_FILE_MAX)
			err = fail_set(
				f, ERR_CONF, "%s: larger than %d bytes: not a configuration file", path, CONF_FILE_MAX);
		else if (strlen(line) != (size_t)n)
			err = fail_set(f, ERR_USAGE, "%s:%u: holds a NUL byte: not a configuration file", path, num);
		else
			err = set_line(o, at, path, num, f);
	}
	if (err == 0 && ferror(in))
		err = fail_set(f, ERR_CONF, "can't read %s: %s", path, strerror(errno));
	if (line)
		explicit_bzero(line, cap);
	free(line);
	return err;
}

int conf_file(struct opts *o, const char *path, struct fail *f)
{
	FILE *in = fopen(path, "re");
	int err;

	if (!in)
		return fail_set(f, ERR_CONF, "can't read %s: %s", path, strerror(errno));
	err = read_lines(o, in, path, f);
	fclose(in);
	return err;
}

/* ---- surroundings ---- */

/* Base Directory Specification: $NAME when it is absolute, else $HOME/fallback; malloc'd, or NULL without a home. */
static char *xdg_dir(const char *name, const char *fallback)
{
	const char *dir = getenv(name), *home = opt_home();

	if (dir && *dir == '/')
		return xstrdup(dir);
	return home ? str_path(home, fallback) : NULL;
}

/* dir/name when such a file is there, else NULL; frees dir. */
static char *existing(char *dir, const char *name)
{
	char *path = dir ? str_path(dir, name) : NULL;

	free(dir);
	if (path && access(path, F_OK) != 0) {
		free(path);
		path = NULL;
	}
	return path;
}

char *conf_default_path(void)
{
	char *path = existing(xstrdup(opt_home()), ".aria2/aria2.conf");

	if (!path)
		path = existing(xdg_dir("XDG_CONFIG_HOME", ".config"), "haul/hauld.conf");
	if (!path)
		path = existing(xdg_dir("XDG_CONFIG_HOME", ".config"), "aria2/aria2.conf");
	return path;
}

/* A value that comes from the surroundings is not worth ending for: warned about and passed over. */
static void set_from(struct opts *o, enum opt id, const char *val, const char *source)
{
	struct fail why = {0};

	if (val && opts_set(o, id, val, &why) != 0)
		log_warn(CONF, "%s is passed over: --%s %s", source, opt_def(id)->name, why.text);
}

/* Not an address, with or without bits and port, nor a pattern. */
static bool is_name(const char *s, size_t n)
{
	size_t colons = 0;

	for (size_t i = 0; i < n; i++)
		colons += s[i] == ':';
	return n > 0 && *s != '[' && *s != '*' && colons < 2 && strspn(s, "0123456789./:") < n;
}

/* no_proxy of the environment is written for all programs: there a name, with a dot in front or without, is meant with those
 * below it. Said in the words of the option. */
static char *no_proxy_of(const char *env)
{
	struct buf b;

	buf_init(&b, SIZE_MAX);
	for (const char *s = env + strspn(env, ", \t"); *s != '\0'; s += strspn(s, ", \t")) {
		size_t n = strcspn(s, ", \t"), dot = *s == '.';

		buf_addf(&b, "%s%.*s", b.len > 0 ? "," : "", (int)n, s);
		if (is_name(s, n))
			buf_addf(&b, ",%s%.*s", dot ? "" : ".", (int)(n - dot), s + dot);
		s += n;
	}
	return buf_take(&b);
}

static void set_list(struct opts *o, enum opt id, const char *env, const char *source)
{
	char *list = env ? no_proxy_of(env) : NULL;

	set_from(o, id, list, source);
	free(list);
}

void conf_env(struct opts *o)
{
	/* Of the spelling in capitals, which other programs know, HTTP_PROXY is missing: a web server that runs a CGI
	 * program sets it to the field "Proxy" of whoever asks (RFC 3875 4.1.18). */
	static const struct {
		const char *name, *capitals;
		enum opt id;
		void (*set)(struct opts *o, enum opt id, const char *val, const char *source);
	} vars[] = {
		{"http_proxy", NULL, OPT_HTTP_PROXY, set_from},
		{"https_proxy", "HTTPS_PROXY", OPT_HTTPS_PROXY, set_from},
		{"ftp_proxy", "FTP_PROXY", OPT_FTP_PROXY, set_from},
		{"all_proxy", "ALL_PROXY", OPT_ALL_PROXY, set_from},
		{"no_proxy", "NO_PROXY", OPT_NO_PROXY, set_list},
	};

	for (size_t i = 0; i < sizeof(vars) / sizeof(vars[0]); i++) {
		const char *name = getenv(vars[i].name) || !vars[i].capitals ? vars[i].name : vars[i].capitals;

		vars[i].set(o, vars[i].id, getenv(name), name);
	}
}

void conf_defaults(struct opts *o)
{
	const char *home = opt_home(), *state = getenv("STATE_DIRECTORY");
	char *cwd = getcwd(NULL, 0);
	char *netrc = home ? xasprintf("%s/.netrc", home) : NULL;
	char *dir = NULL, *base;

	/* systemd.exec(5): several directories are separated by colons. */
	if (state && *state == '/')
		dir = xstrndup(state, strcspn(state, ":"));
	else if ((base = xdg_dir("XDG_STATE_HOME", ".local/state")) != NULL) {
		dir = xasprintf("%s/haul", base);
		free(base);
	}
	set_from(o, OPT_DIR, cwd, "the working directory");
	set_from(o, OPT_NETRC_PATH, netrc, "HOME");
	set_from(o, OPT_STATE_DIR, dir, "the state directory");
	free(cwd);
	free(netrc);
	free(dir);
}

void conf_tell_ignored(const struct opts *o)
{
	struct opts *all = opts_flatten(o);
	struct buf list;

	buf_init(&list, 1500);
	for (int id = 0; id < OPT_COUNT; id++) {
		const struct opt_def *d = opt_def((enum opt)id);

		if ((d->flags & OF_IGNORED) && opts_has(all, (enum opt)id))
			buf_addf(&list, "%s--%s", list.len > 0 ? ", " : "", d->name);
	}
	if (list.len > 0)
		log_notice(CONF, "taken, but without effect in hauld: %s%s", list.data, list.err != 0 ? ", ..." : "");
	buf_free(&list);
	opts_unref(all);
}
