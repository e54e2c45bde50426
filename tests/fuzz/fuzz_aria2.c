/* SPDX-License-Identifier: MIT
 * F08: control files of aria2 with any content: what is taken from one lies inside of the file it speaks of, is bounded, and is
 * nothing at all when a byte is missing or too much. Input: a byte that says whether a head with fitting lengths is made, then
 * the bytes of the file, or its piece length, total and the rest.
 */
#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

#include "disk/aria2_control.h"
#include "disk/fs.h"
#include "unit/disk/make_control.h"

#define MADE_MAX 30000

static void check_ranges(const struct ranges *r, int64_t end)
{
	CHECK(r->n <= CONTROL_RANGES_MAX);
	for (size_t i = 0; i < r->n; i++) {
		CHECK(r->v[i].start >= 0 && r->v[i].start < r->v[i].end && r->v[i].end <= end);
		CHECK(i == 0 || r->v[i - 1].end < r->v[i].start);
	}
}

/* What a file of half the size, with a hole in it, leaves of the claims. */
static void believe(struct control *c)
{
	int64_t size = c->total / 2 < 1 << 20 ? c->total / 2 : 1 << 20;
	int fd = memfd_create("data", MFD_CLOEXEC);
	int64_t claimed = ranges_total(&c->have);

	CHECK(fd >= 0 && ftruncate(fd, size) == 0);
	CHECK(pwrite(fd, "x", 1, size / 3) == 1);
	control_believe(&fs_real, fd, size, &c->have);
	check_ranges(&c->have, size);
	CHECK(ranges_total(&c->have) <= claimed);
	close(fd);
}

static enum control_kind parse(const unsigned char *p, size_t n, bool use)
{
	unsigned char *copy = malloc(n);
	enum control_kind kind;
	struct control c;

	if (n > 0)
		memcpy(copy, p, n);
	kind = control_parse(copy, n, &c);
	free(copy);
	CHECK(kind != CONTROL_NONE && (c.damage != NULL) == (kind == CONTROL_DAMAGED));
	CHECK(kind == CONTROL_OK ? c.total > 0 && c.aria2_made_it : c.have.n == 0);
	check_ranges(&c.have, c.total);
	if (use && kind == CONTROL_OK)
		believe(&c);
	ranges_free(&c.have);
	return kind;
}

static uint64_t number(struct input *in, size_t n)
{
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 8 | input_byte(in);
	return v;
}

/* A head whose lengths fit each other, with as many bits as that needs; the rest of the input is what follows them. */
static size_t make(struct input *in, unsigned version, unsigned char *buf)
{
	static unsigned char bits[MADE_MAX / 2];
	struct made_control m = {.version = version, .piece = (uint32_t)number(in, 4), .total = number(in, 8), .bits = bits};
	uint64_t pieces = m.piece ? m.total / m.piece + (m.total % m.piece != 0) : 0;
	size_t n;

	m.n_bits = pieces / 8 < sizeof(bits) ? (uint32_t)(pieces / 8 + (pieces % 8 != 0)) : 0;
	for (uint32_t i = 0; i < m.n_bits; i++)
		bits[i] = (unsigned char)input_byte(in);
	n = make_control(buf, &m) - 4;
	return n + put_bytes(buf + n, in->p, in->n < MADE_MAX / 2 ? in->n : MADE_MAX / 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned char buf[MADE_MAX + 100];
	struct input in = {data, size};
	unsigned mode = input_byte(&in);
	size_t n = in.n < MADE_MAX ? in.n : MADE_MAX;

	if (mode & 1)
		n = make(&in, mode >> 1 & 1, buf);
	else
		put_bytes(buf, in.p, n);
	if (parse(buf, n, true) == CONTROL_OK) {
		CHECK(parse(buf, n - 1, false) == CONTROL_DAMAGED);
		buf[n] = 0;
		CHECK(parse(buf, n + 1, false) == CONTROL_DAMAGED);
	}
	return 0;
}
