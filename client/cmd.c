/* SPDX-License-Identifier: MIT
 * What the commands share: finding and reaching the daemon.
 */
#include "client/cmd.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/str.h"

#define SECRET_MAX 1024

/* The first line of the file, malloc'd. */
static int read_secret(const char *path, char **ret, struct fail *f)
{
	char line[SECRET_MAX], shown[100];
	struct stat st;
	str_safe(path, strlen(path), shown, sizeof(shown));
	FILE *in = fopen(path, "re");
	if (!in)
		return fail_set(f, ERR_OPEN, "the secret file %s can't be read: %s", shown, strerror(errno));
	bool ok = fgets(line, sizeof(line), in) != NULL;
	if (ok && fstat(fileno(in), &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 077))
		fprintf(stderr, "haul: warning: others can read the secret file %s; run 'chmod 600' on it\n", shown);
	fclose(in);
	line[ok ? strcspn(line, "\r\n") : 0] = '\0';
	*ret = line[0] ? xstrdup(line) : NULL;
	OPENSSL_cleanse(line, sizeof(line));
	return *ret ? 0
		    : fail_set(f, ERR_OPEN, "the secret file %s is empty: its first line must be the secret", shown);
}

/* *ret stays NULL when none was given. */
static int find_secret(const struct cli *cli, char **ret, struct fail *f)
{
	const char *path = cli->flag[FLAG_SECRET_FILE];
	const char *given = opts_str(cli->opts, OPT_RPC_SECRET);
	*ret = NULL;
	if (!path && given) {
		*ret = xstrdup(given);
		return 0;
	}
	if (!path)
		path = getenv("HAUL_SECRET_FILE");
	return path && path[0] ? read_secret(path, ret, f) : 0;
}

const char *cmd_url(const struct cli *cli)
{
	const char *env = getenv("HAUL_URL");
	if (cli->flag[FLAG_URL])
		return cli->flag[FLAG_URL];
	return env && env[0] ? env : NULL;
}

/* What a daemon of this user would read at its start. Mistakes in it are for the daemon to tell. */
static struct opts *read_daemon_conf(void)
{
	struct opts *o = opts_new(NULL);
	struct fail f = {0};
	char *path = conf_default_path();
	(void)log_setup(LOG_LVL_NOTICE, true, NULL, LOG_LVL_NOTICE);
	if (path)
		(void)conf_file(o, path, &f);
	(void)log_setup(LOG_LVL_NOTICE, false, NULL, LOG_LVL_NOTICE);
	free(path);
	return o;
}

/* The daemon of this user's configuration file, which says port and secret. */
static int own_daemon(const struct opts *conf, char *secret, int intr_fd, struct rpc **ret, struct fail *f)
{
	struct endpoint ep;
	const char *where = opts_bool(conf, OPT_RPC_SECURE) ? "https://localhost" : "http://127.0.0.1";
	char *url = xasprintf("%s:%d/jsonrpc", where, (int)opts_num(conf, OPT_RPC_LISTEN_PORT));
	bool found = !secret && opts_has(conf, OPT_RPC_SECRET);
	if (found)
		secret = xstrdup(opts_str(conf, OPT_RPC_SECRET));
	int rc = endpoint_parse(url, &ep, f);
	free(url);
	if (rc < 0) {
		free(secret);
		return rc;
	}
	*ret = rpc_begin(&ep, secret, intr_fd);
	if (found)
		rpc_keep_secret_home(*ret);
	return 0;
}

int cmd_rpc(const struct cli *cli, const struct opts *conf, int intr_fd, struct rpc **ret, struct fail *f)
{
	struct endpoint ep;
	char *secret;
	const char *url = cmd_url(cli);
	int rc = url ? endpoint_parse(url, &ep, f) : 0;
	if (rc < 0)
		return rc;
	rc = find_secret(cli, &secret, f);
	if (rc == 0 && !url)
		return own_daemon(conf, secret, intr_fd, ret, f);
	if (rc < 0) {
		if (url)
			endpoint_free(&ep);
		return rc;
	}
	*ret = rpc_begin(&ep, secret, intr_fd);
	return 0;
}

struct rpc *cmd_connect(const struct cli *cli, int *ret_code)
{
	struct rpc *r = NULL;
	struct fail f = {0};
	struct opts *conf = read_daemon_conf();
	int rc = cmd_rpc(cli, conf, -1, &r, &f);
	opts_unref(conf);
	if (rc == 0) {
		rc = rpc_connect(r, &f);
		if (rc == 0)
			return r;
		if (rc == ERR_CONNECT)
			fprintf(stderr, "haul: %s; start one with 'hauld' or use 'haul get', which starts its own\n",
				f.text);
		else
			cli_fail(&f);
		*ret_code = EXIT_OTHER;
		rpc_end(r);
		return NULL;
	}
	*ret_code = cli_fail(&f);
	return NULL;
}

void cmd_print_json(json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT);
	if (text)
		puts(text);
	free(text);
	json_decref(value);
}
