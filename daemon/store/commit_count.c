/* SPDX-License-Identifier: MIT
 * One record of 24 bytes, in place. Not synced, but for the reset: what a power cut leaves of it is an older one, or none.
 */
#include "store/commit_count.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "base/log.h"
#include "base/str.h"

#define MAGIC "haulcnt1"

struct record {
	char magic[8];
	uint64_t n;
	uint64_t crc; /* of both */
};

static uint64_t crc_of(const struct record *r)
{
	return crc32(0, (const Bytef *)r, offsetof(struct record, crc));
}

void commit_count_open(struct commit_count *c, const char *dir)
{
	char *path = xasprintf("%s/queue.commits", dir);
	struct record r;

	c->n = 0;
	c->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (c->fd < 0)
		log_warn(STORE, "%s can't be opened (%s): a loss of changes would go unnoticed", path, strerror(errno));
	else if (pread(c->fd, &r, sizeof(r), 0) == sizeof(r) && memcmp(r.magic, MAGIC, sizeof(r.magic)) == 0 &&
		 r.crc == crc_of(&r))
		c->n = r.n;
	free(path);
}

void commit_count_write(struct commit_count *c, uint64_t n)
{
	struct record r = {.magic = MAGIC, .n = n};

	r.crc = crc_of(&r);
	if (c->fd >= 0 && pwrite(c->fd, &r, sizeof(r), 0) == sizeof(r))
		c->n = n;
}

void commit_count_reset(struct commit_count *c)
{
	commit_count_write(c, 0);
	if (c->fd >= 0 && fdatasync(c->fd) < 0)
		log_warn(STORE, "queue.commits could not be synced: %s", strerror(errno));
}

void commit_count_close(struct commit_count *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}
