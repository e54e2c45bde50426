/* SPDX-License-Identifier: MIT
 * Tests of write-behind: order, gathering, short writes, failures, closing at every moment, journaling.
 */
#include "disk_test.h"

#include "disk/wstream.h"

struct owner {
	struct disk_test *t;
	struct wstream *w;
	int64_t written; /* as told */
	int idles, errors, err, calls;
	bool close_in_written, close_in_error, close_in_idle, push_in_idle;
	int64_t next;
};

static unsigned char byte_at(int64_t off)
{
	return (unsigned char)(off * 7 / 3 % 253);
}

static void push(struct owner *o, uint32_t len)
{
	struct block *b = block_get(o->t->loop.blocks);

	assert_non_null(b);
	b->off = o->next;
	b->len = len;
	for (uint32_t i = 0; i < len; i++)
		b->mem[i] = (char)byte_at(o->next + i);
	o->next += len;
	wstream_push(o->w, b);
}

/* The same by way of a pipe, which holds `there` of the bytes that are told. */
static void push_pipe(struct owner *o, uint32_t len, uint32_t there)
{
	struct block *b = block_get_pipe(o->t->loop.blocks);
	char *mem = malloc(len);

	assert_non_null(b);
	assert_non_null(mem);
	for (uint32_t i = 0; i < len; i++)
		mem[i] = (char)byte_at(o->next + i);
	assert_int_equal(write(b->pipe[1], mem, there), there);
	free(mem);
	b->off = o->next;
	b->len = len;
	o->next += len;
	wstream_push(o->w, b);
}

static void on_written(void *arg, int64_t from, int64_t to)
{
	struct owner *o = arg;

	assert_true(wstream_busy(o->w));
	assert_true(to > from);
	if (o->written >= 0)
		assert_int_equal(from, o->written);
	o->written = to;
	o->calls++;
	if (o->close_in_written)
		wstream_close(o->w);
}

static void on_error(void *arg, int err, const struct fail *f)
{
	struct owner *o = arg;

	o->errors++;
	o->err = err;
	assert_int_equal(f->code, err);
	assert_true(f->text[0]);
	if (o->close_in_error)
		wstream_close(o->w);
}

static void on_idle(void *arg)
{
	struct owner *o = arg;

	o->idles++;
	assert_false(wstream_busy(o->w));
	assert_int_equal(wstream_queued(o->w), 0);
	if (o->close_in_idle)
		wstream_close(o->w);
	if (o->push_in_idle) {
		o->push_in_idle = false;
		push(o, 10);
	}
}

static const struct wstream_ops ops = {.written = on_written, .error = on_error, .idle = on_idle};

static void begin(struct disk_test *t, struct owner *o, int64_t off)
{
	struct dfile_req req = req_of(t, "w", OPEN_NEW);

	req.journal = t->journal;
	assert_int_equal(do_open(t, &req), 0);
	*o = (struct owner){.t = t, .written = off, .next = off};
	o->w = wstream_new(t->file, off, &ops, o);
}

static void wait_idle(struct owner *o, int n)
{
	while (o->idles < n)
		uv_run(&o->t->loop.uv, UV_RUN_ONCE);
}

static void check_content(struct disk_test *t, int64_t from, int64_t to)
{
	unsigned char *buf = malloc((size_t)(to - from));
	int fd = open(at(t, "w.part"), O_RDONLY);

	assert_int_equal(pread(fd, buf, (size_t)(to - from), from), to - from);
	for (int64_t i = from; i < to; i++)
		assert_int_equal(buf[i - from], byte_at(i));
	close(fd);
	free(buf);
}

static void check_journal(struct disk_test *t, int64_t from, int64_t to)
{
	struct dfile_req req = req_of(t, "w", OPEN_RESUME);

	req.journal = t->journal;
	fault.at = 0;
	assert_int_equal(do_open(t, &req), 0);
	assert_int_equal(ranges_total(&t->proof), to - from);
	if (to > from)
		assert_true(ranges_has(&t->proof, from, to));
	do_close(t, t->file, true);
}

static void test_gathers(void **state)
{
	struct disk_test *t = *state;
	struct owner o;

	begin(t, &o, 1000);
	fail_at("pwritev", 0, 0);
	for (int i = 0; i < 33; i++)
		push(&o, i % 3 ? BLOCK_SIZE : 777);
	assert_int_equal(o.calls, 0);
	assert_true(wstream_busy(o.w));
	assert_int_equal(wstream_queued(o.w), o.next - 1000);
	wait_idle(&o, 1);
	assert_int_equal(o.written, o.next);
	assert_int_equal(fault.count, 3); /* the first alone, then twice sixteen */
	assert_int_equal(o.errors, 0);
	assert_int_equal(dfile_size(t->file), o.next);
	check_content(t, 1000, o.next);
	o.push_in_idle = true;
	push(&o, 5);
	wait_idle(&o, 3);
	check_content(t, 1000, o.next);
	wstream_close(o.w);
	do_close(t, t->file, false);
	check_journal(t, 1000, o.next);
}

static void test_short_writes(void **state)
{
	struct disk_test *t = *state;
	struct owner o;

	begin(t, &o, 0);
	fail_at("pwritev", 3, EINTR);
	fault.limit = 100001;
	for (int i = 0; i < 9; i++)
		push(&o, BLOCK_SIZE - (uint32_t)i);
	wait_idle(&o, 1);
	assert_int_equal(o.errors, 0);
	check_content(t, 0, o.next);
	wstream_close(o.w);
	do_close(t, t->file, true);
}

static void test_write_out_is_started(void **state)
{
	struct disk_test *t = *state;
	struct owner o;

	begin(t, &o, 0);
	fail_at("sync_file_range", 1, EIO); /* a hint: its failure is none */
	for (int k = 0; k < 5; k++) {
		for (int i = 0; i < 16; i++)
			push(&o, BLOCK_SIZE);
		wait_idle(&o, k + 1);
	}
	assert_int_equal(o.errors, 0);
	assert_true(fault.count == 2); /* 20 MiB */
	wstream_close(o.w);
	do_close(t, t->file, true);
}

static void test_failure(void **state)
{
	static const int causes[][2] = {{ENOSPC, ERR_NO_SPACE}, {EDQUOT, ERR_NO_SPACE}, {EIO, ERR_IO}};
	struct disk_test *t = *state;
	struct owner o;

	for (int c = 0; c < 3; c++) {
		begin(t, &o, 0);
		fail_at("pwritev", 3, causes[c][0]);
		fault.lasting = true;
		fault.limit = 1000; /* two short ones go through */
		for (int i = 0; i < 20; i++)
			push(&o, 5000);
		wait_idle(&o, 1);
		assert_int_equal(o.errors, 1);
		assert_int_equal(o.err, causes[c][1]);
		assert_int_equal(o.written, 2000);
		assert_int_equal(wstream_queued(o.w), 0);
		push(&o, 10); /* dropped, but still answered */
		assert_int_equal(o.idles, 1);
		wait_idle(&o, 2);
		assert_int_equal(o.errors, 1);
		push(&o, 10);
		wstream_close(o.w); /* before the answer */
		do_close(t, t->file, false);
		check_journal(t, 0, 2000);
	}
}

static void test_close_writes_the_rest(void **state)
{
	struct disk_test *t = *state;
	struct owner o;

	begin(t, &o, 0);
	for (int i = 0; i < 40; i++)
		push(&o, 60000);
	wstream_close(o.w);
	do_close(t, t->file, false); /* waits for it */
	assert_int_equal(o.calls + o.idles, 0);
	check_content(t, 0, o.next);
	check_journal(t, 0, o.next);
}

static void test_close_in_callbacks(void **state)
{
	struct disk_test *t = *state;
	struct owner o;

	for (int k = 0; k < 4; k++) {
		begin(t, &o, 0);
		fail_at("pwritev", k >= 2 ? 2 : 0, EIO);
		o.close_in_written = k == 0 || k == 2;
		o.close_in_idle = k == 1;
		o.close_in_error = k == 3;
		push(&o, 10);
		push(&o, 10);
		push(&o, 10);
		if (k == 1)
			wait_idle(&o, 1);
		do_close(t, t->file, true);
		assert_int_equal(o.idles, k == 1);
		assert_int_equal(o.errors, k == 3);
	}
}

/* The segments of a file take turns: never two writes at a time, each with all that has come meanwhile. */
static void test_many(void **state)
{
	struct disk_test *t = *state;
	struct owner o[16];
	struct dfile *f;

	assert_int_equal(open_name(t, "w", OPEN_NEW), 0);
	f = t->file;
	fail_at("pwritev", 0, 0);
	for (int i = 0; i < 16; i++) {
		o[i] = (struct owner){.t = t, .written = i * 400000, .next = i * 400000};
		o[i].w = wstream_new(f, o[i].next, &ops, &o[i]);
	}
	for (int n = 0; n < 4; n++)
		for (int i = 0; i < 16; i++)
			push(&o[(i * 5 + n) % 16], 100000);
	for (int i = 0; i < 16; i++) {
		wait_idle(&o[i], 1);
		wstream_close(o[i].w);
	}
	assert_false(fault.overlap);
	assert_int_equal(fault.count, 17); /* the very first block alone, then all that each had */
	check_content(t, 0, 16 * 400000);
	assert_int_equal(do_finish(t, f, 16 * 400000, false), 0);
	do_close(t, f, false);
}

static void push_both_kinds(struct owner *o)
{
	push(o, 777);
	push_pipe(o, 300000, 300000);
	push(o, BLOCK_SIZE);
	push(o, 5000);
	push_pipe(o, 1, 1);
	push_pipe(o, BLOCK_PIPE, BLOCK_PIPE);
	push(o, 10);
}

static void end_whole(struct owner *o)
{
	struct disk_test *t = o->t;

	wait_idle(o, 1);
	assert_int_equal(o->errors, 0);
	assert_int_equal(o->written, o->next);
	check_content(t, 0, o->next);
	wstream_close(o->w);
	do_close(t, t->file, false);
	check_journal(t, 0, o->next);
}

static void test_pipes_among_memory(void **state)
{
	struct disk_test *t = *state;
	struct owner o;

	begin(t, &o, 0);
	fail_at("read", 0, 0);
	push_both_kinds(&o);
	assert_true(wstream_likes_pipes(o.w));
	end_whole(&o);
	assert_int_equal(fault.count, 0); /* no byte came through memory */
}

static void test_pipes_short_and_interrupted(void **state)
{
	struct disk_test *t = *state;
	struct owner o;

	begin(t, &o, 0);
	fail_at("splice", 7, EINTR);
	fault.limit = 70001;
	push_both_kinds(&o);
	end_whole(&o);
}

/* At the first try, in the middle of a pipe, and when reading the rest is disturbed as well. */
static void test_pipes_refused_in_the_middle(void **state)
{
	static const int causes[] = {EINVAL, ENOSYS, EOPNOTSUPP, EPERM, EACCES};
	struct disk_test *t = *state;
	struct owner o;

	for (int c = 0; c < 5; c++) {
		for (int n = 1; n <= 9; n += 4) {
			begin(t, &o, 0);
			fail_at("splice", n, causes[c]);
			fault.limit = 70001;
			push_both_kinds(&o);
			wait_idle(&o, 1);
			assert_false(wstream_likes_pipes(o.w));
			assert_int_equal(fault.count, n); /* never asked again */
			push_pipe(&o, 5000, 5000);
			wait_idle(&o, 2);
			end_whole(&o);
		}
	}
}

/* What was written before counts, what was in pipes is lost, and so is no later user of them. */
static void test_pipes_fail(void **state)
{
	static const struct {
		const char *call;
		int cause, err;
		bool refused;
	} rows[] = {
		{"splice", ENOSPC, ERR_NO_SPACE, false},
		{"splice", EIO, ERR_IO, false},
		{"read", EIO, ERR_IO, true},
		{"pwrite", ENOSPC, ERR_NO_SPACE, true},
	};
	struct disk_test *t = *state;
	struct owner o;

	for (int c = 0; c < 4; c++) {
		begin(t, &o, 0);
		fail_at(rows[c].call, 3, rows[c].cause);
		fault.limit = 50000;
		atomic_store(&t->file->no_splice, rows[c].refused);
		for (int i = 0; i < 5; i++)
			push_pipe(&o, 400000, 400000);
		wait_idle(&o, 1);
		assert_int_equal(o.errors, 1);
		assert_int_equal(o.err, rows[c].err);
		assert_int_equal(o.written, rows[c].refused ? 2 * 16384 : 100000);
		wstream_close(o.w);
		do_close(t, t->file, false);
		check_journal(t, 0, o.written);
		begin(t, &o, 0);
		for (int i = 0; i < 5; i++)
			push_pipe(&o, 400000, 400000);
		end_whole(&o);
	}
}

/* A mistake of ours must not hold up the pool. */
static void test_pipe_with_less_than_told(void **state)
{
	struct disk_test *t = *state;
	struct owner o;

	for (int refused = 0; refused < 2; refused++) {
		begin(t, &o, 0);
		atomic_store(&t->file->no_splice, refused);
		push_pipe(&o, 5000, 4000);
		wait_idle(&o, 1);
		assert_int_equal(o.err, ERR_IO);
		assert_int_equal(o.written, 4000);
		wstream_close(o.w);
		do_close(t, t->file, true);
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_gathers),
		T(test_short_writes),
		T(test_write_out_is_started),
		T(test_failure),
		T(test_close_writes_the_rest),
		T(test_close_in_callbacks),
		T(test_many),
		T(test_pipes_among_memory),
		T(test_pipes_short_and_interrupted),
		T(test_pipes_refused_in_the_middle),
		T(test_pipes_fail),
		T(test_pipe_with_less_than_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
