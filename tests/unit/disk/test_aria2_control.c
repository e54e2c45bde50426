/* SPDX-License-Identifier: MIT
 * Tests of reading aria2's control files: the form, every kind of damage, and what of them is believed.
 */
#include "disk_test.h"

#include "disk/aria2_control.h"
#include "make_control.h"

#define MIB (1 << 20)
#define BITS(...) (const unsigned char[]){__VA_ARGS__}, (uint32_t)sizeof((const unsigned char[]){__VA_ARGS__})

/* The example of aria2's form: 3000000 bytes in pieces of 1 MiB; piece 0, and 27 blocks of piece 1. */
static const unsigned char example[] = {0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0x2d, 0xc6, 0xc0, 0, 0, 0, 0, 0,
	0, 0, 0, 0, 0, 0, 1, 0x80, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0x10, 0, 0, 0, 0, 0, 8, 0xff, 0xff, 0xff, 0xe0, 0, 0, 0, 0};

static enum control_kind parse(const unsigned char *p, size_t n, struct control *ret)
{
	unsigned char *copy = xmalloc(n); /* so that each read behind its end is seen */
	enum control_kind kind;

	memcpy(copy, p, n);
	kind = control_parse(copy, n, ret);
	free(copy);
	assert_int_equal(kind == CONTROL_DAMAGED, ret->damage != NULL);
	return kind;
}

static void assert_ranges(const struct ranges *r, const char *want)
{
	char *text = ranges_encode(r);

	assert_string_equal(text, want);
	free(text);
}

/* The parsed ranges, or "damaged: WHY", "torrent". Valid until the next call. */
static const char *outcome(const unsigned char *p, size_t n)
{
	static char text[200];
	struct control c;
	enum control_kind kind = parse(p, n, &c);
	char *have = ranges_encode(&c.have);

	snprintf(text, sizeof(text), "%s%s%s", kind == CONTROL_TORRENT ? "torrent" : "",
		kind == CONTROL_DAMAGED ? "damaged: " : "", kind == CONTROL_DAMAGED ? c.damage : have);
	free(have);
	ranges_free(&c.have);
	return text;
}

static const char *outcome_of(const struct made_control *m)
{
	static unsigned char buf[4096];

	return outcome(buf, make_control(buf, m));
}

static void test_example(void **state)
{
	struct control c;

	(void)state;
	assert_int_equal(parse(example, sizeof(example), &c), CONTROL_OK);
	assert_int_equal(c.total, 3000000);
	assert_ranges(&c.have, "0-1490944");
	assert_true(c.aria2_made_it);
	ranges_free(&c.have);
}

static void test_both_versions(void **state)
{
	(void)state;
	for (unsigned version = 0; version <= 1; version++) {
		struct made_piece last = {2, 3000000 - 2 * MIB, BITS(0xc0, 0, 0, 0, 0, 0, 0x80)};
		struct made_control m = {.version = version, .piece = MIB, .total = 3000000, BITS(0x80), &last, 1};

		assert_string_equal(outcome_of(&m), "0-1048576,2097152-2129920,2883584-2899968");
	}
}

/* The last piece, and the last block of it, end with the file. */
static void test_ends(void **state)
{
	struct made_piece last = {2, 3000000 - 2 * MIB, BITS(0, 0, 0, 0, 0, 0, 0x60)};
	struct made_control m = {.version = 1, .piece = MIB, .total = 3000000, .bits = (const unsigned char *)"\x20", .n_bits = 1};

	(void)state;
	assert_string_equal(outcome_of(&m), "2097152-3000000");
	m.bits = (const unsigned char *)"\x00";
	assert_string_equal(outcome_of(&m), "");
	m.started = &last;
	m.n_started = 1;
	last.bits = (const unsigned char *)"\0\0\0\0\0\0\x02"; /* block 54 of 56 */
	assert_string_equal(outcome_of(&m), "2981888-2998272");
	last.bits = (const unsigned char *)"\0\0\0\0\0\0\x01"; /* block 55: 1728 bytes */
	assert_string_equal(outcome_of(&m), "2998272-3000000");
	m.total = 1;
	m.bits = (const unsigned char *)"\x80";
	m.n_started = 0;
	assert_string_equal(outcome_of(&m), "0-1");
}

static void test_pieces_in_any_order(void **state)
{
	static const unsigned char first[8] = {0x80}, all[8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	struct made_piece started[] = {{9, MIB, first, 8}, {3, MIB, all, 8}, {1, MIB, first, 8}, {4, MIB, first, 8}};
	struct made_control m = {.version = 1, .piece = MIB, .total = 10 * MIB, .bits = (const unsigned char *)"\x08\x00", .n_bits = 2,
		.started = started, .n_started = 4};

	(void)state;
	/* piece 4 is finished, whatever else is said of it */
	assert_string_equal(outcome_of(&m), "1048576-1064960,3145728-5242880,9437184-9453568");
	started[0].index = 3;
	assert_string_equal(outcome_of(&m), "damaged: a piece is in it twice");
}

static void test_every_cut(void **state)
{
	unsigned char longer[sizeof(example) + 1] = {0};

	(void)state;
	for (size_t n = 0; n < sizeof(example); n++)
		assert_string_equal(outcome(example, n), "damaged: it is too short");
	memcpy(longer, example, sizeof(example));
	assert_string_equal(outcome(longer, sizeof(longer)), "damaged: there is more behind its end");
}

static void test_every_damage(void **state)
{
	static const struct {
		size_t at;
		unsigned char value;
		const char *want;
	} cases[] = {
		{0, 1, "damaged: its version is not known"},
		{1, 2, "damaged: its version is not known"},
		{5, 1, "torrent"},
		{5, 3, "torrent"},
		{2, 1, "0-1490944"}, /* flags that nobody has a meaning for */
		{9, 20, "torrent"},
		{9, 19, "damaged: its info hash has a wrong length"},
		{6, 0x80, "damaged: its info hash has a wrong length"},
		{11, 0, "damaged: its lengths make no sense"}, /* piece length 0 */
		{11, 0x20, "damaged: a piece has a wrong length"},
		{11, 0x01, "damaged: it has a wrong number of pieces"},
		{14, 0x80, "damaged: its lengths make no sense"}, /* a negative total */
		{14, 0x7f, "damaged: it has a wrong number of pieces"},
		{19, 0, "damaged: a piece lies behind the end"},
		{33, 2, "damaged: it has a wrong number of pieces"},
		{30, 0xff, "damaged: it has a wrong number of pieces"},
		{34, 0x90, "damaged: it has a wrong number of pieces"}, /* a fourth piece of three */
		{35, 0xff, "damaged: it is too short"},
		{38, 2, "damaged: it is too short"},
		{38, 0, "damaged: there is more behind its end"},
		{42, 3, "damaged: a piece lies behind the end"},
		{39, 0xff, "damaged: a piece lies behind the end"},
		{42, 2, "damaged: a piece has a wrong length"}, /* the last one is shorter */
		{46, 1, "damaged: a piece has a wrong length"},
		{50, 7, "damaged: a piece has a wrong number of blocks"},
		{47, 0x80, "damaged: a piece has a wrong number of blocks"},
	};
	unsigned char buf[sizeof(example)];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memcpy(buf, example, sizeof(buf));
		buf[cases[i].at] = cases[i].value;
		if (strcmp(outcome(buf, sizeof(buf)), cases[i].want) != 0)
			fail_msg("byte %zu = %#x: %s", cases[i].at, cases[i].value, outcome(buf, sizeof(buf)));
	}
}

static void test_huge_lengths(void **state)
{
	struct made_control m = {.version = 1, .piece = UINT32_MAX, .total = INT64_MAX, .n_bits = 0};

	(void)state;
	assert_string_equal(outcome_of(&m), "damaged: it has a wrong number of pieces");
	m.total = UINT32_MAX;
	m.bits = (const unsigned char *)"\x80";
	m.n_bits = 1;
	assert_string_equal(outcome_of(&m), "0-4294967295");
	m.total = UINT64_MAX;
	assert_string_equal(outcome_of(&m), "damaged: its lengths make no sense");
	m.total = 0;
	assert_string_equal(outcome_of(&m), "damaged: its lengths make no sense");
}

/* A file made of as many ranges as possible costs no more than the bound. */
static void test_ranges_are_bounded(void **state)
{
	static unsigned char bits[65536], buf[70000];
	struct made_control m = {.version = 1, .piece = MIB, .total = (uint64_t)sizeof(bits) * 8 * MIB, .bits = bits, .n_bits = sizeof(bits)};
	struct control c;

	(void)state;
	memset(bits, 0xaa, sizeof(bits));
	assert_int_equal(parse(buf, make_control(buf, &m), &c), CONTROL_OK);
	assert_int_equal(c.have.n, CONTROL_RANGES_MAX);
	assert_true(ranges_has(&c.have, 0, MIB) && !ranges_has(&c.have, MIB, MIB + 1));
	assert_true(c.have.v[c.have.n - 1].end == (int64_t)(2 * CONTROL_RANGES_MAX - 1) * MIB);
	ranges_free(&c.have);
}

/* Which files may be removed as left over by aria2. */
static void test_who_made_it(void **state)
{
	static const struct {
		const char *text;
		size_t n;
		bool aria2;
	} cases[] = {{"", 0, true}, {"\0", 1, true}, {"\0\0", 2, true}, {"\0\1", 2, true}, {"x", 1, false}, {"\0\2", 2, false},
		{"\1\1", 2, false}, {"hello world", 11, false}};
	struct control c;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(control_parse((const unsigned char *)cases[i].text, cases[i].n, &c), CONTROL_DAMAGED);
		assert_int_equal(c.aria2_made_it, cases[i].aria2);
		ranges_free(&c.have);
	}
}

/* ---- beside NAME ---- */

static void put_bytes_at(struct disk_test *t, const char *name, const void *p, size_t n)
{
	FILE *f = fopen(at(t, name), "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, n, f), n);
	fclose(f);
}

static enum control_kind read_beside(struct disk_test *t, const char *name, struct control *ret)
{
	int dirfd = open(t->dir, O_RDONLY | O_DIRECTORY);
	enum control_kind kind = control_read(&fs_faulty, dirfd, name, ret);

	close(dirfd);
	ranges_free(&ret->have);
	return kind;
}

static void test_read(void **state)
{
	struct disk_test *t = *state;
	char too_long[300];
	struct control c;

	put_bytes_at(t, "a.aria2", example, sizeof(example));
	put_file(t, "b.aria2", "");
	assert_int_equal(mkdir(at(t, "folder.aria2"), 0700), 0);
	assert_int_equal(mkfifo(at(t, "fifo.aria2"), 0600), 0);
	assert_int_equal(symlink("a.aria2", at(t, "link.aria2")), 0);
	assert_int_equal(read_beside(t, "a", &c), CONTROL_OK);
	assert_int_equal(c.total, 3000000);
	assert_int_equal(c.owner, geteuid());
	assert_int_equal(read_beside(t, "b", &c), CONTROL_DAMAGED);
	assert_int_equal(read_beside(t, "none", &c), CONTROL_NONE);
	assert_int_equal(read_beside(t, "folder", &c), CONTROL_NONE);
	assert_int_equal(read_beside(t, "fifo", &c), CONTROL_NONE);
	assert_int_equal(read_beside(t, "link", &c), CONTROL_NONE);
	memset(too_long, 'x', sizeof(too_long) - 1);
	too_long[250] = '\0';
	assert_int_equal(read_beside(t, too_long, &c), CONTROL_NONE);
	assert_int_equal(truncate(at(t, "a.aria2"), CONTROL_FILE_MAX + 1), 0);
	assert_int_equal(read_beside(t, "a", &c), CONTROL_DAMAGED);
	assert_string_equal(c.damage, "it is too large");
	assert_false(c.aria2_made_it);
}

static void test_read_fails(void **state)
{
	static const char *const calls[] = {"fstatat", "openat", "fstat", "pread"};
	struct disk_test *t = *state;
	struct control c;

	put_bytes_at(t, "a.aria2", example, sizeof(example));
	for (size_t i = 0; i < 4; i++) {
		fail_at(calls[i], 1, EACCES);
		assert_int_equal(read_beside(t, "a", &c), CONTROL_DAMAGED);
		assert_false(c.aria2_made_it);
	}
}

static void remove_beside(struct disk_test *t, const char *name)
{
	int dirfd = open(t->dir, O_RDONLY | O_DIRECTORY);

	control_remove(&fs_faulty, dirfd, name, name);
	close(dirfd);
}

static void test_remove(void **state)
{
	struct disk_test *t = *state;
	unsigned char torrent[sizeof(example)];

	memcpy(torrent, example, sizeof(example));
	torrent[5] = 1;
	put_bytes_at(t, "a.aria2", example, sizeof(example));
	put_bytes_at(t, "cut.aria2", example, 30);
	put_bytes_at(t, "torrent.aria2", torrent, sizeof(torrent));
	put_file(t, "empty.aria2", "");
	put_file(t, "mine.aria2", "my diary");
	remove_beside(t, "a");
	remove_beside(t, "cut");
	remove_beside(t, "torrent");
	remove_beside(t, "empty");
	remove_beside(t, "mine");
	remove_beside(t, "none");
	assert_false(is_there(t, "a.aria2") || is_there(t, "cut.aria2") || is_there(t, "empty.aria2"));
	assert_true(is_there(t, "torrent.aria2"));
	assert_file(t, "mine.aria2", "my diary");
}

/* ---- what is believed ---- */

static const char *believed(struct disk_test *t, const char *claimed, int64_t size)
{
	static char text[200];
	int fd = open(at(t, "data"), O_RDWR);
	struct ranges r;
	char *s;

	ranges_init(&r);
	assert_int_equal(ranges_decode(&r, claimed), 0);
	control_believe(&fs_faulty, fd, size, &r);
	s = ranges_encode(&r);
	snprintf(text, sizeof(text), "%s", s);
	free(s);
	ranges_free(&r);
	close(fd);
	return text;
}

static void test_believe(void **state)
{
	static char data[MIB];
	struct disk_test *t = *state;
	int fd;

	memset(data, 'd', sizeof(data));
	put_bytes_at(t, "data", data, sizeof(data));
	assert_string_equal(believed(t, "0-1048576", MIB), "0-1048576");
	assert_string_equal(believed(t, "0-500,1048000-3000000,4000000-5000000", MIB), "0-500,1048000-1048576");
	assert_string_equal(believed(t, "0-500", 0), "");
	fd = open(at(t, "data"), O_RDWR);
	assert_int_equal(ftruncate(fd, 4 * MIB), 0);
	assert_int_equal(pwrite(fd, data, MIB, 2 * MIB), MIB);
	close(fd);
	assert_string_equal(believed(t, "0-4194304", 4 * MIB), "0-1048576,2097152-3145728");
	assert_string_equal(believed(t, "100-200,1500000-1600000,4000000-4194304", 4 * MIB), "100-200");
}

static void test_believe_without_holes(void **state)
{
	struct disk_test *t = *state;

	put_file(t, "data", "");
	assert_int_equal(truncate(at(t, "data"), 4 * MIB), 0);
	fail_at("lseek", 1, EINVAL); /* not known here */
	assert_string_equal(believed(t, "0-4194304", 4 * MIB), "0-4194304");
	fail_at("lseek", 2, EIO); /* where the data goes on can't be told */
	assert_string_equal(believed(t, "0-4194304", 4 * MIB), "");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_example),
		cmocka_unit_test(test_both_versions),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_pieces_in_any_order),
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_every_damage),
		cmocka_unit_test(test_huge_lengths),
		cmocka_unit_test(test_ranges_are_bounded),
		cmocka_unit_test(test_who_made_it),
		T(test_read),
		T(test_read_fails),
		T(test_remove),
		T(test_believe),
		T(test_believe_without_holes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
