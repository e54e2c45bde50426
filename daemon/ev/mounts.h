/* SPDX-License-Identifier: MIT
 * Which file system a path lies in, told without touching it: a call to one that hangs would not come back. The longest mount
 * point that the path begins with decides, as the kernel lists them (/proc/self/mountinfo, proc(5)). Loop thread.
 *
 * What it can't tell: a folder that is, or lies behind, a symbolic link to another file system. It counts as the link's own until
 * a file was opened there and mounts_learn was told what that found. A file system that reports another st_dev than it is
 * mounted with (a subvolume of btrfs) stays what the mount says.
 */
#ifndef HAUL_EV_MOUNTS_H
#define HAUL_EV_MOUNTS_H

#include <stdint.h>

struct loop;
struct mounts;

/* st_dev of it; 0: not known (no /proc, or the path has ".." in it). A relative path is one below the working directory. What was
 * mounted less than a second ago may not be known yet. */
uint64_t mounts_dev(struct loop *l, const char *path);
/* A file whose st_dev is `dev` was opened in the folder. Gives what the file and the folder count as from now on. */
uint64_t mounts_learn(struct loop *l, const char *folder, uint64_t dev);

/* For loop.c. */
struct mounts *mounts_new(struct loop *l);
void mounts_free(struct mounts *m);

#endif
