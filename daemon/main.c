/* SPDX-License-Identifier: MIT
 * hauld: puts the modules together, and is the process: options, background, signals, systemd, exit code.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/conf.h"
#include "base/fds.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "core/engine.h"
#include "core/hook.h"
#include "core/named.h"
#include "ev/loop.h"
#include "ev/timer.h"
#include "net/net.h"
#include "proto/http_state.h"
#include "rpc/rpc.h"
#include "store/store.h"

#define FORCE_MS     1000 /* an orderly end may take this long, then it is forced */
#define GIVE_UP_MS   8000 /* and this long altogether */

#define N_SIGNALS 3

/* The process. Made and freed by main; everything is one of each. */
struct app {
	struct opts *opts; /* as started with; the engine's may change */
	char **words;	   /* URIs of the command line */
	bool rpc_wanted;
	int ready_fd; /* the parent of a detached process waits here for one byte, the exit code so far; -1: none */
	struct loop loop;
	struct net *net;
	struct http_state *http;
	struct store *store;
	struct engine *engine;
	struct hooks *hooks;
	struct rpc *rpc;
	uv_signal_t signals[N_SIGNALS];
	struct timer stop, pid, watchdog, force, give_up;
	struct event_sub sub;
	struct deferred done_check; /* without RPC: is there nothing left to do? */
	int add_err;		    /* of the last download of the command line or input file that could not be added */
	bool looping;		    /* loop is there */
	bool ending, forced, stuck;
	bool saved; /* ending, and only hooks are waited for */
};

/* ---- the end ---- */

/* All that may be lost is safe. Programs that wait to be started are given the time that is left; a daemon of one command lasts
 * until they are, its caller waits for that. */
static void end_when_hooks_ran(struct app *a)
{
	a->saved = true;
	timer_stop(&a->force);
	if (hooks_waiting(a->hooks) == 0 || a->forced) {
		loop_stop(&a->loop);
		return;
	}
	log_notice(MAIN, "%zu hooks wait to be started", hooks_waiting(a->hooks));
	if (opts_num(a->opts, OPT_STOP_WITH_PROCESS) > 0)
		timer_stop(&a->give_up);
}

static void on_saved(void *arg, int err, const struct fail *f)
{
	(void)err; /* logged */
	(void)f;
	end_when_hooks_ran(arg);
}

static void on_engine_stopped(void *arg)
{
	struct app *a = arg;

	if (engine_save_session(a->engine, on_saved, a, NULL) < 0)
		end_when_hooks_ran(a); /* no file is wanted */
}

static void on_give_up(void *arg)
{
	struct app *a = arg;

	if (a->saved) { /* clean_up says which hooks were not run */
		loop_stop(&a->loop);
		return;
	}
	log_error(MAIN, "the transfers did not stop within %d s; ending anyway", GIVE_UP_MS / 1000);
	a->stuck = true;
	loop_stop(&a->loop);
}

static void on_force(void *arg)
{
	struct app *a = arg;

	engine_stop(a->engine, true, on_engine_stopped, a);
}

/* The first call begins an orderly end, a second one forces it. */
static void end(struct app *a, bool force)
{
	if (a->ending && !a->forced) {
		a->forced = true;
		if (a->saved)
			loop_stop(&a->loop);
		else
			on_force(a);
	}
	if (a->ending)
		return;
	a->ending = true;
	a->forced = force;
	sd_notify(0, "STOPPING=1");
	log_notice(MAIN, "stopping");
	if (a->rpc != NULL)
		rpc_close(a->rpc);
	timer_start(&a->loop, &a->force, FORCE_MS, 0, on_force, a);
	timer_start(&a->loop, &a->give_up, GIVE_UP_MS, 0, on_give_up, a);
	engine_stop(a->engine, force, on_engine_stopped, a);
}

static void on_shutdown(void *arg, bool force)
{
	end(arg, force);
}

static void on_stop_timer(void *arg)
{
	end(arg, false);
}

static void on_pid_timer(void *arg)
{
	struct app *a = arg;

	if (kill((pid_t)opts_num(a->opts, OPT_STOP_WITH_PROCESS), 0) < 0 && errno == ESRCH)
		end(a, false);
}

static void on_watchdog(void *arg)
{
	(void)arg;
	sd_notify(0, "WATCHDOG=1");
}

static void on_done_check(void *arg)
{
	struct app *a = arg;

	if (!a->ending && !engine_busy(a->engine) && hooks_waiting(a->hooks) == 0)
		end(a, false);
}

static void on_hooks_idle(void *arg)
{
	struct app *a = arg;

	if (a->saved)
		loop_stop(&a->loop);
	else if (!a->rpc_wanted)
		defer(&a->loop, &a->done_check);
}

static void on_event(void *arg, const struct event *ev)
{
	struct app *a = arg;

	(void)ev;
	defer(&a->loop, &a->done_check);
}

static void on_signal(uv_signal_t *h, int sig)
{
	struct app *a = h->data;
	struct fail f;

	if (sig != SIGHUP) {
		end(a, false);
		return;
	}
	if (engine_log_setup(engine_global(a->engine), &f) < 0)
		log_warn(MAIN, "%s; the old one is kept", f.text);
	http_state_reload(a->http);
}

/* ---- the start ---- */

/* Each connection and each unfinished file takes one. Never lowered. */
static void raise_file_limit(const struct opts *o)
{
	struct rlimit r;
	rlim_t want;

	if (getrlimit(RLIMIT_NOFILE, &r) < 0)
		return;
	want = opts_has(o, OPT_RLIMIT_NOFILE) ? (rlim_t)opts_num(o, OPT_RLIMIT_NOFILE) : r.rlim_max;
	if (want > r.rlim_max) {
		log_warn(MAIN, "rlimit-nofile: %llu open files are more than the hard limit, %llu is taken",
			(unsigned long long)want, (unsigned long long)r.rlim_max);
		want = r.rlim_max;
	}
	if (want <= r.rlim_cur)
		return;
	r.rlim_cur = want;
	if (setrlimit(RLIMIT_NOFILE, &r) < 0)
		log_warn(MAIN, "the limit of open files can't be raised to %llu: %s", (unsigned long long)want, strerror(errno));
}

/* The first inherited socket of systemd's, or -1. */
static int inherited_socket(void)
{
	int n = sd_listen_fds(1);

	if (n > 1)
		log_warn(MAIN, "only the first of %d inherited sockets is used", n);
	for (int i = 1; i < n; i++)
		close(SD_LISTEN_FDS_START + i);
	return n > 0 ? SD_LISTEN_FDS_START : -1;
}

static int open_modules(struct app *a, struct fail *f)
{
	const char *dir = opts_str(a->opts, OPT_STATE_DIR);
	struct engine_conf ec = {.loop = &a->loop, .global = a->opts, .state_dir = dir};
	int err;

	if (dir == NULL || *dir == '\0')
		return fail_set(f, ERR_STATE_DIR, "there is no place for the state: set --state-dir or HOME");
	err = net_new(&a->loop, a->opts, &a->net, f);
	if (err == 0) {
		a->http = http_state_new(a->opts);
		net_set_http(a->net, a->http);
	}
	if (err == 0)
		err = store_open(&a->loop, STORE_SQLITE, dir, &a->store, f);
	if (err < 0)
		return err;
	ec.net = a->net;
	ec.store = a->store;
	err = engine_new(&ec, &a->engine, f);
	if (err < 0)
		return err;
	a->hooks = hooks_new(a->engine);
	hooks_on_idle(a->hooks, on_hooks_idle, a);
	return 0;
}

static void on_named_durable(void *arg, int err, const struct fail *f)
{
	struct app *a = arg;

	if (err == 0)
		return;
	log_error(MAIN, "the downloads named at the start are not kept: %s", f != NULL ? f->text : err_text(err));
	a->add_err = err;
}

static int add_named(struct app *a, struct fail *f)
{
	struct named n = {.engine = a->engine, .words = a->words, .keep_paused = a->rpc_wanted};
	int err = named_add(&n, f);

	a->add_err = n.err;
	if (err == 0 && !a->rpc_wanted && engine_count(a->engine, LIST_QUEUE) == 0)
		err = n.err != 0 ? fail_set(f, n.err, "nothing could be added")
				 : fail_set(f, ERR_BAD_URI,
					   "nothing to do: no URI is given, the queue is empty, and RPC is off");
	if (err == 0 && n.added > 0)
		engine_flush(a->engine, on_named_durable, a);
	return err;
}

static int open_rpc(struct app *a, struct fail *f)
{
	struct rpc_conf rc = {.engine = a->engine, .opts = a->opts, .inherited_fd = inherited_socket()};

	return a->rpc_wanted ? rpc_new(&rc, &a->rpc, f) : 0;
}

static int watch_signals(struct app *a, struct fail *f)
{
	static const int numbers[N_SIGNALS] = {SIGINT, SIGTERM, SIGHUP};

	for (size_t i = 0; i < N_SIGNALS; i++) {
		int err = uv_signal_init(&a->loop.uv, &a->signals[i]);

		if (err == 0) {
			a->signals[i].data = a; /* marks it for clean_up */
			err = uv_signal_start(&a->signals[i], on_signal, numbers[i]);
		}
		if (err != 0)
			return fail_set(f, ERR_UNKNOWN, "signals can't be watched: %s", uv_strerror(err));
	}
	return 0;
}

static void start_timers(struct app *a)
{
	uint64_t stop = (uint64_t)opts_num(a->opts, OPT_STOP) * 1000, usec;

	if (stop > 0)
		timer_start(&a->loop, &a->stop, stop, 0, on_stop_timer, a);
	if (opts_num(a->opts, OPT_STOP_WITH_PROCESS) > 0)
		timer_start(&a->loop, &a->pid, 0, 1000, on_pid_timer, a);
	if (sd_watchdog_enabled(0, &usec) > 0)
		timer_start(&a->loop, &a->watchdog, 0, usec / 2000, on_watchdog, a);
}

/* Tells the parent of a detached process that the start is over, and lets go of its terminal. */
static void detached_ready(struct app *a, unsigned char code)
{
	int null;

	if (a->ready_fd < 0)
		return;
	if (write(a->ready_fd, &code, 1) != 1)
		log_warn(MAIN, "the starting process is gone");
	close(a->ready_fd);
	a->ready_fd = -1;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; null >= 0 && fd < 3; fd++)
		dup2(null, fd);
	if (null > 2)
		close(null);
}

static void tell_ready(struct app *a)
{
	const char *dir = opts_str(a->opts, OPT_STATE_DIR), *addr = opts_str(a->opts, OPT_RPC_LISTEN_ADDRESS);
	struct engine_stat st;
	char where[160] = "RPC is off";
	size_t jobs;

	engine_stat(a->engine, &st);
	jobs = st.active + st.queued;
	if (addr == NULL)
		addr = opts_bool(a->opts, OPT_RPC_LISTEN_ALL) ? "0.0.0.0" : "127.0.0.1";
	if (a->rpc != NULL)
		snprintf(where, sizeof(where), "listening on %s://%s:%u/jsonrpc",
			opts_bool(a->opts, OPT_RPC_SECURE) ? "https" : "http", addr, rpc_port(a->rpc));
	log_notice(MAIN, "hauld %s: %s, state in %s, %zu job%s", HAUL_VERSION, where, dir, jobs,
		jobs == 1 ? "" : "s");
	conf_tell_ignored(a->opts);
	sd_notifyf(0, "READY=1\nSTATUS=%s, %zu job%s", where, jobs, jobs == 1 ? "" : "s");
	detached_ready(a, 0);
}

static void on_abort(int sig)
{
	static const char text[] = "hauld: the system gives no memory or descriptors for a start\n";

	(void)sig;
	_exit(write(STDERR_FILENO, text, sizeof(text) - 1) < 0 ? 2 : 1);
}

/* libuv aborts where it can't have what its loop is made of: here that is a start that failed. */
static int start_loop(struct app *a, struct fail *f)
{
	int err;

	signal(SIGABRT, on_abort);
	err = loop_init(&a->loop, (size_t)opts_num(a->opts, OPT_MEMORY_LIMIT));
	a->looping = err == 0;
	signal(SIGABRT, SIG_DFL);
	return err < 0 ? fail_set(f, err, NULL) : 0;
}

static int start(struct app *a, struct fail *f)
{
	int err = engine_log_setup(a->opts, f);

	if (err < 0)
		return err;
	raise_file_limit(a->opts);
	err = start_loop(a, f);
	if (err == 0)
		err = open_modules(a, f);
	if (err == 0)
		err = add_named(a, f);
	if (err == 0)
		err = open_rpc(a, f);
	if (err == 0)
		err = watch_signals(a, f);
	if (err < 0)
		return err;
	engine_on_shutdown(a->engine, on_shutdown, a);
	start_timers(a);
	if (!a->rpc_wanted) {
		a->sub = (struct event_sub){.cb = on_event, .arg = a};
		engine_subscribe(a->engine, &a->sub);
		defer(&a->loop, &a->done_check);
	}
	engine_start(a->engine);
	tell_ready(a);
	return 0;
}

/* So many downloads are not taken apart one by one: the system takes their memory back a hundred times as fast. */
#define FREED_MAX 10000

static bool leaves_memory(const struct app *a)
{
	return a->engine != NULL && engine_count(a->engine, LIST_QUEUE) + engine_count(a->engine, LIST_STOPPED) > FREED_MAX;
}

/* In reverse; whatever of it was there. A stuck process, or one with much to free, leaves the rest to the system once the store
 * is closed: nothing that comes after it is kept. */
static void clean_up(struct app *a)
{
	struct timer *const timers[] = {&a->stop, &a->pid, &a->watchdog, &a->force, &a->give_up};

	for (size_t i = 0; i < sizeof(timers) / sizeof(timers[0]); i++)
		timer_stop(timers[i]);
	for (size_t i = 0; i < N_SIGNALS && a->signals[i].data != NULL; i++)
		uv_close((uv_handle_t *)&a->signals[i], NULL);
	if (a->sub.cb != NULL)
		engine_unsubscribe(a->engine, &a->sub);
	hooks_free(a->hooks);
	rpc_free(a->rpc);
	if (a->store != NULL)
		store_close(a->store);
	a->stuck = a->stuck || leaves_memory(a);
	if (a->stuck)
		return;
	if (a->looping)
		defer_cancel(&a->loop, &a->done_check);
	engine_free(a->engine);
	if (a->net != NULL)
		net_free(a->net);
	http_state_free(a->http);
	if (a->looping && loop_close(&a->loop) != 0) {
		log_debug(MAIN, "something was still open at the end");
		a->stuck = true;
	}
}

/* aria2's exit codes for a process that was given its downloads; one that serves RPC ends well when it is told to. */
static int exit_code(const struct app *a)
{
	int err = engine_last_err(a->engine);

	if (a->rpc_wanted)
		return 0;
	if (err == 0 && engine_busy(a->engine))
		err = ERR_UNFINISHED;
	return err_exit_code(err != 0 ? err : a->add_err);
}

static int run(struct app *a)
{
	struct fail f = {0};
	int err = start(a, &f), code;

	if (err < 0) {
		fprintf(stderr, "hauld: %s\n", f.text[0] != '\0' ? f.text : err_text(err));
		code = err_exit_code(err);
		detached_ready(a, (unsigned char)code);
	} else {
		loop_run(&a->loop);
		http_state_save(a->http);
		code = exit_code(a);
	}
	clean_up(a);
	return code;
}

/* ---- the process ---- */

/* In the parent: wait for the child's start, end with its code. Returns in the child, with the pipe to tell. */
static int detach(void)
{
	unsigned char code = 1;
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (pid < 0)
		return -1;
	if (pid > 0) {
		close(fds[1]);
		if (read(fds[0], &code, 1) != 1)
			code = 1; /* it died, and has said why */
		_exit(code);
	}
	close(fds[0]);
	setsid();
	return fds[1];
}

/* --help, --version, --print: true when one was asked for and is done, *ret_code the exit code. */
static bool print_and_end(const struct opts *o, int *ret_code)
{
	int err = 0;

	if (opts_has(o, OPT_VERSION))
		printf("hauld %s\n", HAUL_VERSION);
	else if (opts_has(o, OPT_HELP))
		err = conf_help(stdout, opts_str(o, OPT_HELP), OF_START);
	else if (opts_has(o, OPT_PRINT))
		err = conf_print(stdout, opts_str(o, OPT_PRINT));
	else
		return false;
	if (err < 0)
		fprintf(stderr, "hauld: there is no help for that; try --help=#all\n");
	*ret_code = err < 0 ? err_exit_code(ERR_USAGE) : fflush(stdout) != 0;
	return true;
}

static void *ssl_malloc(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return n > 0 ? mem_malloc(n) : NULL;
}

static void *ssl_realloc(void *p, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return mem_realloc(p, n);
}

static void ssl_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

/* Libraries whose structs are small draw on the reserve as well; libuv has no use for a NULL. */
static void set_up_memory(void)
{
	mem_init();
	uv_replace_allocator(xmalloc, xrealloc, xcalloc, free);
	json_set_alloc_funcs(mem_malloc, free);
	CRYPTO_set_mem_functions(ssl_malloc, ssl_realloc, ssl_free);
}

int main(int argc, char **argv)
{
	struct app a = {.ready_fd = -1};
	struct fail f = {0};
	int err, code;

	if (fds_hold_standard() < 0)
		return 1; /* there is nowhere to say why */
	set_up_memory();
	err = conf_load(argc, argv, &a.opts, &a.words, &f);
	if (err < 0) {
		fprintf(stderr, "hauld: %s\n", f.text[0] != '\0' ? f.text : err_text(err));
		return err_exit_code(err);
	}
	if (!print_and_end(a.opts, &code)) {
		signal(SIGPIPE, SIG_IGN);
		signal(SIGUSR1, SIG_IGN);
		if (opts_bool(a.opts, OPT_DAEMON) && (a.ready_fd = detach()) < 0) {
			fprintf(stderr, "hauld: can't go into the background: %s\n", strerror(errno));
			return 1;
		}
		a.rpc_wanted = opts_bool(a.opts, OPT_ENABLE_RPC);
		a.done_check = (struct deferred){.cb = on_done_check, .arg = &a};
		code = run(&a);
	}
	if (a.stuck) { /* one of the threads does not come back, and uses what exit would take down */
		fflush(NULL);
		_exit(code);
	}
	log_close();
	free(a.words);
	opts_unref(a.opts);
	return code;
}
