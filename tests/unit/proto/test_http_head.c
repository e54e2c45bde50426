/* SPDX-License-Identifier: MIT
 * Interpreting heads: framing, ranges, validators, redirects, Retry-After, digests, codings.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "proto/http_auth.h"
#include "proto/http_head.h"
#include "proto/http_limit.h"

static struct http_parser parser;
static struct http_answer answer;
static struct fail why;

/* Parse and read a head given as status and field lines; the last answer is kept for looking at. */
static int read_asked(const char *status, const char *fields, struct http_asked asked)
{
	char *text = xasprintf("HTTP/1.1 %s\r\n%s\r\n", status, fields);
	size_t used;
	int r;

	http_answer_free(&answer);
	http_parser_free(&parser);
	http_parser_init(&parser);
	why = (struct fail){0};
	r = http_parse_head(&parser, text, strlen(text), &used, &why);
	free(text);
	if (r < 0)
		return r;
	assert_int_equal(r, 1);
	return http_head_read(&parser, &asked, &answer, &why);
}

static int read(const char *status, const char *fields)
{
	return read_asked(status, fields, (struct http_asked){0});
}

static int cleanup(void **state)
{
	(void)state;
	http_answer_free(&answer);
	http_parser_free(&parser);
	return 0;
}

static void test_framing(void **state)
{
	(void)state;
	assert_int_equal(read("200 OK", "Content-Length: 5\r\n"), 0);
	assert_int_equal(answer.framing, FRAMING_LENGTH);
	assert_int_equal(answer.h.body_len, 5);
	assert_int_equal(answer.h.total, 5);
	assert_true(answer.keep_alive);
	assert_int_equal(read("200 OK", "Transfer-Encoding: Chunked\r\n"), 0);
	assert_int_equal(answer.framing, FRAMING_CHUNKED);
	assert_int_equal(answer.h.body_len, -1);
	assert_int_equal(answer.h.total, -1);
	assert_true(answer.keep_alive);
	assert_int_equal(read("200 OK", ""), 0);
	assert_int_equal(answer.framing, FRAMING_CLOSE);
	assert_int_equal(answer.h.body_len, -1);
	assert_false(answer.keep_alive);
	assert_int_equal(read("204 No", "Content-Length: 5\r\n"), 0);
	assert_int_equal(answer.framing, FRAMING_NONE);
	assert_int_equal(read("304 Not", "Content-Length: 5\r\n"), 0);
	assert_int_equal(answer.framing, FRAMING_NONE);
	assert_int_equal(answer.h.body_len, 0);
	assert_int_equal(answer.h.total, -1);
	assert_int_equal(read_asked("200 OK", "Content-Length: 5\r\n", (struct http_asked){.head_only = true}), 0);
	assert_int_equal(answer.framing, FRAMING_NONE);
	assert_int_equal(answer.h.total, 5);
	assert_int_equal(read("200 OK", "Content-Length: 9223372036854775807\r\n"), 0);
	assert_int_equal(answer.h.total, INT64_MAX);
}

static void test_framing_refused(void **state)
{
	static const char *const bad[] = {"Content-Length: 9223372036854775808\r\n", "Content-Length: 0x10\r\n",
		"Content-Length: 1.0\r\n", "Content-Length: -1\r\n", "Content-Length: 5, 5\r\n",
		"Content-Length: 5, 6\r\n", "Content-Length:\r\n", "Transfer-Encoding: xchunked\r\n",
		"Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: identity\r\n",
		"Transfer-Encoding: chunked, chunked\r\n",
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding:\r\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(read("200 OK", bad[i]), ERR_PROTO);
}

static void test_keep_alive(void **state)
{
	size_t used;

	(void)state;
	assert_int_equal(read("200 OK", "Content-Length: 5\r\nConnection: foo, Close\r\n"), 0);
	assert_false(answer.keep_alive);
	assert_int_equal(read("200 OK", "Content-Length: 5\r\nConnection: closed\r\n"), 0);
	assert_true(answer.keep_alive);
	http_parser_free(&parser);
	http_parser_init(&parser);
	assert_int_equal(http_parse_head(&parser, "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", 38, &used, &why), 1);
	assert_int_equal(http_head_read(&parser, &(struct http_asked){0}, &answer, &why), 0);
	assert_false(answer.keep_alive);
	http_parser_free(&parser);
	http_parser_init(&parser);
	assert_int_equal(
		http_parse_head(&parser, "HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n", 62,
			&used, &why),
		1);
	assert_int_equal(http_head_read(&parser, &(struct http_asked){0}, &answer, &why), 0);
	assert_true(answer.keep_alive);
}

static const struct {
	const char *value;
	int kind;
	int64_t start, end, total;
} ranges[] = {
	{"bytes 0-9/10", 1, 0, 10, 10},
	{"Bytes 5-9/100", 1, 5, 10, 100},
	{"bytes 5-5/*", 1, 5, 6, -1},
	{"bytes */100", 0, 0, 0, 100},
	{"bytes 0-9223372036854775806/9223372036854775807", 1, 0, INT64_MAX, INT64_MAX},
	{"bytes 0-9223372036854775807/*", -1, 0, 0, -1},
	{"bytes 0-9", -1, 0, 0, -1},
	{"bytes 0-9/", -1, 0, 0, -1},
	{"bytes 0-9/9", -1, 0, 0, -1},
	{"bytes 9-0/10", -1, 0, 0, -1},
	{"bytes -0-9/10", -1, 0, 0, -1},
	{"bytes +0-9/10", -1, 0, 0, -1},
	{"bytes 0-9/10 ", -1, 0, 0, -1},
	{"bytes 0-9/10, 11-12/13", -1, 0, 0, -1},
	{"bytes  0-9/10", -1, 0, 0, -1},
	{"bytes=0-9/10", -1, 0, 0, -1},
	{"lines 0-9/10", -1, 0, 0, -1},
	{"bytes some/all", -1, 0, 0, -1},
	{"bytes */*", -1, 0, 0, -1},
	{"bytes 18446744073709551616-18446744073709551625/18446744073709551999", -1, 0, 0, -1},
	{"", -1, 0, 0, -1},
};

static void test_content_range(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		struct range r;
		int64_t total;

		assert_int_equal(http_content_range(ranges[i].value, &r, &total), ranges[i].kind);
		assert_int_equal(r.start, ranges[i].start);
		assert_int_equal(r.end, ranges[i].end);
		assert_int_equal(total, ranges[i].total);
	}
}

static void test_range_heads(void **state)
{
	(void)state;
	assert_int_equal(read("206 Part", "Content-Range: bytes 5-9/100\r\nContent-Length: 5\r\n"), 0);
	assert_true(answer.h.has_range && answer.h.accepts_ranges);
	assert_int_equal(answer.h.range.start, 5);
	assert_int_equal(answer.h.range.end, 10);
	assert_int_equal(answer.h.total, 100);
	assert_int_equal(answer.h.body_len, 5);
	assert_int_equal(read("206 Part", "Content-Range: bytes 5-9/100\r\nContent-Length: 6\r\n"), ERR_BAD_RANGE);
	/* its range lies between boundaries in the body, whatever the head says */
	assert_int_equal(read("206 Part", "Content-Type: Multipart/Byteranges; boundary=x\r\n"
					  "Content-Range: bytes 5-9/100\r\nContent-Length: 5\r\n"), 0);
	assert_false(answer.h.has_range);
	assert_int_equal(answer.h.range.end, 0);
	assert_int_equal(
		read("206 Part", "Content-Type: multipart/byteranges; boundary=B\r\nContent-Length: 5\r\n"), 0);
	assert_false(answer.h.has_range);
	assert_int_equal(answer.h.total, -1);
	assert_string_equal(answer.h.content_type, "multipart/byteranges");
	assert_int_equal(read("416 No", "Content-Range: bytes */100\r\nContent-Length: 0\r\n"), 0);
	assert_false(answer.h.has_range);
	assert_int_equal(answer.h.total, 100);
	assert_int_equal(
		read("200 OK", "Content-Range: bytes 5-9/100\r\nContent-Length: 7\r\nAccept-Ranges: none\r\n"), 0);
	assert_false(answer.h.has_range);
	assert_int_equal(answer.h.total, 7);
	assert_true(answer.h.refuses_ranges);
	assert_int_equal(read("200 OK", "Content-Length: 7\r\nAccept-Ranges: bytes\r\n"), 0);
	assert_true(answer.h.accepts_ranges && !answer.h.refuses_ranges);
}

static void test_file_fields(void **state)
{
	(void)state;
	assert_int_equal(read("200 OK", "ETag: W/\"x\"\r\nLast-Modified: Tue, 14 Nov 2023 22:13:20 "
					"GMT\r\nContent-Type: Text/HTML;a=b\r\n"
					"Content-Disposition: attachment; filename=\"n\"\r\nLocation: /x\r\n"),
		0);
	assert_string_equal(answer.h.etag, "W/\"x\"");
	assert_string_equal(answer.h.last_modified, "Tue, 14 Nov 2023 22:13:20 GMT");
	assert_int_equal(answer.h.mtime, 1700000000);
	assert_string_equal(answer.h.content_type, "text/html");
	assert_string_equal(answer.h.name, "n");
	assert_null(answer.h.location);
	assert_int_equal(answer.h.retry_after_ms, -1);
	assert_null(answer.h.digest);
	assert_int_equal(read("200 OK", "Content-Disposition: attachment; filename=\"\x1b[31mred\"\r\n"), 0);
	assert_string_equal(answer.h.name, "?[31mred");
}

static void test_location(void **state)
{
	char *ok = xmalloc(20000), *line;

	(void)state;
	assert_int_equal(read("302 Found", "Location: //h/x y\r\nContent-Length: 0\r\n"), 0);
	assert_string_equal(answer.h.location, "//h/x y");
	assert_int_equal(read("302 Found", "Location:\r\nContent-Length: 0\r\n"), 0);
	assert_null(answer.h.location);
	memset(ok, 'a', 20000);
	ok[HTTP_LOCATION_MAX] = '\0';
	line = xasprintf("Location: %s\r\n", ok);
	assert_int_equal(read("302 Found", line), 0);
	free(line);
	line = xasprintf("Location: %sa\r\n", ok);
	assert_int_equal(read("302 Found", line), ERR_LIMIT);
	free(line);
	free(ok);
}

static void test_retry_after(void **state)
{
	(void)state;
	assert_int_equal(http_retry_after("0", 0), 0);
	assert_int_equal(http_retry_after("120", 0), 120000);
	assert_int_equal(http_retry_after("99999999", 0), 86400000);
	assert_int_equal(http_retry_after("99999999999999999999999", 0), 86400000);
	assert_int_equal(http_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", 784111770), 7000);
	assert_int_equal(http_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", 784111800), 0);
	assert_int_equal(http_retry_after("-1", 0), -1);
	assert_int_equal(http_retry_after("soon", 0), -1);
	assert_int_equal(http_retry_after("", 0), -1);
	assert_int_equal(http_retry_after("1.5", 0), -1);
	assert_int_equal(read("503 No", "Retry-After: 3\r\n"), 0);
	assert_int_equal(answer.h.retry_after_ms, 3000);
	/* The server's clock counts, not ours. */
	assert_int_equal(read("503 No", "Date: Tue, 14 Nov 2023 22:13:20 GMT\r\nRetry-After: Tue, 14 Nov 2023 22:13:27 GMT\r\n"), 0);
	assert_int_equal(answer.h.retry_after_ms, 7000);
}

static void test_limit_field(void **state)
{
	static const struct {
		const char *value;
		int64_t seconds;
	} cases[] = {
		{"\"default\";r=0;t=30", 30},
		{"default;r=0;t=30", 30},
		{" \"a\" ; r=0 ; t=7 ", 7},
		{"\"day\";r=12;t=900, \"burst\";r=0;t=5", 5},
		{"\"day\";r=0;t=900,\"burst\";r=0;t=5", 900},
		{"\"a\";pk=\"r=1;t=9,\\\"\";t=4;r=0", 4},
		{"\"r=0;t=9\";r=3;t=8", -1},
		{"\"a\";r=0", -1},
		{"\"a\";r=1;t=30", -1},
		{"\"a\";t=30", -1},
		{"\"a\";r=x;t=30", -1},
		{"\"a\";r=0;t=-5", -1},
		{"\"a\";r=0;t=99999999", 86400},
		{"\"a\";r=0;t=99999999999999999999999999", -1},
		{"\"a", -1},
		{"\"a\\", -1},
		{";;;,,=", -1},
		{"", -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(http_limit_field(cases[i].value), cases[i].seconds);
}

/* No Retry-After, but the server says that nothing is left, and when there will be: each of its ways to. */
static void test_limits(void **state)
{
	static const struct {
		const char *fields;
		int64_t ms;
	} cases[] = {
		{"RateLimit: \"x\";r=0;t=30\r\n", 30000},
		{"RateLimit-Remaining: 0\r\nRateLimit-Reset: 12\r\n", 12000},
		{"X-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 12\r\n", 12000},
		{"X-Rate-Limit-Remaining: 0.0\r\nX-Rate-Limit-Reset: 1.25\r\n", 2000},
		{"X-RateLimit-Remaining: 1\r\nX-RateLimit-Reset: 12\r\n", -1},
		{"X-RateLimit-Remaining: 0\r\n", -1},
		{"X-RateLimit-Reset: 12\r\n", -1},
		{"X-RateLimit-Remaining: none\r\nX-RateLimit-Reset: 12\r\n", -1},
		{"X-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 0\r\n", -1},
		{"X-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 99999999999999999999\r\n", -1},
		{"X-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 9223372036854775806\r\n", 86400000},
		{"X-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 1\r\n", 1000},
		/* The server's clock counts, not ours: a date in its past is one that it has left behind. */
		{"Date: Tue, 14 Nov 2023 22:13:20 GMT\r\nX-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 1700000041\r\n", 41000},
		{"Date: Tue, 14 Nov 2023 22:13:20 GMT\r\nX-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 1700000040500\r\n", 41000},
		{"Date: Tue, 14 Nov 2023 22:13:20 GMT\r\nX-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 1699999999\r\n", -1},
		{"RateLimit: \"x\";r=1;t=30\r\nX-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 9\r\n", 9000},
		{"RateLimit-Remaining: 0\r\nRateLimit-Reset: -3\r\n", -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(read("429 Slow", cases[i].fields), 0);
		assert_int_equal(answer.h.limit_ms, cases[i].ms);
		assert_int_equal(answer.h.retry_after_ms, -1);
	}
}

#define EMPTY_64      "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
#define EMPTY_HEX     "sha-256=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define EMPTY_MD5     "1B2M2Y8AsgTpgAmY7PhCfg=="
#define EMPTY_MD5_HEX "md5=d41d8cd98f00b204e9800998ecf8427e"

static void test_digests(void **state)
{
	static const struct {
		const char *status, *fields, *digest;
	} rows[] = {
		{"200 OK", "Digest: SHA-256=" EMPTY_64 "\r\n", EMPTY_HEX},
		{"206 OK", "Digest: sha-256=" EMPTY_64 "\r\n", EMPTY_HEX},
		{"200 OK", "Repr-Digest: sha-256=:" EMPTY_64 ":\r\n", EMPTY_HEX},
		{"200 OK", "Content-Digest: sha-256=:" EMPTY_64 ":\r\n", EMPTY_HEX},
		{"206 OK", "Content-Digest: sha-256=:" EMPTY_64 ":\r\n", NULL},
		{"200 OK", "Content-MD5: " EMPTY_MD5 "\r\n", EMPTY_MD5_HEX},
		{"206 OK", "Content-MD5: " EMPTY_MD5 "\r\n", NULL},
		{"200 OK", "Digest: MD5=" EMPTY_MD5 ",SHA-256=" EMPTY_64 ", unixsum=30637\r\n", EMPTY_HEX},
		{"200 OK", "Digest: SHA-256=" EMPTY_64 "\r\nContent-MD5: " EMPTY_MD5 "\r\n", EMPTY_HEX},
		{"200 OK", "Digest: SHA=2jmj7l5rSw0yVb/vlWAYkK/YBwk=\r\n",
			"sha-1=da39a3ee5e6b4b0d3255bfef95601890afd80709"},
		{"200 OK", "Digest: SHA-256=" EMPTY_MD5 "\r\n", NULL},
		{"200 OK", "Digest: SHA-256=!!!\r\n", NULL},
		{"200 OK", "Digest: SHA-256\r\n", NULL},
		{"200 OK", "Digest: ,=,==,\r\n", NULL},
		{"404 No", "Digest: SHA-256=" EMPTY_64 "\r\n", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(read(rows[i].status, rows[i].fields), 0);
		if (rows[i].digest == NULL)
			assert_null(answer.h.digest);
		else
			assert_string_equal(answer.h.digest, rows[i].digest);
	}
}

static void test_codings(void **state)
{
	const struct http_asked asked = {.codings = true}, by_head = {.codings = true, .head_only = true};

	(void)state;
	/* What a HEAD says of a coded body is not the size of the file. */
	assert_int_equal(read_asked("200 OK", "Content-Encoding: gzip\r\nContent-Length: 5\r\n", by_head), 0);
	assert_true(answer.h.coded);
	assert_int_equal(answer.coding, CODING_NONE);
	assert_int_equal(answer.h.total, -1);
	assert_int_equal(read("200 OK", "Content-Encoding: gzip\r\nContent-Length: 5\r\n"), 0);
	assert_false(answer.h.coded);
	assert_int_equal(answer.h.total, 5);
	assert_int_equal(
		read_asked("200 OK", "Content-Encoding: GZip\r\nContent-Length: 5\r\nDigest: SHA-256=" EMPTY_64 "\r\n",
			asked),
		0);
	assert_true(answer.h.coded);
	assert_int_equal(answer.coding, CODING_GZIP);
	assert_int_equal(answer.h.total, -1);
	assert_int_equal(answer.h.body_len, -1);
	assert_null(answer.h.digest);
	assert_int_equal(read_asked("200 OK", "Content-Encoding: deflate\r\n", asked), 0);
	assert_int_equal(answer.coding, CODING_DEFLATE);
	assert_int_equal(read_asked("200 OK", "Content-Encoding: br\r\n", asked), 0);
	assert_false(answer.h.coded);
	assert_int_equal(read_asked("206 Part", "Content-Encoding: gzip\r\n", asked), 0);
	assert_true(answer.h.coded);
	assert_int_equal(answer.coding, CODING_NONE); /* it is refused */
	assert_int_equal(read_asked("200 OK", "Content-Encoding: gzip, gzip\r\n", asked), ERR_CODING);
}

/* RFC 9110 8.8.2.2. Without Date it was made now. */
static void test_weak_dates(void **state)
{
	static const struct {
		const char *fields;
		bool weak;
	} rows[] = {
		{"Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\nDate: Sun, 06 Nov 1994 08:49:38 GMT\r\n", false},
		{"Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n", true},
		{"Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\nDate: Sunday, 06-Nov-94 08:49:37 GMT\r\n", true},
		{"Last-Modified: Sun, 06 Nov 1994 08:49:38 GMT\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n", true},
		{"Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n", false},
		{"Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\nDate: today\r\n", false},
		{"Last-Modified: Fri, 31 Dec 2999 23:59:59 GMT\r\n", true},
		{"Last-Modified: yesterday\r\n", true},
		{"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(read("200 OK", rows[i].fields), 0);
		assert_int_equal(answer.h.weak_date, rows[i].weak);
	}
}

/* A stored file that is labelled so has a length; what is coded on its way has none. */
static void test_codings_not_asked_for(void **state)
{
	static const struct {
		const char *fields;
		bool coded;
	} rows[] = {
		{"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", true},
		{"Content-Encoding: gzip\r\n", true},
		{"Content-Encoding: gzip\r\nContent-Length: 5\r\n", false},
		{"Content-Encoding: gzip\r\nContent-Type: application/gzip\r\nTransfer-Encoding: chunked\r\n", false},
		{"Content-Encoding: gzip\r\nContent-Type: Application/X-GZip; a=b\r\n", false},
		{"Content-Encoding: br\r\nTransfer-Encoding: chunked\r\n", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(read("200 OK", rows[i].fields), 0);
		assert_int_equal(answer.h.coded, rows[i].coded);
		assert_int_equal(read("206 Part", rows[i].fields), 0);
		assert_int_equal(answer.h.coded, rows[i].coded || strstr(rows[i].fields, "br\r\n"));
	}
	assert_int_equal(read("206 Part", "Content-Encoding: identity\r\nTransfer-Encoding: chunked\r\n"), 0);
	assert_false(answer.h.coded);
	assert_int_equal(read("200 OK", "Content-Encoding: gzip, gzip\r\nTransfer-Encoding: chunked\r\n"), ERR_CODING);
}

static void test_challenge(void **state)
{
	(void)state;
	assert_true(http_auth_asks_basic("Basic realm=\"x\""));
	assert_true(http_auth_asks_basic("Digest realm=\"a, b\", nonce=\"c\", basic realm=\"x\""));
	assert_true(http_auth_asks_basic("Negotiate,Basic"));
	assert_false(http_auth_asks_basic("Basically realm=\"x\""));
	assert_false(http_auth_asks_basic("Digest realm=\"x\""));
	assert_false(http_auth_asks_basic(""));
	assert_int_equal(read("401 No", "WWW-Authenticate: Digest a=b\r\nWWW-Authenticate: Basic realm=x\r\n"), 0);
	assert_true(answer.asks_basic);
	assert_int_equal(read("403 No", "WWW-Authenticate: Basic realm=x\r\n"), 0);
	assert_false(answer.asks_basic);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_framing),
		cmocka_unit_test(test_framing_refused),
		cmocka_unit_test(test_keep_alive),
		cmocka_unit_test(test_content_range),
		cmocka_unit_test(test_range_heads),
		cmocka_unit_test(test_file_fields),
		cmocka_unit_test(test_location),
		cmocka_unit_test(test_retry_after),
		cmocka_unit_test(test_limit_field),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_digests),
		cmocka_unit_test(test_codings),
		cmocka_unit_test(test_codings_not_asked_for),
		cmocka_unit_test(test_weak_dates),
		cmocka_unit_test(test_challenge),
	};

	return cmocka_run_group_tests(tests, NULL, cleanup);
}
