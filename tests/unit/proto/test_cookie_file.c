/* SPDX-License-Identifier: MIT
 * Cookie files: the text form both ways, browsers' databases, and files that are none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/str.h"
#include "proto/cookie_file.h"

#define NOW 1700000000

static struct cookie_jar *jar;
static char *path;

static int setup(void **state)
{
	(void)state;
	jar = cookie_jar_new();
	path = xasprintf("%s/cookies %%?.%d", getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp", (int)getpid());
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cookie_jar_free(jar);
	unlink(path);
	free(path);
	return 0;
}

static void write_file(const void *p, size_t n)
{
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	assert_int_equal(fwrite(p, 1, n, out), n);
	assert_int_equal(fclose(out), 0);
}

static void load(size_t want_count, unsigned want_passed)
{
	struct fail f = {0};
	unsigned passed;

	if (cookie_file_load(jar, path, NOW, &passed, &f) != 0)
		fail_msg("%s", f.text);
	assert_int_equal(cookie_jar_count(jar), want_count);
	assert_int_equal(passed, want_passed);
}

static void check(const char *to, const char *want)
{
	struct uri u;
	char *got;

	assert_int_equal(uri_parse(to, strlen(to), &u, NULL), 0);
	got = cookie_jar_header(jar, &u, NOW);
	uri_free(&u);
	if (want == NULL)
		assert_null(got);
	else
		assert_string_equal(got, want);
	cookie_wipe(got);
}

static const char text[] = "# Netscape HTTP Cookie File\n\n"
			   ".example.com\tTRUE\t/\tFALSE\t0\ta\t1\n"
			   "#HttpOnly_h.example.org\tFALSE\t/p\tTRUE\t1800000000.25\tb\t2\r\n"
			   "Exact.Example.net\tFALSE\t/\tFALSE\t1800000000\tempty\n"
			   "old.example.net\tFALSE\t/\tFALSE\t5\tgone\t1\n"
			   ".com\tTRUE\t/\tFALSE\t0\tpublic\t1\n"
			   "broken line\nx\ty\n"
			   "h.example.org\tFALSE\t/\tFALSE\tsoon\tc\t2\n"
			   "last.example\tFALSE\t/\tFALSE\t0\tlast\tx y";

static void test_text(void **state)
{
	(void)state;
	write_file(text, sizeof(text) - 1);
	load(4, 4);
	check("http://www.example.com/", "a=1");
	check("https://h.example.org/p/x", "b=2");
	check("http://h.example.org/p/x", NULL);
	check("http://exact.example.net/", "empty=");
	check("http://www.exact.example.net/", NULL);
	check("http://last.example/", "last=x y");
}

static void test_save(void **state)
{
	struct fail f;
	struct stat st;

	(void)state;
	write_file(text, sizeof(text) - 1);
	load(4, 4);
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(cookie_file_save(jar, path, NOW, &f), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	cookie_jar_free(jar);
	jar = cookie_jar_new();
	load(4, 0);
	check("http://www.example.com/", "a=1");
	check("https://h.example.org/p/x", "b=2");
	check("http://h.example.org/p/x", NULL);
	assert_int_equal(cookie_file_save(jar, "/nowhere/at/all", NOW, &f), ERR_CREATE);
}

/* Saved, such a line would come back as a comment, or as another domain's. */
static void test_domains_that_are_none(void **state)
{
	static const char lines[] = ".#x\tFALSE\t/\tFALSE\t0\tn\tv\n"
				    "..x.example\tFALSE\t/\tFALSE\t0\tn\tv\n"
				    ".\tFALSE\t/\tFALSE\t0\tn\tv\n";

	(void)state;
	write_file(lines, sizeof(lines) - 1);
	load(0, 3);
}

static void test_odd_files(void **state)
{
	static const char magic[] = "SQLite format 3\0 and then nothing of the kind";
	static const char row[] = "\na.example\tFALSE\t/\tFALSE\t0\tn\tv\n";
	char *longline = xmalloc(100000);
	struct fail f;
	unsigned passed;

	(void)state;
	assert_int_equal(cookie_file_load(jar, path, NOW, &passed, &f), ERR_OPEN);
	assert_int_equal(cookie_file_load(jar, "/dev/null", NOW, &passed, &f), ERR_OPEN);
	write_file("", 0);
	load(0, 0);
	memset(longline, 'x', 100000);
	memcpy(longline + 90000, row, sizeof(row) - 1);
	write_file(longline, 90000 + sizeof(row) - 1);
	load(1, 1);
	write_file(magic, sizeof(magic));
	assert_int_equal(cookie_file_load(jar, path, NOW, &passed, &f), ERR_OPEN);
	free(longline);
}

static void make_db(const char *sql)
{
	sqlite3 *db;

	unlink(path);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void test_firefox(void **state)
{
	(void)state;
	make_db("CREATE TABLE moz_cookies (id INTEGER PRIMARY KEY, originAttributes TEXT NOT NULL DEFAULT '', name TEXT, "
		"value TEXT, host TEXT, path TEXT, expiry INTEGER, lastAccessed INTEGER, creationTime INTEGER, "
		"isSecure INTEGER, isHttpOnly INTEGER);"
		"INSERT INTO moz_cookies VALUES (1,'','a','1','.example.com','/',1800000000,1,1,0,1);"
		"INSERT INTO moz_cookies VALUES (2,'','b','2','h.example.org','/',1800000000000,1,1,1,0);"
		"INSERT INTO moz_cookies VALUES (3,'','old','2','h.example.org','/',1600000000000,1,1,1,0);"
		"INSERT INTO moz_cookies VALUES (4,'^userContextId=2','other','2','h.example.org','/',1800000000,1,1,1,0);"
		"INSERT INTO moz_cookies VALUES (5,'','null',NULL,NULL,NULL,1800000000,1,1,1,0);");
	load(2, 1);
	check("http://www.example.com/", "a=1");
	check("https://h.example.org/", "b=2");
}

static void test_chromium(void **state)
{
	(void)state;
	make_db("CREATE TABLE cookies (creation_utc INTEGER, host_key TEXT, name TEXT, value TEXT, encrypted_value BLOB, "
		"path TEXT, expires_utc INTEGER, is_secure INTEGER, is_httponly INTEGER, last_access_utc INTEGER);"
		"INSERT INTO cookies VALUES (1,'.example.com','a','1','','/',13444473600000000,0,0,1);"
		"INSERT INTO cookies VALUES (1,'h.example.org','s','2','','/',0,1,0,1);"
		"INSERT INTO cookies VALUES (1,'h.example.org','old','2','','/',13044473600000000,1,0,1);"
		"INSERT INTO cookies VALUES (1,'h.example.org','enc','',x'763130','/',0,1,0,1);");
	load(2, 1);
	check("http://www.example.com/", "a=1");
	check("https://h.example.org/", "s=2");
}

/* The browser runs and holds its lock. */
static void test_locked(void **state)
{
	sqlite3 *db;

	(void)state;
	make_db("CREATE TABLE cookies (host_key TEXT, name TEXT, value TEXT, path TEXT, expires_utc INTEGER, secure INTEGER, "
		"httponly INTEGER, encrypted_value BLOB, last_access_utc INTEGER);"
		"INSERT INTO cookies VALUES ('h.example.org','a','1','/',0,0,0,'',1);");
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
	load(1, 0);
	check("http://h.example.org/", "a=1");
	sqlite3_close(db);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_text), T(test_save), T(test_domains_that_are_none), T(test_odd_files), T(test_firefox), T(test_chromium), T(test_locked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
