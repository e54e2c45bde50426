/* SPDX-License-Identifier: MIT
 * Tests of the log: where lines go, what they look like, and that no text can forge one.
 */
#include <fcntl.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/err.h"
#include "base/log.h"

struct fixture {
	char dir[40], file[60], err_path[60];
	char got[8000];
	int real_err; /* the real stderr */
};

static int setup(void **state)
{
	struct fixture *t = calloc(1, sizeof(*t));
	int fd;

	strcpy(t->dir, "/tmp/haul-log-XXXXXX");
	if (mkdtemp(t->dir) == NULL)
		return -1;
	snprintf(t->file, sizeof(t->file), "%s/log", t->dir);
	snprintf(t->err_path, sizeof(t->err_path), "%s/stderr", t->dir);
	t->real_err = dup(STDERR_FILENO);
	fd = open(t->err_path, O_RDWR | O_CREAT | O_APPEND, 0600);
	if (fd < 0 || dup2(fd, STDERR_FILENO) < 0)
		return -1;
	close(fd);
	unsetenv("JOURNAL_STREAM");
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *t = *state;

	log_close();
	dup2(t->real_err, STDERR_FILENO);
	close(t->real_err);
	unlink(t->file);
	unlink(t->err_path);
	rmdir(t->dir);
	free(t);
	return 0;
}

static const char *content(struct fixture *t, const char *path)
{
	int fd = open(path, O_RDONLY);
	ssize_t n;

	assert_true(fd >= 0);
	n = read(fd, t->got, sizeof(t->got) - 1);
	assert_true(n >= 0);
	close(fd);
	t->got[n] = '\0';
	return t->got;
}

static void matches(const char *text, const char *pattern)
{
	regex_t re;

	assert_int_equal(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0);
	if (regexec(&re, text, 0, NULL, 0) != 0)
		fail_msg("%s does not match %s", text, pattern);
	regfree(&re);
}

#define STAMP "[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3} "

static void console_and_file_are_independent(void **state)
{
	struct fixture *t = *state;
	struct stat st;

	assert_int_equal(log_setup(LOG_LVL_WARN, false, t->file, LOG_LVL_DEBUG), 0);
	assert_true(log_on(LOG_LVL_DEBUG));
	log_warn(CORE, "both %d", 1);
	log_info(NET, "file only");
	log_debug(TLS, "file too");
	matches(content(t, t->err_path), "^" STAMP "WARN core: both 1\n$");
	matches(content(t, t->file),
		"^" STAMP "WARN core: both 1\n" STAMP "INFO net: file only\n" STAMP "DEBUG tls: file too\n$");
	assert_int_equal(stat(t->file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(log_setup(LOG_LVL_DEBUG, true, t->file, LOG_LVL_ERROR), 0);
	assert_false(log_on(LOG_LVL_WARN));
	log_warn(CORE, "nowhere");
	log_error(CORE, "appended");
	matches(content(t, t->file), "ERROR core: appended\n$");
	matches(content(t, t->file), "^[^\n]*WARN core: both 1\n");
	assert_null(strstr(content(t, t->file), "nowhere"));
	assert_null(strstr(content(t, t->err_path), "nowhere"));
}

static void pipe_that_nobody_reads_holds_nothing_up(void **state)
{
	int fds[2], n = 0, saved = dup(STDERR_FILENO);
	char buf[4096];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
	assert_int_equal(log_setup(LOG_LVL_WARN, false, NULL, LOG_LVL_WARN), 0);
	for (int i = 0; i < 5000; i++) /* far more than a pipe holds */
		log_warn(CORE, "line %d of many that nobody reads", i);
	dup2(saved, STDERR_FILENO);
	close(saved);
	for (ssize_t r = 1; r > 0; n += r > 0)
		r = read(fds[0], buf, sizeof(buf));
	assert_true(n > 0);
	close(fds[0]);
}

static void file_can_be_changed_and_left(void **state)
{
	struct fixture *t = *state;

	assert_int_equal(log_setup(LOG_LVL_ERROR, true, t->file, LOG_LVL_INFO), 0);
	log_info(CORE, "one");
	assert_int_equal(log_setup(LOG_LVL_ERROR, true, "/nonexistent/x", LOG_LVL_INFO), ERR_OPEN);
	log_info(CORE, "two");
	assert_int_equal(log_setup(LOG_LVL_ERROR, true, NULL, LOG_LVL_INFO), 0);
	log_info(CORE, "three");
	assert_int_equal(unlink(t->file), 0);
	assert_int_equal(log_setup(LOG_LVL_ERROR, true, t->file, LOG_LVL_INFO), 0);
	log_info(CORE, "four");
	matches(content(t, t->file), "^[^\n]* four\n$");
}

static void stderr_as_file_gets_a_line_once(void **state)
{
	struct fixture *t = *state;

	assert_int_equal(log_setup(LOG_LVL_NOTICE, false, "", LOG_LVL_INFO), 0);
	log_notice(MAIN, "a");
	log_info(MAIN, "b");
	log_debug(MAIN, "c");
	matches(content(t, t->err_path), "^" STAMP "NOTICE main: a\n" STAMP "INFO main: b\n$");
}

static void journal_gets_priorities(void **state)
{
	struct fixture *t = *state;
	struct stat st;
	char env[80];

	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(env, sizeof(env), "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", env, 1);
	assert_int_equal(log_setup(LOG_LVL_DEBUG, false, t->file, LOG_LVL_INFO), 0);
	log_error(STORE, "e");
	log_notice(RPC, "n");
	log_debug(XFER, "d");
	assert_string_equal(content(t, t->err_path), "<3>store: e\n<5>rpc: n\n<7>xfer: d\n");
	matches(content(t, t->file), "^" STAMP "ERROR store: e\n" STAMP "NOTICE rpc: n\n$");
	setenv("JOURNAL_STREAM", "1:x", 1);
	assert_int_equal(log_setup(LOG_LVL_DEBUG, false, NULL, LOG_LVL_INFO), 0);
	log_error(STORE, "again");
	matches(content(t, t->err_path), STAMP "ERROR store: again\n$");
}

static void text_is_one_bounded_safe_line(void **state)
{
	struct fixture *t = *state;
	char *text = malloc(100001);
	size_t n;

	assert_int_equal(log_setup(LOG_LVL_ERROR, true, t->file, LOG_LVL_INFO), 0);
	log_info(CORE, "a\n2026-01-01 00:00:00.000 ERROR core: forged\x1b[2J");
	matches(content(t, t->file), "^[^\n\x1b]*INFO core: a\\\\x0A2026[^\n\x1b]*forged\\\\x1B\\[2J\n$");
	for (n = 0; n < 100000; n += 2)
		memcpy(text + n, "\xc3\xa9", 3);
	log_info(CORE, "x%s", text);
	n = strlen(content(t, t->file));
	assert_in_range(n, 1900, 2300);
	assert_string_equal(t->got + n - 4, "...\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(console_and_file_are_independent),
		T(file_can_be_changed_and_left),
		T(pipe_that_nobody_reads_holds_nothing_up),
		T(stderr_as_file_gets_a_line_once),
		T(journal_gets_priorities),
		T(text_is_one_bounded_safe_line),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
