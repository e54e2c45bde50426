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

#include "base/str.h"

#define DEFAULT_URL "http://127.0.0.1:6800/jsonrpc"
#define SECRET_MAX  1024

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

int cmd_rpc(const struct cli *cli, int intr_fd, struct rpc **ret, struct fail *f)
{
	struct endpoint ep;
	char *secret;
	const char *url = cmd_url(cli);
	int rc = endpoint_parse(url ? url : DEFAULT_URL, &ep, f);
	if (rc < 0)
		return rc;
	rc = find_secret(cli, &secret, f);
	if (rc < 0) {
		endpoint_free(&ep);
		return rc;
	}
	*ret = rpc_new(&ep, secret, intr_fd);
	return 0;
}

struct rpc *cmd_connect(const struct cli *cli, int *ret_code)
{
	struct rpc *r = NULL;
	struct fail f = {0};
	if (cmd_rpc(cli, -1, &r, &f) == 0) {
		int rc = rpc_connect(r, &f);
		if (rc == 0)
			return r;
		if (rc == ERR_CONNECT)
			fprintf(stderr, "haul: %s; start one with 'hauld' or use 'haul get', which starts its own\n",
				f.text);
		else
			cli_fail(&f);
		*ret_code = EXIT_OTHER;
		rpc_free(r);
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
