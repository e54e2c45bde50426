/* SPDX-License-Identifier: MIT
 * The digest of a file that is still growing: read back in stretches, each one work item, so that other hashers get
 * their turn and closing does not wait long.
 */
#include "disk/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/obj.h"
#include "base/str.h"
#include "disk/fs.h"
#include "ev/loop.h"
#include "ev/work.h"

#define STRETCH	  ((int64_t)16 << 20) /* bytes a work item */
#define READ_SIZE ((size_t)1 << 20)
#define WORTH	  ((int64_t)4 << 20) /* fewer new bytes wait for more, unless it is the end */

struct hasher {
	OBJ(HASHER);
	struct loop *loop;
	uint64_t dev;
	int fd;	      /* own copy; -1 when that failed: the digest fails */
	int64_t done; /* bytes hashed, as of the last completion */
	int64_t want; /* bytes that are there */
	int64_t size; /* -1: not finishing yet */
	bool busy, closing;
	struct work *work; /* while busy */
	hasher_cb cb;
	void *arg;
	atomic_bool cancel, begun;
	/* The pool thread's while busy. */
	struct hash *hash;
	int64_t at, stop;
	int err;
};

/* Pool thread: closing writes out what others wrote, on some file systems (NFS). */
static void close_fd(void *arg)
{
	struct hasher *h = arg;

	if (h->fd >= 0)
		close(h->fd);
}

static void on_closed(void *arg, int status)
{
	struct hasher *h = arg;

	(void)status; /* nobody cancels it */
	hash_free(h->hash);
	OBJ_FREE(h);
}

static void hasher_free(struct hasher *h)
{
	work_submit(h->loop, h->dev, WORK_DISK, close_fd, on_closed, h);
}

static void on_pool(void *arg)
{
	struct hasher *h = arg;
	char *buf = xmalloc(READ_SIZE);

	atomic_store(&h->begun, true);
	while (h->at < h->stop && !h->err && !atomic_load(&h->cancel)) {
		size_t n = h->stop - h->at < (int64_t)READ_SIZE ? (size_t)(h->stop - h->at) : READ_SIZE;
		ssize_t r = fs_pread_all(&fs_real, h->fd, buf, n, h->at);
		if (r != (ssize_t)n) {
			h->err = ERR_IO; /* unreadable, or shorter than we were told */
			break;
		}
		hash_update(h->hash, buf, n);
		h->at += r;
	}
	free(buf);
}

static void on_done(void *arg, int status);

static void submit(struct hasher *h)
{
	int64_t to = h->size >= 0 ? h->size : h->want;

	h->busy = true;
	h->stop = to - h->done > STRETCH ? h->done + STRETCH : to;
	h->work = work_submit(h->loop, h->dev, WORK_HASH, on_pool, on_done, h);
}

static void finish(struct hasher *h)
{
	unsigned char digest[HASH_MAX];
	size_t len = 0;

	if (h->done != h->size)
		h->err = ERR_IO; /* also when more was hashed than belongs to the file */
	if (!h->err)
		len = hash_final(h->hash, digest);
	h->cb(h->arg, h->err, h->err ? NULL : digest, len); /* may close h */
}

static void on_done(void *arg, int status)
{
	struct hasher *h = arg;

	OBJ_CHECK(h, HASHER);
	h->busy = false;
	h->work = NULL;
	h->done = h->at;
	if (status && !h->err)
		h->err = status;
	if (h->closing)
		hasher_free(h);
	else if (h->size >= 0 && (h->err || h->done >= h->size))
		finish(h);
	else if (!h->err && (h->size >= 0 || h->want - h->done >= WORTH))
		submit(h);
}

struct hasher *hasher_new(struct loop *l, int fd, uint64_t dev, const char *type)
{
	struct hasher *h = xcalloc(1, sizeof(*h));

	OBJ_INIT(h, HASHER);
	h->loop = l;
	h->dev = dev;
	h->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	h->err = h->fd < 0 ? ERR_IO : 0;
	h->hash = hash_new(type);
	h->size = -1;
	return h;
}

void hasher_advance(struct hasher *h, int64_t to)
{
	OBJ_CHECK(h, HASHER);
	if (to > h->want)
		h->want = to;
	if (!h->busy && !h->err && h->size < 0 && h->want - h->done >= WORTH)
		submit(h);
}

int64_t hasher_done(const struct hasher *h)
{
	return h->done;
}

bool hasher_queued(const struct hasher *h)
{
	return h->busy && !atomic_load(&h->begun);
}

void hasher_finish(struct hasher *h, int64_t size, hasher_cb cb, void *arg)
{
	OBJ_CHECK(h, HASHER);
	h->size = size;
	h->cb = cb;
	h->arg = arg;
	if (!h->busy)
		submit(h); /* also when nothing is left: the callback never comes from here */
}

void hasher_close(struct hasher *h)
{
	if (!h)
		return;
	OBJ_CHECK(h, HASHER);
	h->closing = true;
	atomic_store(&h->cancel, true);
	if (h->busy)
		work_cancel(h->work);
	else
		hasher_free(h);
}
