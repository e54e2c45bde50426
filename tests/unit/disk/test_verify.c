/* SPDX-License-Identifier: MIT
 * Tests of the hasher: the digest is right however the file grew, failures are told, and it can be closed at any
 * moment.
 */
#include "disk_test.h"

#include "disk/verify.h"

#define SIZE ((int64_t)40 << 20)

struct result {
	int calls, err;
	unsigned char digest[HASH_MAX];
	size_t len;
	struct hasher *close_me;
};

static void on_digest(void *arg, int err, const unsigned char *digest, size_t len)
{
	struct result *r = arg;

	r->calls++;
	r->err = err;
	r->len = len;
	if (digest)
		memcpy(r->digest, digest, len);
	hasher_close(r->close_me);
}

static void wait_digest(struct disk_test *t, struct result *r)
{
	while (r->calls == 0)
		uv_run(&t->loop.uv, UV_RUN_ONCE);
}

static char *make_bytes(void)
{
	char *mem = malloc((size_t)SIZE);
	unsigned seed = 7;

	for (int64_t i = 0; i < SIZE; i += 4) {
		int v = rand_r(&seed);
		memcpy(mem + i, &v, 4);
	}
	return mem;
}

static void assert_digest(const struct result *r, const char *mem, int64_t n, const char *type)
{
	unsigned char want[HASH_MAX];
	struct hash *h = hash_new(type);

	hash_update(h, mem, (size_t)n);
	assert_int_equal(hash_final(h, want), r->len);
	assert_memory_equal(want, r->digest, r->len);
	hash_free(h);
}

/* Pieces arrive in any order; the hasher follows the part without a hole. */
static void test_random_order(void **state)
{
	struct disk_test *t = *state;
	int64_t piece = SIZE / 40;
	struct ranges have;
	struct result r = {0};
	char *mem = make_bytes();
	int order[40], fd;
	unsigned seed = 3;
	struct hasher *h;

	ranges_init(&have);
	for (int i = 0; i < 40; i++) {
		int k = rand_r(&seed) % (i + 1);
		order[i] = order[k];
		order[k] = i;
	}
	fd = open(at(t, "f"), O_RDWR | O_CREAT, 0600);
	h = hasher_new(&t->loop, fd, 0, "sha-256");
	for (int i = 0; i < 40; i++) {
		int64_t off = order[i] * piece;
		assert_int_equal(pwrite(fd, mem + off, (size_t)piece, off), piece);
		ranges_add(&have, off, off + piece);
		hasher_advance(h, ranges_prefix(&have));
		assert_true(hasher_done(h) <= ranges_prefix(&have));
		uv_run(&t->loop.uv, UV_RUN_NOWAIT);
	}
	close(fd); /* it has its own */
	hasher_finish(h, SIZE, on_digest, &r);
	assert_int_equal(r.calls, 0);
	wait_digest(t, &r);
	assert_int_equal(r.err, 0);
	assert_int_equal(hasher_done(h), SIZE);
	assert_digest(&r, mem, SIZE, "sha-256");
	hasher_close(h);
	ranges_free(&have);
	free(mem);
}

/* Only so many hash at a time: the last of many waits for its turn, and says so. */
static void test_queued(void **state)
{
	struct disk_test *t = *state;
	char *mem = make_bytes();
	int fd = open(at(t, "f"), O_RDWR | O_CREAT, 0600);
	struct hasher *h[8];
	struct result r[8] = {0};

	assert_int_equal(pwrite(fd, mem, (size_t)SIZE, 0), SIZE);
	for (int i = 0; i < 8; i++) {
		h[i] = hasher_new(&t->loop, fd, 0, "sha-512");
		assert_false(hasher_queued(h[i]));
	}
	for (int i = 0; i < 8; i++)
		hasher_finish(h[i], SIZE, on_digest, &r[i]);
	assert_true(hasher_queued(h[7])); /* the loop hands out turns, and has not run */
	for (int i = 0; i < 8; i++) {
		wait_digest(t, &r[i]);
		assert_false(hasher_queued(h[i]));
		hasher_close(h[i]);
	}
	close(fd);
	free(mem);
}

static void test_follows(void **state)
{
	struct disk_test *t = *state;
	char *mem = make_bytes();
	int fd = open(at(t, "f"), O_RDWR | O_CREAT, 0600);
	struct hasher *h = hasher_new(&t->loop, fd, 0, "md5");
	struct result r = {.close_me = h};

	assert_int_equal(pwrite(fd, mem, (size_t)SIZE, 0), SIZE);
	hasher_advance(h, SIZE - 100);
	while (hasher_done(h) < SIZE - 100) /* all of it, though nobody finishes yet */
		uv_run(&t->loop.uv, UV_RUN_ONCE);
	hasher_finish(h, SIZE, on_digest, &r);
	wait_digest(t, &r);
	assert_digest(&r, mem, SIZE, "md5");
	close(fd);
	free(mem);
}

static void test_empty_and_done(void **state)
{
	struct disk_test *t = *state;
	int fd = open(at(t, "f"), O_RDWR | O_CREAT, 0600);
	struct hasher *h = hasher_new(&t->loop, fd, 0, "sha-1");
	struct result r = {.close_me = h};

	hasher_finish(h, 0, on_digest, &r);
	assert_int_equal(r.calls, 0); /* never before it returned */
	wait_digest(t, &r);
	assert_int_equal(r.err, 0);
	assert_digest(&r, "", 0, "sha-1");
	close(fd);
}

static void test_too_short(void **state)
{
	struct disk_test *t = *state;
	int fd = open(at(t, "f"), O_RDWR | O_CREAT, 0600);

	assert_int_equal(ftruncate(fd, 10 << 20), 0);
	for (int k = 0; k < 3; k++) {
		struct hasher *h = hasher_new(&t->loop, fd, 0, "sha-256");
		struct result r = {.close_me = h};
		if (k > 0)
			hasher_advance(
				h, k == 1 ? 12 << 20 : 10 << 20); /* k 2: hashed more than the file turns out to have */
		while (k == 2 && hasher_done(h) < 10 << 20)
			uv_run(&t->loop.uv, UV_RUN_ONCE);
		hasher_finish(h, k == 2 ? 9 << 20 : 12 << 20, on_digest, &r);
		wait_digest(t, &r);
		assert_int_equal(r.calls, 1);
		assert_int_equal(r.err, ERR_IO);
		assert_int_equal(r.len, 0);
	}
	close(fd);
}

static void test_close_while_busy(void **state)
{
	struct disk_test *t = *state;
	int fd = open(at(t, "f"), O_RDWR | O_CREAT, 0600);
	struct result r = {0};

	assert_int_equal(ftruncate(fd, SIZE), 0);
	for (int i = 0; i < 5; i++) {
		struct hasher *h = hasher_new(&t->loop, fd, 0, "sha-512");
		hasher_advance(h, SIZE);
		if (i % 2)
			hasher_finish(h, SIZE, on_digest, &r);
		uv_run(&t->loop.uv, UV_RUN_NOWAIT);
		hasher_close(h);
	}
	hasher_close(NULL);
	uv_run(&t->loop.uv, UV_RUN_DEFAULT);
	assert_int_equal(r.calls, 0);
	close(fd);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_random_order),
		T(test_queued),
		T(test_follows),
		T(test_empty_and_done),
		T(test_too_short),
		T(test_close_while_busy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
