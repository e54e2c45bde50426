/* SPDX-License-Identifier: MIT
 * The option table against its own rules and against aria2's; values and their normal forms; option sets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf_text.h"
#include "base/opt.c"

#define TSV_FIELDS 11
enum tsv {
	TSV_NAME,
	TSV_SHORT,
	TSV_TYPE,
	TSV_DEF,
	TSV_MIN,
	TSV_MAX,
	TSV_START,
	TSV_ADD,
	TSV_CHANGE,
	TSV_GLOBAL,
	TSV_AREA
};

/* ---- the table ---- */

static void table_is_sorted_and_unique(void **state)
{
	(void)state;
	for (int id = 0; id < OPT_COUNT; id++) {
		const struct opt_def *d = opt_def((enum opt)id);

		assert_true(strlen(d->name) < 48);
		if (id > 0)
			assert_true(strcmp(defs[id - 1].name, d->name) < 0);
		for (int other = 0; other < id; other++) {
			if (d->ch && defs[other].ch == d->ch)
				fail_msg("-%c is of both %s and %s", d->ch, d->name, defs[other].name);
		}
		assert_int_equal(opt_find(d->name, strlen(d->name)), id);
		assert_int_equal(opt_find(d->name, strlen(d->name) - 1) == (enum opt)id, false);
	}
	assert_int_equal(opt_find("", 0), OPT_COUNT);
	assert_int_equal(opt_find("nope", 4), OPT_COUNT);
	assert_int_equal(opt_find("dir\0\0\0", 6), OPT_COUNT);
	assert_int_equal(opt_find("dirty", 3), OPT_DIR);
}

static void rows_are_complete(void **state)
{
	(void)state;
	for (int id = 0; id < OPT_COUNT; id++) {
		const struct opt_def *d = opt_def((enum opt)id);
		bool number = d->type == OT_INT || d->type == OT_SIZE;

		if (!d->help || d->help[strlen(d->help) - 1] != '.')
			fail_msg("%s: help must end with a full stop", d->name);
		for (const char *p = d->help; *p; p++)
			assert_in_range(*p, ' ', '~');
		assert_non_null(d->group);
		assert_true(d->flags & OF_START);
		if ((d->values != NULL) != (d->type == OT_ENUM))
			fail_msg("%s: values are for OT_ENUM", d->name);
		if (number && (d->max <= d->min || (d->type == OT_INT && d->max > INT32_MAX)))
			fail_msg("%s: range", d->name);
		if (d->type != OT_BOOL && !d->arg && !(d->flags & OF_OPTARG))
			fail_msg("%s: has no name for its argument", d->name);
		if ((d->flags & OF_RESTART) && (d->flags & OF_LIVE))
			fail_msg("%s: both restart and live", d->name);
		if ((d->flags & OF_NORPC) && (d->flags & (OF_INITIAL | OF_RESTART | OF_LIVE)))
			fail_msg("%s: refused over RPC, but settable there", d->name);
		if ((strncmp(d->name, "on-", 3) == 0) != ((d->flags & OF_HOOK) != 0))
			fail_msg("%s: names a program to run?", d->name);
		if ((d->flags & OF_HOOK) && !(d->flags & OF_NORPC))
			fail_msg("%s: a program that RPC may name", d->name);
		if ((d->flags & OF_ONCE) && (d->flags & OF_GLOBAL))
			fail_msg("%s: of one download, but global", d->name);
		if (strstr(d->name, "passwd") || strstr(d->name, "secret"))
			assert_true(d->flags & OF_SECRET);
		/* A caller who could name a file would read or write with the daemon's rights; dir and out are bounded. */
		if (d->type == OT_PATH && id != OPT_DIR && id != OPT_OUT && !(d->flags & OF_NORPC))
			fail_msg("%s: names a file, and may be set over RPC", d->name);
	}
}

static bool listed(const enum opt *list, size_t n, enum opt id)
{
	for (size_t i = 0; i < n; i++) {
		if (list[i] == id)
			return true;
	}
	return false;
}

#define LISTED(list, id) listed(list, sizeof(list) / sizeof(list[0]), id)

/* "same" has an effect, "not yet" has none, and whatever is not the same has a sentence that says so. */
static void verdicts_are_true(void **state)
{
	(void)state;
	for (int id = 0; id < OPT_COUNT; id++) {
		const struct opt_def *d = opt_def((enum opt)id);
		const char *why = conf_why_text(d);
		bool ignored = (d->flags & OF_IGNORED) != 0;

		if ((d->aria2 == AS_NONE) != ((d->flags & OF_OWN) != 0))
			fail_msg("%s: a verdict is for aria2's options, and each of them has one", d->name);
		if (d->aria2 == AS_SAME && ignored)
			fail_msg("%s: said to be the same as in aria2, but without effect", d->name);
		if (d->aria2 == AS_NOT_YET && !ignored)
			fail_msg("%s: said to be not yet there, but it is not ignored", d->name);
		if ((d->aria2 == AS_BETTER || d->aria2 == AS_NOT_YET) && !*why)
			fail_msg("%s: not the same as in aria2, but why?", d->name);
		if (d->aria2 == AS_NONE && *why)
			fail_msg("%s: compared with an option that aria2 does not have", d->name);
		if (*why && why[strlen(why) - 1] != '.')
			fail_msg("%s: the reason must end with a full stop", d->name);
		for (const char *p = why; *p; p++)
			assert_in_range(*p, ' ', '~');
	}
}

static void defaults_are_normal(void **state)
{
	(void)state;
	for (int id = 0; id < OPT_COUNT; id++) {
		const struct opt_def *d = opt_def((enum opt)id);
		struct fail f = {0};
		char *text = NULL;

		if (!d->def)
			continue;
		if (opt_normalise(d, d->def, &text, &f) != 0)
			fail_msg("%s: default %s: %s", d->name, d->def, f.text);
		assert_string_equal(text, d->def);
		free(text);
	}
}

static void range_edges_hold(void **state)
{
	(void)state;
	for (int id = 0; id < OPT_COUNT; id++) {
		const struct opt_def *d = opt_def((enum opt)id);
		struct opts *o = opts_new(NULL);
		char text[32];

		if (d->type == OT_INT || d->type == OT_SIZE) {
			snprintf(text, sizeof(text), "%" PRId64, d->min);
			assert_int_equal(opts_set(o, (enum opt)id, text, NULL), 0);
			assert_int_equal(opts_num(o, (enum opt)id), d->min);
			snprintf(text, sizeof(text), "%" PRId64, d->max);
			assert_int_equal(opts_set(o, (enum opt)id, text, NULL), 0);
			assert_int_equal(opts_num(o, (enum opt)id), d->max);
			snprintf(text, sizeof(text), "%" PRId64, d->min - 1);
			assert_int_equal(opt_check((enum opt)id, text, NULL), ERR_INVAL);
			snprintf(text, sizeof(text), "%" PRIu64, (uint64_t)d->max + 1);
			assert_int_equal(opt_check((enum opt)id, text, NULL), ERR_INVAL);
			assert_int_equal(opts_num(o, (enum opt)id), d->max);
		}
		opts_unref(o);
	}
}

/* ---- the table against aria2's ---- */

static void tsv_split(char *line, char *field[TSV_FIELDS])
{
	line[strcspn(line, "\r\n")] = '\0';
	for (int i = 0; i < TSV_FIELDS; i++)
		field[i] = strsep(&line, "\t");
	assert_non_null(field[TSV_AREA]);
}

static bool same_type(const struct opt_def *d, const char *type)
{
	static const struct {
		const char *type;
		unsigned fits;
	} types[] = {
		{"bool", 1 << OT_BOOL},
		{"int", 1 << OT_INT},
		{"size", 1 << OT_SIZE},
		{"float", 1 << OT_FLOAT},
		{"enum", 1 << OT_ENUM},
		{"path", 1 << OT_PATH},
		{"list", 1 << OT_LIST | 1 << OT_STR},
		{"string", 1 << OT_STR | 1 << OT_PROXY | 1 << OT_CHECKSUM | 1 << OT_GID | 1 << OT_PATH | 1 << OT_SLOTS},
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (strcmp(types[i].type, type) == 0)
			return types[i].fits & (1u << d->type);
	}
	return false;
}

static void expect(bool same, const struct opt_def *d, const char *what)
{
	if (!same)
		fail_msg("%s: not aria2's %s", d->name, what);
}

/* Defaults and ranges that differ on purpose: `why` says the reason. */
static const enum opt other_default[] = {OPT_ENABLE_RPC, OPT_FILE_ALLOCATION, OPT_USER_AGENT};
static const enum opt other_range[] = {OPT_MAX_CONNECTION_PER_SERVER};

/* same, unless the option is listed: then not the same, and with a reason. */
static void expect_unless(bool same, bool is_listed, const struct opt_def *d, const char *what)
{
	if (is_listed && same)
		fail_msg("%s: has aria2's %s: take it off the list", d->name, what);
	if (is_listed && !d->why)
		fail_msg("%s: not aria2's %s, but why?", d->name, what);
	expect(same || is_listed, d, what);
}

/* In parentheses: known at the start only. */
static void compare_default(const struct opt_def *d, const char *def)
{
	char *normal = NULL;
	bool same;

	if (*def == '(')
		return;
	if (strncmp(d->name, "peer-", 5) == 0) { /* made of aria2's version */
		expect(d->def && strncmp(d->def, def, 2) == 0, d, "default");
		return;
	}
	if (*def)
		expect(opt_normalise(d, def, &normal, NULL) == 0, d, "type");
	same = normal && d->def ? strcmp(normal, d->def) == 0 : normal == d->def;
	expect_unless(same, LISTED(other_default, (enum opt)(d - defs)), d, "default");
	free(normal);
}

static void compare_range(const struct opt_def *d, const char *min, const char *max)
{
	int64_t open = d->type == OT_INT ? INT32_MAX : INT64_MAX;
	bool same;

	if (d->type == OT_ENUM)
		expect(strcmp(d->values, max) == 0, d, "words");
	if (d->type != OT_INT && d->type != OT_SIZE)
		return;
	same = d->min == (*min ? strtoll(min, NULL, 10) : 0) && d->max == (*max ? strtoll(max, NULL, 10) : open);
	expect_unless(same, LISTED(other_range, (enum opt)(d - defs)), d, "range");
}

static void compare_places(const struct opt_def *d, char *const *field)
{
	static const struct {
		enum tsv column;
		const char *text;
		unsigned flag;
	} places[] = {
		{TSV_START, "y", OF_START},
		{TSV_ADD, "y", OF_INITIAL},
		{TSV_CHANGE, "restart", OF_RESTART},
		{TSV_CHANGE, "live", OF_LIVE},
		{TSV_GLOBAL, "y", OF_GLOBAL},
	};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		expect((strcmp(field[places[i].column], places[i].text) == 0) == ((d->flags & places[i].flag) != 0), d,
			"places to set it");
	expect(!(d->flags & OF_INITIAL) || (d->flags & OF_CLIENT), d, "command line");
	if ((d->flags & OF_GLOBAL) && (d->flags & OF_NORPC) && !d->why)
		fail_msg("%s: aria2 changes it over RPC, hauld refuses to, but why?", d->name);
	expect(strcmp(d->group, field[TSV_AREA]) == 0, d, "area");
}

/* The file lies beside this source. */
static FILE *open_tsv(void)
{
	char path[1000];
	const char *slash = strrchr(__FILE__, '/');
	FILE *in;

	snprintf(path, sizeof(path), "%.*saria2_options.tsv", slash ? (int)(slash - __FILE__ + 1) : 0, __FILE__);
	in = fopen(path, "r");
	if (!in)
		fail_msg("%s: not there (run from the top of the tree)", path);
	return in;
}

static void table_is_aria2s(void **state)
{
	char line[2000], *field[TSV_FIELDS];
	FILE *in = open_tsv();
	int rows = 0, own = 0;

	(void)state;
	assert_non_null(fgets(line, sizeof(line), in));
	while (fgets(line, sizeof(line), in)) {
		const struct opt_def *d;
		enum opt id;

		tsv_split(line, field);
		id = opt_find(field[TSV_NAME], strlen(field[TSV_NAME]));
		if (id == OPT_COUNT)
			fail_msg("no row for %s", field[TSV_NAME]);
		d = opt_def(id);
		expect(d->ch == field[TSV_SHORT][0], d, "short flag");
		expect(same_type(d, field[TSV_TYPE]), d, "type");
		assert_false(d->flags & OF_OWN);
		compare_default(d, field[TSV_DEF]);
		compare_range(d, field[TSV_MIN], field[TSV_MAX]);
		compare_places(d, field);
		rows++;
	}
	fclose(in);
	for (int id = 0; id < OPT_COUNT; id++)
		own += (defs[id].flags & OF_OWN) != 0;
	assert_int_equal(rows + own, OPT_COUNT);
}

/* ---- values ---- */

static const struct {
	enum opt id;
	const char *val, *normal; /* normal NULL: refused */
} values[] = {
	{OPT_SPLIT, " 5", "5"},
	{OPT_SPLIT, "+5", "5"},
	{OPT_SPLIT, "007", "7"},
	{OPT_SPLIT, "5x", NULL},
	{OPT_SPLIT, "", NULL},
	{OPT_SPLIT, "x", NULL},
	{OPT_SPLIT, "0", NULL},
	{OPT_SPLIT, "5 ", "5"},
	{OPT_SPLIT, " \t+5\r\n", "5"},
	{OPT_SPLIT, " ", NULL},
	{OPT_SPLIT, "5 6", NULL},
	{OPT_SPLIT, "5 x", NULL},
	{OPT_SPLIT, "-", NULL},
	{OPT_SPLIT, "1.5", NULL},
	{OPT_SPLIT, "99999999999999999999", NULL},
	{OPT_SPLIT, "\t5", "5"},
	{OPT_SPLIT, "+ 5", NULL},
	{OPT_SPLIT, "--5", NULL},
	{OPT_TIMEOUT, "600", "600"},
	{OPT_TIMEOUT, "601", NULL},
	{OPT_MAX_CONNECTION_PER_SERVER, "17", "17"},
	{OPT_MAX_DOWNLOAD_LIMIT, "1M", "1048576"},
	{OPT_MAX_DOWNLOAD_LIMIT, "100k", "102400"},
	{OPT_MAX_DOWNLOAD_LIMIT, "1KB", "1024"},
	{OPT_MAX_DOWNLOAD_LIMIT, "1KiB", "1024"},
	{OPT_MEMORY_LIMIT, "2g", "2147483648"},
	{OPT_RESERVE_SPACE, "1T", "1099511627776"},
	{OPT_MAX_DOWNLOAD_LIMIT, "2G", NULL},
	{OPT_MAX_DOWNLOAD_LIMIT, "1Q", NULL},
	{OPT_MAX_DOWNLOAD_LIMIT, "-1", NULL},
	{OPT_MAX_DOWNLOAD_LIMIT, "1Kx", NULL},
	{OPT_MAX_DOWNLOAD_LIMIT, "K", NULL},
	{OPT_MAX_DOWNLOAD_LIMIT, "1B", NULL},
	{OPT_MAX_DOWNLOAD_LIMIT, "1K ", "1024"},
	{OPT_MAX_DOWNLOAD_LIMIT, " +1 K\n", "1024"},
	{OPT_MAX_DOWNLOAD_LIMIT, "1Kxyz", NULL},
	{OPT_MAX_DOWNLOAD_LIMIT, "1K/s", NULL},
	{OPT_MAX_DOWNLOAD_LIMIT, "1 2", NULL},
	{OPT_MAX_DOWNLOAD_LIMIT, "1 K B", NULL},
	{OPT_MAX_DOWNLOAD_LIMIT, " ", NULL},
	{OPT_MAX_DOWNLOAD_LIMIT, "+", NULL},
	{OPT_MAX_DOWNLOAD_LIMIT, "++1", NULL},
	{OPT_MAX_DOWNLOAD_LIMIT, "+ 1", NULL},
	{OPT_MAX_DOWNLOAD_LIMIT, "", NULL},
	{OPT_MAX_DOWNLOAD_LIMIT, "9223372036854775807", "9223372036854775807"},
	{OPT_MAX_DOWNLOAD_LIMIT, "9223372036854775808", NULL},
	{OPT_MAX_DOWNLOAD_LIMIT, "18014398509481984K", NULL},
	{OPT_MAX_DOWNLOAD_LIMIT, "8388608T", NULL},
	{OPT_MAX_DOWNLOAD_LIMIT, "16777217T", NULL},
	{OPT_MIN_SPLIT_SIZE, "1K", NULL},
	{OPT_MIN_SPLIT_SIZE, "1.5M", NULL},
	{OPT_MIN_SPLIT_SIZE, "1G", NULL},
	{OPT_MIN_SPLIT_SIZE, "2G", NULL},
	{OPT_PIECE_LENGTH, "512K", NULL},
	{OPT_CONTINUE, "true", "true"},
	{OPT_CONTINUE, "", "true"},
	{OPT_CONTINUE, "1", NULL},
	{OPT_CONTINUE, "TRUE", NULL},
	{OPT_CONTINUE, "yes", NULL},
	{OPT_SHOW_CONSOLE_READOUT, "", NULL},
	{OPT_FILE_ALLOCATION, "none", "none"},
	{OPT_FILE_ALLOCATION, "foo", NULL},
	{OPT_FILE_ALLOCATION, "non", NULL},
	{OPT_FILE_ALLOCATION, "none|trunc", NULL},
	{OPT_URI_SELECTOR, "", NULL},
	{OPT_SEED_RATIO, "1.50", "1.50"},
	{OPT_SEED_RATIO, "x", NULL},
	{OPT_SEED_RATIO, "-1", NULL},
	{OPT_SEED_RATIO, "nan", NULL},
	{OPT_SEED_RATIO, ".", NULL},
	{OPT_SEED_RATIO, "", ""},
	{OPT_SEED_RATIO, " 1.5 ", "1.5"},
	{OPT_SEED_RATIO, "1 5", NULL},
	{OPT_SEED_TIME, "", ""},
	{OPT_SEED_RATIO, ".5", ".5"},
	{OPT_ALL_PROXY, "localhost:8080", "http://localhost:8080/"},
	{OPT_ALL_PROXY, "", ""},
	{OPT_ALL_PROXY, "http://u:p@h:1/x?y", "http://u:p@h:1/"},
	{OPT_ALL_PROXY, "https://u:p@h", NULL}, /* http:// instead would show the login to all on the way */
	{OPT_HTTPS_PROXY, "HTTPS://h:1", NULL},
	{OPT_ALL_PROXY, "ftp://h", "http://h/"},
	{OPT_ALL_PROXY, "HTTP://h:80", "http://h/"},
	{OPT_ALL_PROXY, "[::1]:3128", "http://[::1]:3128/"},
	{OPT_ALL_PROXY, "u@x:p@h", "http://u@x:p@h/"},
	{OPT_HTTP_PROXY, "::::", NULL},
	{OPT_HTTP_PROXY, "h:0", NULL},
	{OPT_HTTP_PROXY, "h:65536", NULL},
	{OPT_HTTP_PROXY, "h:", NULL},
	{OPT_HTTP_PROXY, "http://", NULL},
	{OPT_HTTP_PROXY, "socks4://h:1", NULL},
	{OPT_ALL_PROXY, "socks5://h:80", "socks5://h:80/"},
	{OPT_ALL_PROXY, "SOCKS5H://u:p@[::1]:1", "socks5h://u:p@[::1]:1/"},
	{OPT_HTTP_PROXY, "a b", NULL},
	{OPT_HTTP_PROXY, "[::1", NULL},
	{OPT_HTTP_PROXY, "u:p@", NULL},
	{OPT_HTTP_PROXY, "h\r\nX: 1", NULL},
	{OPT_CONGESTION, "bbr", "bbr"},
	{OPT_CONGESTION, "", ""},
	{OPT_CONGESTION, "abcdefghijklmnop", NULL},
	{OPT_CONGESTION, "a/b", NULL},
	{OPT_CHECKSUM, "md5=12", NULL},
	{OPT_CHECKSUM, "nope=00", NULL},
	{OPT_CHECKSUM, "", NULL},
	{OPT_CHECKSUM, "MD5=D41D8CD98F00B204E9800998ECF8427E", "MD5=D41D8CD98F00B204E9800998ECF8427E"},
	{OPT_CHECKSUM, "md5=g41d8cd98f00b204e9800998ecf8427e", NULL},
	{OPT_GID, "00000000ABCDEF03", "00000000abcdef03"},
	{OPT_GID, "0000000000000000", NULL},
	{OPT_GID, "abc", NULL},
	{OPT_GID, "00000000abcdef0x", NULL},
	{OPT_USER_AGENT, "a\r\nX: 1", NULL},
	{OPT_USER_AGENT, "a\x1b[0m", NULL},
	{OPT_USER_AGENT, "\xff", NULL},
	{OPT_USER_AGENT, "", ""},
	{OPT_OUT, "a\x7f", NULL},
	{OPT_OUT, "\xc3\xa4", "\xc3\xa4"},
	{OPT_DIR, "", ""},
	{OPT_DIR, "${HOME}/x/${HOME}", "/h ome/x//h ome"},
	{OPT_OUT, "$HOME", "$HOME"},
	{OPT_USER_AGENT, "${HOME}", "${HOME}"},
	{OPT_RPC_SECRET, "", NULL},
	{OPT_RPC_SECRET, "x", "x"},
	{OPT_LISTEN_PORT, "6881,6885-6889", "6881,6885-6889"},
	{OPT_LISTEN_PORT, "80", NULL},
	{OPT_LISTEN_PORT, "1024-70000", NULL},
	{OPT_LISTEN_PORT, "6889-6881", NULL},
	{OPT_LISTEN_PORT, "6881,", NULL},
	{OPT_LISTEN_PORT, "a", NULL},
	{OPT_LISTEN_PORT, "2000-", NULL},
	{OPT_SELECT_FILE, "", ""},
	{OPT_SELECT_FILE, "1-3,6", "1-3,6"},
	{OPT_SELECT_FILE, "0", NULL},
	{OPT_SELECT_FILE, "1048577", NULL},
	{OPT_SSH_HOST_KEY_MD, "md5=d41d8cd98f00b204e9800998ecf8427e", "md5=d41d8cd98f00b204e9800998ecf8427e"},
	{OPT_SSH_HOST_KEY_MD, "sha-256=00", NULL},
	{OPT_BT_PRIORITIZE_PIECE, "head=1M,tail", "head=1M,tail"},
	{OPT_BT_PRIORITIZE_PIECE, "head,", NULL},
	{OPT_BT_PRIORITIZE_PIECE, "mid", NULL},
	{OPT_BT_PRIORITIZE_PIECE, "headx", NULL},
	{OPT_OPTIMIZE_CONCURRENT_DOWNLOADS, "5:25", "true"},
	{OPT_OPTIMIZE_CONCURRENT_DOWNLOADS, "", "true"},
	{OPT_OPTIMIZE_CONCURRENT_DOWNLOADS, "3.5:.5", "3.5:.5"},
	{OPT_OPTIMIZE_CONCURRENT_DOWNLOADS, ":5", NULL},
	{OPT_OPTIMIZE_CONCURRENT_DOWNLOADS, ":", NULL},
	{OPT_OPTIMIZE_CONCURRENT_DOWNLOADS, "1:2:3", NULL},
	{OPT_OPTIMIZE_CONCURRENT_DOWNLOADS, "true", "true"},
	{OPT_OPTIMIZE_CONCURRENT_DOWNLOADS, "5:", NULL},
	{OPT_OPTIMIZE_CONCURRENT_DOWNLOADS, "maybe", NULL},
	{OPT_RPC_ALLOWED_HOST, "nas.example.org", "nas.example.org"},
	{OPT_RPC_ALLOWED_HOST, " a , b_c.d-e ", " a , b_c.d-e "},
	{OPT_RPC_ALLOWED_HOST, "", ""},
	{OPT_RPC_ALLOWED_HOST, "a,", NULL},
	{OPT_RPC_ALLOWED_HOST, ",a", NULL},
	{OPT_RPC_ALLOWED_HOST, "a b", NULL},
	{OPT_RPC_ALLOWED_HOST, "a:80", NULL},
	{OPT_RPC_ALLOWED_HOST, "http://a", NULL},
	{OPT_RPC_ALLOWED_HOST, "*", NULL},
	{OPT_DHT_ENTRY_POINT, "h:1", "h:1"},
	{OPT_DHT_ENTRY_POINT, "h", NULL},
	{OPT_HEADER, "A: 1", "A: 1\n"},
	{OPT_HEADER, "A:", "A:\n"},
	{OPT_HEADER, "A", NULL},
	{OPT_HEADER, ": x", NULL},
	{OPT_HEADER, "A b: x", NULL},
	{OPT_HEADER, "A: 1\nB: 2\n", "A: 1\nB: 2\n"},
	{OPT_HEADER, "A: 1\r\nB: 2", NULL},
	{OPT_HEADER, "A: 1\nb", NULL},
	{OPT_HEADER, "", ""},
	{OPT_INDEX_OUT, "1=a", "1=a\n"},
	{OPT_INDEX_OUT, "a", NULL},
	{OPT_RESOLVE, "h:80:127.0.0.1", "h:80:127.0.0.1\n"},
	{OPT_RESOLVE, "h:80:[::1]", "h:80:[::1]\n"},
	{OPT_RESOLVE, "h:80:::1", "h:80:::1\n"},
	{OPT_RESOLVE, "h:80", NULL},
	{OPT_RESOLVE, "h:0:::1", NULL},
	{OPT_RESOLVE, "h:80:name", NULL},
	{OPT_RESOLVE, ":80:::1", NULL},
};

static void values_take_their_normal_form(void **state)
{
	(void)state;
	setenv("HOME", "/h ome", 1);
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct opts *o = opts_new(NULL);
		struct fail f = {0};
		int err = opts_set(o, values[i].id, values[i].val, &f);

		assert_int_equal(opt_check(values[i].id, values[i].val, NULL), err);
		if (values[i].normal && err != 0)
			fail_msg("%s=%s: %s", defs[values[i].id].name, values[i].val, f.text);
		if (!values[i].normal && err != ERR_INVAL)
			fail_msg("%s=%s: taken", defs[values[i].id].name, values[i].val);
		if (err == 0)
			assert_string_equal(opts_str(o, values[i].id), values[i].normal);
		else
			assert_memory_equal(f.text, "must ", 5);
		assert_int_equal(opts_has(o, values[i].id), err == 0);
		opts_unref(o);
	}
}

static void long_values_are_refused(void **state)
{
	char *text = malloc(OPT_VALUE_MAX + 2);
	struct opts *o = opts_new(NULL);

	(void)state;
	memset(text, 'a', OPT_VALUE_MAX + 1);
	text[OPT_VALUE_MAX + 1] = '\0';
	assert_int_equal(opts_set(o, OPT_USER_AGENT, text, NULL), ERR_INVAL);
	text[OPT_VALUE_MAX] = '\0';
	assert_int_equal(opts_set(o, OPT_USER_AGENT, text, NULL), 0);
	text[1] = ':';
	text[OPT_VALUE_MAX / 2] = '\0';
	assert_int_equal(opts_set(o, OPT_HEADER, text, NULL), 0);
	text[0] = 'b';
	assert_int_equal(opts_set(o, OPT_HEADER, text, NULL), ERR_INVAL);
	assert_int_equal(opts_str(o, OPT_HEADER)[0], 'a');
	opts_unref(o);
	free(text);
}

static void reasons_are_precise(void **state)
{
	static const struct {
		enum opt id;
		const char *val, *reason;
	} cases[] = {
		{OPT_SPLIT, "x", "must be a whole number"},
		{OPT_TIMEOUT, "601", "must be between 1 and 600"},
		{OPT_MIN_SPLIT_SIZE, "1K", "must be between 1M and 1G"},
		{OPT_MEMORY_LIMIT, "1", "must be 1M or more"},
		{OPT_FILE_ALLOCATION, "foo", "must be one of none, prealloc, trunc, falloc"},
		{OPT_CONTINUE, "1", "must be true or false"},
		{OPT_HTTP_PASSWD, "geheim\n", "must not hold control characters or line ends"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fail f = {0};

		assert_int_equal(opt_check(cases[i].id, cases[i].val, &f), ERR_INVAL);
		assert_int_equal(f.code, ERR_INVAL);
		assert_string_equal(f.text, cases[i].reason);
	}
}

/* ---- sets ---- */

static void set_get_through_parents(void **state)
{
	struct opts *global = opts_new(NULL), *job = opts_new(global);

	(void)state;
	opts_unref(global);
	assert_int_equal(opts_num(job, OPT_SPLIT), 5);
	assert_int_equal(opts_num(job, OPT_FILE_ALLOCATION), 3);
	assert_false(opts_has(job, OPT_SPLIT));
	assert_true(opts_defined(job, OPT_SPLIT));
	assert_false(opts_defined(job, OPT_REFERER));
	assert_null(opts_str(job, OPT_REFERER));
	assert_int_equal(opts_num(job, OPT_STOP_WITH_PROCESS), 0);
	assert_int_equal(opts_set(global, OPT_SPLIT, "7", NULL), 0);
	assert_int_equal(opts_num(job, OPT_SPLIT), 7);
	assert_int_equal(opts_set(job, OPT_SPLIT, "9", NULL), 0);
	assert_int_equal(opts_num(job, OPT_SPLIT), 9);
	assert_int_equal(opts_set(job, OPT_SPLIT, "0", NULL), ERR_INVAL);
	assert_int_equal(opts_num(job, OPT_SPLIT), 9);
	opts_unset(job, OPT_SPLIT);
	opts_unset(job, OPT_SPLIT);
	assert_int_equal(opts_num(job, OPT_SPLIT), 7);
	assert_true(opts_bool(job, OPT_CHECK_CERTIFICATE));
	assert_int_equal(opts_set(job, OPT_SEED_RATIO, "2.75", NULL), 0);
	assert_int_equal(opts_num(job, OPT_SEED_RATIO), 2);
	opts_unref(job);
}

static void once_is_not_inherited(void **state)
{
	struct opts *global = opts_new(NULL), *job = opts_new(global), *flat;

	(void)state;
	assert_int_equal(opts_set(global, OPT_OUT, "a", NULL), 0);
	assert_int_equal(opts_set(global, OPT_DIR, "/d", NULL), 0);
	assert_null(opts_str(job, OPT_OUT));
	assert_string_equal(opts_str(global, OPT_OUT), "a");
	flat = opts_flatten(job);
	assert_false(opts_has(flat, OPT_OUT));
	assert_string_equal(opts_str(flat, OPT_DIR), "/d");
	opts_unref(flat);
	opts_unref(job);
	opts_unref(global);
}

static void lists_add_up(void **state)
{
	struct opts *global = opts_new(NULL), *job = opts_new(global);

	(void)state;
	assert_int_equal(opts_set(global, OPT_HEADER, "X-Global: 1", NULL), 0);
	assert_string_equal(opts_str(job, OPT_HEADER), "X-Global: 1\n");
	assert_int_equal(opts_set(job, OPT_HEADER, "X-Own: 2", NULL), 0);
	assert_string_equal(opts_str(job, OPT_HEADER), "X-Global: 1\nX-Own: 2\n");
	/* What getOption showed comes back when a client tries a download again: nothing is doubled. */
	assert_int_equal(opts_set(job, OPT_HEADER, "X-Global: 1\nX-Own: 2\n", NULL), 0);
	assert_string_equal(opts_str(job, OPT_HEADER), "X-Global: 1\nX-Own: 2\n");
	assert_int_equal(opts_set(job, OPT_HEADER, "X: 1\nbad", NULL), ERR_INVAL);
	assert_string_equal(opts_str(job, OPT_HEADER), "X-Global: 1\nX-Own: 2\n");
	assert_int_equal(opts_set(job, OPT_HEADER, "", NULL), 0);
	assert_string_equal(opts_str(job, OPT_HEADER), "");
	assert_int_equal(opts_set(job, OPT_HEADER, "Y: 1", NULL), 0);
	assert_string_equal(opts_str(job, OPT_HEADER), "Y: 1\n");
	assert_string_equal(opts_str(global, OPT_HEADER), "X-Global: 1\n");
	opts_unref(job);
	opts_unref(global);
}

static void clones_are_apart(void **state)
{
	struct opts *global = opts_new(NULL), *a = opts_new(global), *b;

	(void)state;
	assert_int_equal(opts_set(global, OPT_TIMEOUT, "9", NULL), 0);
	assert_int_equal(opts_set(a, OPT_SPLIT, "2", NULL), 0);
	b = opts_clone(a);
	assert_int_equal(opts_set(b, OPT_SPLIT, "3", NULL), 0);
	assert_int_equal(opts_num(a, OPT_SPLIT), 2);
	assert_int_equal(opts_num(b, OPT_TIMEOUT), 9);
	opts_unref(a);
	opts_unref(global);
	assert_int_equal(opts_num(b, OPT_TIMEOUT), 9);
	assert_ptr_equal(opts_ref(b), b);
	opts_unref(b);
	assert_int_equal(opts_num(b, OPT_SPLIT), 3);
	opts_unref(b);
	opts_unref(NULL);
}

/* A value of each type that differs from the default. */
static const char *sample(const struct opt_def *d, char buf[64])
{
	static const char *const texts[] = {[OT_FLOAT] = "2.5",
		[OT_STR] = "a=b c",
		[OT_PATH] = " /p=q",
		[OT_PROXY] = "http://u:p@h:1/",
		[OT_CHECKSUM] = "adler32=00000001",
		[OT_GID] = "00000000abcdef03",
		[OT_SLOTS] = "1:2",
		[OT_LIST] = "1=a"};

	if (d->check == opt_check_header)
		return "A: 1\nB: =2\n";
	if (d->check == opt_check_cidrs)
		return "10.0.0.0/8,::1\nfd00::/8\n";
	if (d->check == opt_check_absolute)
		return "/a\n/b..c\n";
	if (d->check == opt_check_resolve)
		return "h:80:::1\ni:80:::1\n";
	if (d->check == opt_check_congestion)
		return "cubic";
	if (d->check == opt_check_ranges)
		return "2000-3000";
	if (d->check == opt_check_host_port)
		return "h:1";
	if (d->check == opt_check_hosts)
		return "a, b.c";
	if (d->check == opt_check_key_digest || d->check == opt_check_head_tail)
		return "";
	if (d->type == OT_BOOL)
		return d->def && d->def[0] == 't' ? "false" : "true";
	if (d->type == OT_ENUM)
		return memcpy(buf, d->values, strcspn(d->values, "|") + 1), buf[strcspn(d->values, "|")] = '\0', buf;
	if (d->type == OT_INT || d->type == OT_SIZE) {
		snprintf(buf, 64, "%" PRId64, d->max);
		return buf;
	}
	return texts[d->type];
}

static void text_round_trip(void **state)
{
	struct opts *a = opts_new(NULL), *b = opts_new(NULL);
	struct fail f = {0};
	struct buf text;
	char buf[64];

	(void)state;
	for (int id = 0; id < OPT_COUNT; id++) {
		if (opts_set(a, (enum opt)id, sample(&defs[id], buf), &f) != 0)
			fail_msg("%s: %s", defs[id].name, f.text);
		assert_true(opts_has(a, (enum opt)id));
	}
	buf_init(&text, 1 << 20);
	opts_encode(a, 0, &text);
	assert_int_equal(text.err, 0);
	/* Lists of the set that is decoded into are replaced, not added to. */
	assert_int_equal(opts_set(b, OPT_HEADER, "Old: 1", NULL), 0);
	if (opts_decode(b, text.data, &f) != 0)
		fail_msg("%s", f.text);
	for (int id = 0; id < OPT_COUNT; id++)
		assert_string_equal(opts_str(a, (enum opt)id), opts_str(b, (enum opt)id));
	buf_free(&text);
	opts_unref(a);
	opts_unref(b);
}

static void text_is_filtered_and_checked(void **state)
{
	struct opts *o = opts_new(NULL), *c = opts_new(NULL);
	struct fail f = {0};
	struct buf text;

	(void)state;
	buf_init(&text, 1000);
	assert_int_equal(opts_set(o, OPT_SPLIT, "2", NULL), 0);
	assert_int_equal(opts_set(o, OPT_LOG, "x", NULL), 0);
	assert_int_equal(opts_set(o, OPT_HEADER, "", NULL), 0);
	opts_encode(o, OF_INITIAL, &text);
	assert_string_equal(text.data, "header=\nsplit=2\n");
	assert_int_equal(opts_decode(c, text.data, &f), 0);
	assert_string_equal(opts_str(c, OPT_HEADER), "");
	assert_int_equal(opts_decode(c, "no-such=1\nrubbish\n\nsplit=4", &f), 0);
	assert_int_equal(opts_num(c, OPT_SPLIT), 4);
	assert_int_equal(opts_decode(c, "split=0\n", &f), ERR_INVAL);
	assert_string_equal(f.text, "split: must be between 1 and 2147483647");
	buf_free(&text);
	opts_unref(o);
	opts_unref(c);
}

/* What many sets have in common exists once, what belongs to one download or is secret does not; a set outlives the memo. */
static void a_memo_shares_values(void **state)
{
	static const char text[] = "header=A: 1\nheader=B: 2\nout=x\nsplit=3\nuser-agent=some/1\n";
	struct opts_memo *memo = opts_memo_new();
	struct opts *a = opts_new(NULL), *b = opts_new(NULL), *c = opts_new(NULL);
	struct buf again;
	struct fail f;

	(void)state;
	assert_int_equal(opts_decode_shared(a, text, memo, NULL), 0);
	assert_int_equal(opts_decode_shared(b, text, memo, NULL), 0);
	assert_int_equal(opts_decode(c, text, NULL), 0);
	opts_share(c, memo);
	assert_ptr_equal(opts_str(a, OPT_USER_AGENT), opts_str(b, OPT_USER_AGENT));
	assert_ptr_equal(opts_str(a, OPT_USER_AGENT), opts_str(c, OPT_USER_AGENT));
	assert_ptr_not_equal(opts_str(a, OPT_OUT), opts_str(b, OPT_OUT));
	assert_true((defs[OPT_HEADER].flags & OF_SECRET) != 0);
	assert_ptr_not_equal(opts_str(a, OPT_HEADER), opts_str(b, OPT_HEADER));
	assert_int_equal(opts_set(b, OPT_SPLIT, "4", NULL), 0);
	assert_int_equal(opts_decode_shared(b, "split=0\n", memo, &f), ERR_INVAL);
	opts_memo_free(memo);
	buf_init(&again, 1000);
	opts_encode(a, 0, &again);
	assert_string_equal(again.data, text);
	buf_reset(&again);
	opts_encode(c, 0, &again);
	assert_string_equal(again.data, text);
	buf_free(&again);
	assert_int_equal(opts_num(b, OPT_SPLIT), 4);
	opts_unref(a);
	opts_unref(b);
	opts_unref(c);
}

/* However many values come by, the memo stays small, and goes on to share. */
static void a_memo_is_bounded(void **state)
{
	struct opts_memo *memo = opts_memo_new();
	struct opts *o = NULL;
	char text[64];

	(void)state;
	for (int i = 0; i < 3 * MEMO_MAX; i++) {
		opts_unref(o);
		o = opts_new(NULL);
		snprintf(text, sizeof(text), "user-agent=%d\n", i);
		assert_int_equal(opts_decode_shared(o, text, memo, NULL), 0);
		assert_in_range(HASH_COUNT(memo->entries), 1, MEMO_MAX);
	}
	assert_int_equal(o->vals[0].val->refs, 2);
	opts_unref(o);
	opts_memo_free(memo);
}

static void sets_are_small(void **state)
{
	struct opts *o = opts_new(NULL);
	size_t bytes;

	(void)state;
	assert_int_equal(opts_set(o, OPT_SPLIT, "16", NULL), 0);
	assert_int_equal(opts_set(o, OPT_DIR, "/var/lib/haul", NULL), 0);
	assert_int_equal(opts_set(o, OPT_OUT, "file.bin", NULL), 0);
	bytes = malloc_usable_size(o) + malloc_usable_size(o->vals);
	for (size_t i = 0; i < o->n; i++)
		bytes += malloc_usable_size(o->vals[i].val);
	assert_in_range(bytes, 1, 300);
	opts_unref(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_is_sorted_and_unique),
		cmocka_unit_test(rows_are_complete),
		cmocka_unit_test(verdicts_are_true),
		cmocka_unit_test(defaults_are_normal),
		cmocka_unit_test(range_edges_hold),
		cmocka_unit_test(table_is_aria2s),
		cmocka_unit_test(values_take_their_normal_form),
		cmocka_unit_test(long_values_are_refused),
		cmocka_unit_test(reasons_are_precise),
		cmocka_unit_test(set_get_through_parents),
		cmocka_unit_test(once_is_not_inherited),
		cmocka_unit_test(lists_add_up),
		cmocka_unit_test(clones_are_apart),
		cmocka_unit_test(text_round_trip),
		cmocka_unit_test(text_is_filtered_and_checked),
		cmocka_unit_test(a_memo_shares_values),
		cmocka_unit_test(a_memo_is_bounded),
		cmocka_unit_test(sets_are_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
