/* SPDX-License-Identifier: MIT
 * F07: texts that users write: configuration file, command line, input file, checksum, parameterized URI, values of options,
 * .netrc, cookie file, JSON; and Set-Cookie fields, whose cookies only go where they belong. What was read is printed and read
 * again. Input: a letter that says which, then the text.
 */
#include "fuzz.h"

#include <fcntl.h>
#include <jansson.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/conf.h"
#include "base/hash.h"
#include "base/input.h"
#include "base/log.h"
#include "base/puri.h"
#include "base/str.h"
#include "proto/cookie_file.h"
#include "proto/netrc.h"
#include "rpc/lenient.h"
#include "rpc/plain_json.h"

/* A file with these bytes; its path in ret. */
static int make_file(const struct input *in, char ret[40])
{
	int fd = memfd_create("input", MFD_CLOEXEC);

	CHECK(fd >= 0 && write(fd, in->p, in->n) == (ssize_t)in->n);
	snprintf(ret, 40, "/proc/self/fd/%d", fd);
	return fd;
}

static void check_fail(int err, const struct fail *f)
{
	CHECK(err < 0 && f->code == err && f->text[0] != '\0');
	CHECK(str_is_utf8(f->text, strlen(f->text)) && !str_has_ctl(f->text, strlen(f->text)));
}

/* What was taken over can be stored and read back: the same values come out. */
static void check_opts(const struct opts *o)
{
	struct opts *again = opts_new(NULL);
	struct buf a, b;
	struct fail f;

	buf_init(&a, 64u << 20);
	buf_init(&b, 64u << 20);
	opts_encode(o, 0, &a);
	CHECK(a.len == 0 || (str_is_utf8(a.data, a.len) && opts_decode(again, a.data, &f) == 0));
	opts_encode(again, 0, &b);
	CHECK(a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0));
	buf_free(&a);
	buf_free(&b);
	opts_unref(again);
}

static void fuzz_conf(struct input *in)
{
	struct opts *o = opts_new(NULL);
	struct fail f = {0};
	char path[40];
	int fd = make_file(in, path), err = conf_file(o, path, &f);

	if (err != 0)
		check_fail(err, &f);
	check_opts(o);
	opts_unref(o);
	close(fd);
}

#define ARGS_MAX 64

/* A word in each line. */
static void fuzz_args(struct input *in)
{
	char *argv[ARGS_MAX + 2] = {input_text((const uint8_t *)"hauld", 5)}, *own[ARGS_MAX + 1], **words = NULL;
	struct opts *o = opts_new(NULL);
	struct fail f = {0};
	int argc = 1, err;

	while (in->n > 0 && argc <= ARGS_MAX)
		argv[argc++] = input_line(in);
	memcpy(own, argv, sizeof(own));
	err = conf_args(o, argc, argv, &words, &f);
	if (err != 0)
		check_fail(err, &f);
	for (char **w = words; err == 0 && w != NULL && *w != NULL; w++)
		CHECK(strlen(*w) < 1 << 20);
	check_opts(o);
	free(words);
	opts_unref(o);
	for (int i = 0; i < argc; i++)
		free(own[i]);
}

static int on_entry(void *arg, char **uris, size_t n, struct opts *opts, struct fail *f)
{
	size_t *count = arg;

	if (opts == NULL) {
		CHECK(n == 0 && uris == NULL);
		check_fail(ERR_USAGE, f);
		return 0;
	}
	CHECK(n > 0);
	for (size_t i = 0; i < n; i++)
		CHECK(uris[i] != NULL && uris[i][0] != '\0');
	if (++*count < 20)
		check_opts(opts);
	return 0;
}

static void fuzz_input(struct input *in)
{
	struct opts *o = opts_new(NULL);
	struct fail f = {0};
	size_t count = 0;
	char path[40];
	unsigned how = input_byte(in);
	int fd, err;

	opts_set(o, OPT_PARAMETERIZED_URI, (how & 1) ? "true" : "false", NULL);
	opts_set(o, OPT_FORCE_SEQUENTIAL, (how & 2) ? "true" : "false", NULL);
	fd = make_file(in, path);
	err = input_read(path, on_entry, &count, o, &f);
	if (err != 0)
		check_fail(err, &f);
	opts_unref(o);
	close(fd);
}

static void fuzz_checksum(struct input *in)
{
	char *s = input_text(in->p, in->n), type[8];
	unsigned char sum[HASH_MAX];
	size_t len = 0;

	if (hash_parse(s, type, sum, &len) == 0) {
		char again[2 * HASH_MAX + 10];
		int at = snprintf(again, sizeof(again), "%s=", type);

		CHECK(len == hash_len(type) && len > 0);
		for (size_t i = 0; i < len; i++)
			at += snprintf(again + at, sizeof(again) - (size_t)at, "%02x", sum[i]);
		CHECK(strcasecmp(s, again) == 0);
	}
	free(s);
}

static int on_text(void *arg, const char *text)
{
	size_t *count = arg;

	CHECK(text != NULL);
	return ++*count > PURI_MAX ? ERR_LIMIT : 0;
}

static void fuzz_puri(struct input *in)
{
	char *s = input_text(in->p, in->n);
	struct fail f = {0};
	size_t count = 0;
	int err = puri_expand(s, on_text, &count, &f);

	CHECK(count <= PURI_MAX);
	if (err != 0)
		check_fail(err, &f);
	else
		CHECK(strpbrk(s, "{[") != NULL || count == 1);
	free(s);
}

/* NAME=VALUE lines, each set on top of the ones before. */
static void fuzz_values(struct input *in)
{
	struct opts *o = opts_new(NULL);

	while (in->n > 0) {
		char *line = input_line(in), *eq = strchr(line, '=');
		enum opt id = eq != NULL ? opt_find(line, (size_t)(eq - line)) : OPT_COUNT;
		struct fail f = {0};
		int err = id != OPT_COUNT ? opts_set(o, id, eq + 1, &f) : 0;

		if (err != 0)
			check_fail(err, &f);
		if (err == 0 && id != OPT_COUNT)
			(void)opts_num(o, id);
		free(line);
	}
	check_opts(o);
	opts_unref(o);
}

static void fuzz_netrc(struct input *in)
{
	uint8_t *exact = malloc(in->n + 1);
	const struct netrc_login *l;
	struct netrc *n;

	memcpy(exact, in->p, in->n);
	n = netrc_parse((const char *)exact, in->n);
	l = netrc_find(n, "host.test");
	CHECK(l == NULL || (l->user != NULL && l->passwd != NULL));
	netrc_free(n);
	free(exact);
}

/* What was loaded, saved and loaded again is as much as before. */
static void fuzz_cookies(struct input *in)
{
	struct cookie_jar *j = cookie_jar_new(), *again = cookie_jar_new();
	const int64_t now = 1700000000;
	static char path[] = "/tmp/haul-fuzz-cookies-XXXXXX";
	static bool made;
	struct fail f = {0};
	unsigned passed;
	int fd;

	if (!made) {
		made = true;
		fd = mkstemp(path);
		CHECK(fd >= 0);
		close(fd);
	}
	fd = open(path, O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC, 0600);
	CHECK(fd >= 0 && write(fd, in->p, in->n) == (ssize_t)in->n);
	close(fd);
	if (cookie_file_load(j, path, now, &passed, &f) < 0)
		CHECK(f.text[0] != '\0');
	CHECK(cookie_jar_count(j) <= COOKIE_ALL_MAX);
	CHECK(cookie_file_save(j, path, now, &f) == 0 && cookie_file_load(again, path, now, &passed, &f) == 0);
	CHECK(passed == 0 && cookie_jar_count(j) == cookie_jar_count(again));
	cookie_jar_free(j);
	cookie_jar_free(again);
	unlink(path);
}

/* Does host stand at or below domain? By what their texts say alone. */
static bool is_below(const char *host, const char *domain)
{
	size_t h = strlen(host), d = strlen(domain);

	return h >= d && strcmp(host + h - d, domain) == 0 && (h == d || host[h - d - 1] == '.');
}

static void check_cookie(const struct cookie *c, const struct uri *from)
{
	CHECK(strlen(c->name) + strlen(c->value) <= COOKIE_BYTES_MAX && strlen(c->path) <= COOKIE_PATH_MAX);
	CHECK(strpbrk(c->name, "=;\r\n") == NULL && strpbrk(c->value, ";\r\n") == NULL && c->path[0] == '/');
	CHECK(is_below(from->host, c->domain) && (c->host_only || strchr(c->domain, '.') != NULL || from->ipv6));
	CHECK(!c->secure || strcmp(from->scheme, "https") == 0);
}

static bool may_go(const struct cookie *c, const struct uri *to)
{
	size_t n = strlen(c->path);

	return (c->host_only ? strcmp(c->domain, to->host) == 0 : is_below(to->host, c->domain)) &&
	       (!c->secure || strcmp(to->scheme, "https") == 0) && strncmp(to->path, c->path, n) == 0;
}

/* The first two lines are the URIs that the fields come from and that is asked then. */
static void fuzz_set_cookie(struct input *in)
{
	char *lines[2] = {input_line(in), input_line(in)}, *header;
	const int64_t now = 1700000000;
	struct cookie_jar *j = cookie_jar_new();
	struct uri from = {0}, to = {0};
	bool any = false;

	if (uri_parse(lines[0], strlen(lines[0]), &from, NULL) == 0 && uri_parse(lines[1], strlen(lines[1]), &to, NULL) == 0) {
		while (in->n > 0) {
			char *field = input_line(in);

			cookie_jar_receive(j, &from, field, now);
			free(field);
		}
		CHECK(cookie_jar_count(j) <= COOKIE_HOST_MAX * 8);
		for (const struct cookie *c = cookie_jar_next(j, NULL); c != NULL; c = cookie_jar_next(j, c)) {
			check_cookie(c, &from);
			any |= may_go(c, &to);
		}
		header = cookie_jar_header(j, &to, now);
		CHECK(header == NULL || (any && strlen(header) <= COOKIE_HEADER_MAX && !str_has_ctl(header, strlen(header))));
		cookie_wipe(header);
		uri_free(&to);
		uri_free(&from);
	} else {
		uri_free(&from);
	}
	cookie_jar_free(j);
	free(lines[0]);
	free(lines[1]);
}

#define ANY_JSON (JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK)

static json_t *read_lenient(const char *text, size_t n, struct buf *ret)
{
	json_t *v = lenient_json(text, n, ret) && ret->len > 0 ? json_loadb(ret->data, ret->len, ANY_JSON, NULL) : NULL;

	CHECK(ret->len <= LENIENT_GROWTH * n);
	return v;
}

/* Read one by one, the elements are those of the whole. */
static void check_elements(const char *text, size_t n, const json_t *whole)
{
	struct plain_array a;
	size_t i = 0;

	CHECK(plain_array_begin(text, n, &a) == json_is_array(whole));
	if (!json_is_array(whole))
		return;
	CHECK(a.left == json_array_size(whole));
	while (a.left > 0) {
		json_t *one = plain_array_next(&a);

		CHECK(json_equal(one, json_array_get(whole, i++)));
		json_decref(one);
	}
}

/* What a strict parser takes means the same when it is read leniently, and what is read leniently means the same again. What
 * is read in one pass means what it does otherwise. */
static void fuzz_json(struct input *in)
{
	char *text = malloc(in->n > 0 ? in->n : 1); /* of exactly its length */
	struct buf once, twice;
	json_t *before, *after, *plain, *again = NULL;

	memcpy(text, in->p, in->n);
	before = json_loadb(text, in->n, ANY_JSON, NULL);
	after = read_lenient(text, in->n, &once);
	plain = plain_json(text, in->n);
	CHECK(plain == NULL || json_equal(plain, after));
	check_elements(text, in->n, plain);
	json_decref(plain);
	if (after != NULL) {
		again = read_lenient(once.data, once.len, &twice);
		buf_free(&twice);
		CHECK(json_equal(after, again));
	}
	/* only depth may make a difference, and text behind a value that does not show where it ends */
	if (json_is_array(before) || json_is_object(before))
		CHECK(json_equal(before, after) || (after == NULL && in->n > LENIENT_DEPTH_MAX));
	json_decref(again);
	json_decref(after);
	buf_free(&once);
	json_decref(before);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct {
		char letter;
		void (*fn)(struct input *in);
	} kinds[] = {{'c', fuzz_conf}, {'i', fuzz_input}, {'h', fuzz_checksum}, {'p', fuzz_puri}, {'v', fuzz_values},
		{'n', fuzz_netrc}, {'k', fuzz_cookies}, {'j', fuzz_json}, {'a', fuzz_args}, {'s', fuzz_set_cookie}};
	struct input in = {data, size};
	unsigned which = input_byte(&in);

	log_setup(LOG_LVL_ERROR, true, NULL, LOG_LVL_ERROR);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (which == (unsigned char)kinds[i].letter)
			kinds[i].fn(&in);
	return 0;
}
