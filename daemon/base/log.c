/* SPDX-License-Identifier: MIT
 * The log. A line is put together on the stack and leaves in one write(2), so lines of several threads never mix.
 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/str.h"

#define LOG_TEXT_MAX 2000 /* bytes of a line's text; longer ones are cut */
#define LOG_OFF	     (-1)

/* The one global of the program that changes: a log that had to be handed to every function would be in every
 * signature. The levels are atomic because pool threads read them while the loop thread changes them. `fd` is opened
 * once and from then on only replaced by dup3, never closed before log_close: a thread that has just read the number
 * can't write into a file that got the same number meanwhile. */
static struct {
	atomic_int console_level; /* enum log_level or LOG_OFF */
	atomic_int file_level;
	atomic_int fd; /* of the file; -1: never opened */
	atomic_bool file_is_console;
	atomic_bool console_journal, file_journal;
} the_log = {.console_level = LOG_LVL_NOTICE, .file_level = LOG_OFF, .fd = -1};

static const struct {
	const char *name;
	int priority; /* of syslog(3), as in sd-daemon(3) */
} levels[] = {
	[LOG_LVL_ERROR] = {"ERROR", 3},
	[LOG_LVL_WARN] = {"WARN", 4},
	[LOG_LVL_NOTICE] = {"NOTICE", 5},
	[LOG_LVL_INFO] = {"INFO", 6},
	[LOG_LVL_DEBUG] = {"DEBUG", 7},
};

static const char *const groups[] = {
#define X(id, name) [LOG_##id] = name,
	LOG_GROUPS(X)
#undef X
};

/* systemd.exec(5), $JOURNAL_STREAM: "device:inode" of the stream that the journal reads. */
static bool is_journal(int fd)
{
	const char *env = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;
	int end = 0;

	if (env == NULL || fstat(fd, &st) < 0)
		return false;
	if (sscanf(env, "%llu:%llu%n", &dev, &ino, &end) != 2 || env[end] != '\0')
		return false;
	return dev == (unsigned long long)st.st_dev && ino == (unsigned long long)st.st_ino;
}

/* A descriptor of its own for the path; -1 with errno. */
static int file_open(const char *path)
{
	if (path == NULL)
		return open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (strcmp(path, "-") == 0)
		return fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	if (path[0] == '\0')
		return fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);
}

/* 0 or ERR_OPEN; then the old file stays. */
static int file_replace(const char *path)
{
	int old = the_log.fd, fd;

	if (path == NULL && old < 0)
		return 0;
	fd = file_open(path);
	if (fd < 0)
		return ERR_OPEN;
	if (old < 0) {
		the_log.fd = fd;
		return 0;
	}
	if (dup3(fd, old, O_CLOEXEC) < 0) {
		close(fd);
		return ERR_OPEN;
	}
	close(fd);
	return 0;
}

static size_t put_time(char *buf, size_t size)
{
	struct timespec ts;
	struct tm tm;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &ts);
	localtime_r(&ts.tv_sec, &tm);
	n = strftime(buf, size, "%Y-%m-%d %H:%M:%S", &tm);
	return n + (size_t)snprintf(buf + n, size - n, ".%03ld ", ts.tv_nsec / 1000000);
}

/* A pipe that nobody empties must not hold up the daemon. What poll calls writable takes a line whole: a line is shorter than
 * PIPE_BUF (pipe(7)). */
static bool takes_line(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	return poll(&p, 1, 0) != 0;
}

_Static_assert(LOG_TEXT_MAX + 100 < PIPE_BUF, "see takes_line");

/* What cannot be written is lost: there is nobody left to tell. */
static void put_line(int fd, bool journal, enum log_level lvl, enum log_group grp, const char *text, size_t len)
{
	char head[80];
	struct iovec v[3];
	size_t n;

	if (journal)
		n = (size_t)snprintf(head, sizeof(head), "<%d>", levels[lvl].priority);
	else
		n = put_time(head, sizeof(head));
	if (!journal)
		n += (size_t)snprintf(head + n, sizeof(head) - n, "%s ", levels[lvl].name);
	n += (size_t)snprintf(head + n, sizeof(head) - n, "%s: ", groups[grp]);
	v[0] = (struct iovec){head, n};
	v[1] = (struct iovec){(char *)text, len};
	v[2] = (struct iovec){"\n", 1};
	if (!takes_line(fd) || writev(fd, v, 3) < 0)
		return;
}

int log_setup(enum log_level console_level, bool quiet, const char *path, enum log_level file_level)
{
	/* Silent while the file changes, so that nobody's line goes to a wrong place. */
	int before = atomic_exchange(&the_log.file_level, LOG_OFF);

	the_log.console_level = quiet ? LOG_OFF : (int)console_level;
	the_log.console_journal = is_journal(STDERR_FILENO);
	if (file_replace(path) != 0) {
		the_log.file_level = before;
		return ERR_OPEN;
	}
	the_log.file_is_console = path != NULL && path[0] == '\0';
	the_log.file_journal = path != NULL && is_journal(the_log.fd);
	if (path != NULL)
		the_log.file_level = (int)file_level;
	return 0;
}

void log_close(void)
{
	int fd = atomic_exchange(&the_log.fd, -1);

	the_log.file_level = LOG_OFF;
	if (fd >= 0)
		close(fd);
}

bool log_on(enum log_level lvl)
{
	return (int)lvl <= the_log.console_level || (int)lvl <= the_log.file_level;
}

void log_at(enum log_level lvl, enum log_group grp, const char *fmt, ...)
{
	char raw[LOG_TEXT_MAX + 8], text[LOG_TEXT_MAX];
	bool to_console = (int)lvl <= the_log.console_level;
	bool to_file = (int)lvl <= the_log.file_level;
	int saved = errno, n;
	va_list ap;

	if (!to_console && !to_file)
		return;
	va_start(ap, fmt);
	n = vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	if (n < 0)
		n = 0;
	if ((size_t)n >= sizeof(raw))
		n = (int)sizeof(raw) - 4; /* before a character that may be cut; str_safe cuts earlier still */
	/* Callers have escaped foreign text already; this keeps a forgotten one from forging a line. */
	str_safe(raw, (size_t)n, text, sizeof(text));
	if (to_console || (to_file && the_log.file_is_console))
		put_line(STDERR_FILENO, the_log.console_journal, lvl, grp, text, strlen(text));
	if (to_file && !the_log.file_is_console)
		put_line(the_log.fd, the_log.file_journal, lvl, grp, text, strlen(text));
	errno = saved;
}
