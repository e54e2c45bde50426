/* SPDX-License-Identifier: MIT
 * A hauld of one's own.
 */
#include "client/private.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/conf.h"
#include "base/str.h"
#include "client/term.h"

#define STOP_MS	      10000
#define HOOKS_SAID_MS 2000 /* waiting for hooks: then the user is told */
#define LOCK_MS	      300
#define EXIT_MS	      500 /* for the exit status of a daemon that hung up */
#define FREE_MS	      10000
#define DIR_TRIES     100 /* each one means that another command has ended just now */
#define EXIT_LOCKED   42 /* err_table.h: ERR_LOCKED */
#define ACTIVATION_FD 3	 /* sd_listen_fds(3) */
#define RESULTS_KEPT  1000000

#define CONF   "hauld.conf"
#define LOG    "hauld.log"
#define SOCKET "rpc.sock"

struct private
{
	pid_t pid; /* 0: ended and waited for */
	int status;
	char *dir;
	bool fresh;  /* dir did not exist before, and nobody else has it */
	int fd;	     /* of dir, locked */
	int out_fd;  /* the daemon's standard output */
	int intr_fd; /* readable when the user wants to stop; -1: none */
	bool hooks;  /* it has programs to run, and ends when all have been started */
};

/* ---- configuration ---- */

/* What a daemon of one command must not take from a configuration file or a command line that were meant for a lasting
 * one. */
static bool is_for_us(enum opt id)
{
	static const enum opt no[] = {OPT_DAEMON, OPT_INPUT_FILE, OPT_DEFERRED_INPUT, OPT_CONF_PATH, OPT_NO_CONF,
		OPT_STATE_DIR, OPT_STOP, OPT_STOP_WITH_PROCESS, OPT_FORCE_SEQUENTIAL, OPT_MAX_DOWNLOAD_RESULT};
	const struct opt_def *d = opt_def(id);
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		if (id == no[i])
			return false;
	}
	return strcmp(d->group, "rpc") != 0 && strcmp(d->group, "ui") != 0 && (d->flags & OF_START) &&
	       !(d->flags & OF_ONCE);
}

static bool has_hooks(const struct opts *conf)
{
	for (int id = 0; id < OPT_COUNT; id++) {
		const char *text = opt_def((enum opt)id)->flags & OF_HOOK ? opts_str(conf, (enum opt)id) : NULL;
		if (text && *text)
			return true;
	}
	return false;
}

bool private_only(enum opt id)
{
	const struct opt_def *d = opt_def(id);
	return id == OPT_CONF_PATH || id == OPT_NO_CONF ||
	       (is_for_us(id) && (d->flags & OF_CLIENT) && !(d->flags & (OF_INITIAL | OF_IGNORED)));
}

/* Of the command line without what goes to each download. */
static void copy_options(const struct opts *from, bool is_file, struct opts *to)
{
	for (int i = 0; i < OPT_COUNT; i++) {
		enum opt id = (enum opt)i;
		/* The session file of a lasting daemon is not to be written over with what one command left. */
		bool passed_over = is_file ? id == OPT_SAVE_SESSION : (opt_def(id)->flags & OF_INITIAL) != 0;
		if (opts_has(from, id) && is_for_us(id) && !passed_over)
			(void)opts_set(to, id, opts_str(from, id), NULL); /* it has been accepted once */
	}
}

struct opts *private_conf(const struct opts *file, const struct opts *given)
{
	struct opts *out = opts_new(NULL);
	copy_options(file, true, out);
	copy_options(given, false, out);
	return out;
}

/* ---- state folder ---- */

/* *ret_made: the last one was not there. */
static int make_dirs(char *path, bool *ret_made, struct fail *f)
{
	for (char *p = path + 1;; p++) {
		if (*p != '/' && *p != '\0')
			continue;
		char c = *p;
		*p = '\0';
		*ret_made = mkdir(path, 0700) == 0;
		if (!*ret_made && errno != EEXIST)
			return fail_set(f, ERR_STATE_DIR,
				"can't make the folder %s: %s; XDG_STATE_HOME can name another place", path,
				strerror(errno));
		*p = c;
		if (c == '\0')
			return 0;
	}
}

static char *state_path(const char *key)
{
	const char *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	if (xdg && xdg[0] == '/')
		return xasprintf("%s/haul/get/%s", xdg, key);
	const struct passwd *pw = home && home[0] ? NULL : getpwuid(geteuid());
	if (pw)
		home = pw->pw_dir;
	return home && home[0] == '/' ? xasprintf("%s/.local/state/haul/get/%s", home, key) : NULL;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int write_conf(const struct private *p, const struct opts *conf, struct fail *f)
{
	struct buf text;
	buf_init(&text, 1u << 24);
	opts_encode(conf, 0, &text);
	buf_addf(&text, "enable-rpc=true\nmax-download-result=%d\nstate-dir=%s\n", RESULTS_KEPT, p->dir);
	int fd = openat(p->fd, CONF, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	bool ok = fd >= 0 && !text.err && write(fd, text.data, text.len) == (ssize_t)text.len;
	int why = errno;
	if (fd >= 0)
		close(fd);
	buf_wipe(&text);
	return ok ? 0 : fail_set(f, ERR_STATE_DIR, "can't write %s/" CONF ": %s", p->dir, strerror(why));
}

static void nap(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
}

/* A command that was just killed may hold the lock for a moment longer. */
static bool lock_soon(int fd)
{
	int64_t end = term_now() + LOCK_MS;
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (term_now() >= end)
			return false;
		nap();
	}
	return true;
}

/* Does the folder still stand where its path says? */
static bool is_there(const struct private *p)
{
	struct stat held, named;
	return fstat(p->fd, &held) == 0 && stat(p->dir, &named) == 0 && held.st_dev == named.st_dev &&
	       held.st_ino == named.st_ino;
}

/* 0 with the folder locked, 1 when another command has removed it meanwhile, or an error. */
static int lock_dir(struct private *p, struct fail *f)
{
	bool made;
	int rc = make_dirs(p->dir, &made, f);
	if (rc < 0)
		return rc;
	p->fd = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->fd < 0 && errno == ENOENT)
		return 1;
	if (p->fd < 0)
		return fail_set(f, ERR_STATE_DIR, "can't open the folder %s: %s", p->dir, strerror(errno));
	if (!lock_soon(p->fd))
		return fail_set(f, ERR_LOCKED, "the same download is running already in another 'haul get'");
	if (is_there(p)) {
		p->fresh = made;
		return 0;
	}
	close(p->fd);
	p->fd = -1;
	return 1;
}

/* The folder, made and locked: one command at a time. The one before removes it when it is done. */
static int open_dir(struct private *p, struct fail *f)
{
	int rc = 1;
	for (int i = 0; i < DIR_TRIES && rc > 0; i++)
		rc = lock_dir(p, f);
	return rc > 0 ? fail_set(f, ERR_STATE_DIR, "the folder %s is removed again and again", p->dir) : rc;
}

/* ---- the process ---- */

/* hauld beside this program, else whatever PATH has. */
static char *find_hauld(void)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n > 0) {
		self[n] = '\0';
		char *slash = strrchr(self, '/');
		if (slash)
			*slash = '\0';
		char *path = xasprintf("%s/hauld", self);
		if (access(path, X_OK) == 0)
			return path;
		free(path);
	}
	return xstrdup("hauld");
}

/* In the child: the listening socket where socket activation has it, own process group so that the terminal's Ctrl-C
 * reaches only us, none of our signals blocked. */
static void become_hauld(const struct private *p, const char *exe, pid_t parent, int sock)
{
	sigset_t none;
	char *with = xasprintf("--stop-with-process=%d", (int)parent),
	     *conf = xasprintf("--conf-path=%s/" CONF, p->dir);
	char pid[16];
	int in = open("/dev/null", O_RDONLY | O_CLOEXEC),
	    log = openat(p->fd, LOG, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("LISTEN_FDS", "1", 1);
	setenv("LISTEN_PID", pid, 1);
	unsetenv("LISTEN_FDNAMES");
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("STATE_DIRECTORY");
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (in < 0 || log < 0 || dup2(in, 0) < 0 || dup2(p->out_fd, 1) < 0 || dup2(log, 2) < 0 || getppid() != parent ||
		(sock == ACTIVATION_FD ? fcntl(sock, F_SETFD, 0) : dup2(sock, ACTIVATION_FD)) < 0)
		_exit(127);
	char *argv[] = {(char *)(uintptr_t) "hauld", conf, with, NULL};
	execvp(exe, argv);
	dprintf(2, "%s; install hauld beside haul or into a folder of PATH\n", strerror(errno));
	_exit(127);
}

/* The daemon's socket, in the folder that only this user may enter. Named through the folder's descriptor, so that its
 * path may be longer than a socket's name can be. */
static int listen_here(struct private *p, struct fail *f)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	snprintf(un.sun_path, sizeof(un.sun_path), "/proc/self/fd/%d/" SOCKET, p->fd);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)unlinkat(p->fd, SOCKET, 0);
	if (fd >= 0 && fchmod(fd, 0600) == 0 && bind(fd, (struct sockaddr *)&un, sizeof(un)) == 0 &&
		listen(fd, 16) == 0)
		return fd;
	int why = errno;
	if (fd >= 0)
		close(fd);
	return fail_set(f, ERR_STATE_DIR, "can't open a socket in %s: %s", p->dir, strerror(why));
}

static int spawn(struct private *p, struct fail *f)
{
	int sock = listen_here(p, f);
	if (sock < 0)
		return sock;
	char *exe = find_hauld();
	pid_t parent = getpid();
	p->pid = fork();
	if (p->pid == 0)
		become_hauld(p, exe, parent, sock);
	free(exe);
	close(sock);
	if (p->pid > 0)
		return 0;
	p->pid = 0;
	return fail_set(f, ERR_UNKNOWN, "can't start hauld: %s", strerror(errno));
}

bool private_alive(void *arg)
{
	struct private *p = arg;
	if (p->pid > 0 && waitpid(p->pid, &p->status, WNOHANG) == p->pid)
		p->pid = 0;
	return p->pid > 0;
}

/* The daemon's last words. */
static int fail_start(const struct private *p, struct fail *f)
{
	char line[512], last[512] = "it said nothing";
	int fd = openat(p->fd, LOG, O_RDONLY | O_CLOEXEC);
	FILE *in = fd >= 0 ? fdopen(fd, "r") : NULL;
	while (in && fgets(line, sizeof(line), in)) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0])
			snprintf(last, sizeof(last), "%s", line);
	}
	if (in)
		fclose(in);
	return fail_set(f, ERR_UNKNOWN, "hauld did not start: %s", last);
}

/* Until the daemon answers a call; its socket takes calls from the first moment on. */
static int wait_ready(struct private *p, struct rpc *r, struct fail *f)
{
	json_t *version = rpc_call(r, "aria2.getVersion", NULL, f);
	json_decref(version);
	if (version)
		return 0;
	int64_t end = term_now() + EXIT_MS;
	while (f->code != ERR_CANCELED && private_alive(p) && term_now() < end)
		nap();
	return p->pid > 0 || f->code == ERR_CANCELED ? f->code : fail_start(p, f);
}

/* A daemon of an earlier run whose command was killed may need a moment to end: it holds the folder until then. */
static int start_when_free(struct private *p, struct rpc *r, struct fail *f)
{
	int64_t end = term_now() + FREE_MS;
	for (;;) {
		int rc = spawn(p, f);
		if (rc == 0)
			rc = wait_ready(p, r, f);
		bool taken = rc < 0 && p->pid == 0 && WIFEXITED(p->status) && WEXITSTATUS(p->status) == EXIT_LOCKED;
		if (!taken || term_now() > end)
			return rc;
		rpc_disconnect(r);
		for (int i = 0; i < 20; i++)
			nap();
	}
}

/* Another Ctrl-C while the daemon ends. */
static bool wants_stop(const struct private *p)
{
	struct pollfd pfd = {.fd = p->intr_fd, .events = POLLIN};
	return p->intr_fd >= 0 && poll(&pfd, 1, 0) > 0;
}

/* Until it has ended, the time is over, or the user has had enough. */
static void wait_end(struct private *p, int64_t ms)
{
	int64_t begin = term_now();
	bool told = !p->hooks;
	while (private_alive(p) && term_now() - begin < ms && !wants_stop(p)) {
		nap();
		if (told || term_now() - begin < HOOKS_SAID_MS)
			continue;
		fputs("haul: waiting until all hooks have been started; Ctrl-C gives that up\n", stderr);
		told = true;
	}
}

void private_stop(struct private *p, bool keep)
{
	if (!p)
		return;
	if (p->pid > 0)
		kill(p->pid, SIGTERM);
	wait_end(p, p->hooks ? INT64_MAX : STOP_MS);
	if (p->pid > 0 && p->hooks) { /* told twice it says which ones it did not run, and ends */
		kill(p->pid, SIGTERM);
		for (int64_t end = term_now() + EXIT_MS; private_alive(p) && term_now() < end;)
			nap();
	}
	if (p->pid > 0) {
		kill(p->pid, SIGKILL); /* loses next to nothing: the queue survives it */
		waitpid(p->pid, &p->status, 0);
	}
	if (!keep)
		(void)nftw(p->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	if (p->fd >= 0)
		close(p->fd);
	free(p->dir);
	free(p);
}

static int start(struct private *p, const struct opts *conf, struct rpc **ret_rpc, struct fail *f)
{
	struct endpoint ep;
	int rc = open_dir(p, f);
	if (rc == 0)
		rc = write_conf(p, conf, f);
	if (rc < 0)
		return rc;
	char *url = xasprintf("unix:/proc/self/fd/%d/" SOCKET, p->fd);
	rc = endpoint_parse(url, &ep, f);
	free(url);
	if (rc < 0)
		return rc;
	*ret_rpc = rpc_begin(&ep, NULL, p->intr_fd);
	rc = start_when_free(p, *ret_rpc, f);
	if (rc < 0)
		rpc_end(*ret_rpc);
	return rc;
}

int private_start(const char *key, const struct opts *conf, int out_fd, int intr_fd, struct private **ret,
	struct rpc **ret_rpc, struct fail *f)
{
	char *dir = state_path(key);
	if (!dir)
		return fail_set(f, ERR_STATE_DIR,
			"HOME is not a folder and XDG_STATE_HOME is not set: nowhere to keep the progress");
	struct private *p = xcalloc(1, sizeof(*p));
	p->dir = dir;
	p->fd = -1;
	p->out_fd = out_fd;
	p->intr_fd = intr_fd;
	p->hooks = has_hooks(conf);
	int rc = start(p, conf, ret_rpc, f);
	if (rc < 0)
		private_stop(p, !p->fresh);
	else
		*ret = p;
	return rc;
}
