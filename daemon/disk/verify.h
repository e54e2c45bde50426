/* SPDX-License-Identifier: MIT
 * struct hasher: computes the digest of a file while it is being downloaded, following the part of it that is there without a
 * hole, by reading it back from the page cache on the pool. So one mechanism serves fresh, resumed and split downloads, and
 * at the end only the last stretch is left to hash. Loop thread.
 */
#ifndef HAUL_DISK_VERIFY_H
#define HAUL_DISK_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hash.h"

struct loop;
struct dfile;
struct hasher;

/* type as in hash.h (known to be valid). fd is duplicated; dev: its file system, for ev/work.h. */
struct hasher *hasher_new(struct loop *l, int fd, uint64_t dev, const char *type);
/* All bytes below `to` are in the file: go on as far as that. Cheap; call it often. */
void hasher_advance(struct hasher *h, int64_t to);
int64_t hasher_done(const struct hasher *h); /* bytes hashed so far */
bool hasher_queued(const struct hasher *h);  /* has asked for the pool and not had its turn yet, since others hash */
/* The file ends at `size` and all of it is there: hash the rest, then cb(arg, err, digest, len). err 0 or ERR_IO. */
typedef void (*hasher_cb)(void *arg, int err, const unsigned char *digest, size_t len);
void hasher_finish(struct hasher *h, int64_t size, hasher_cb cb, void *arg);
/* No callback comes any more. May be called from the callback. NULL is fine. */
void hasher_close(struct hasher *h);

int dfile_fd(const struct dfile *f); /* of disk/file.h's struct: for hasher_new */

#endif
