/* SPDX-License-Identifier: MIT
 * Opening the folder that a file goes to, so that all that follows can be said from its descriptor. Other users may be able to
 * rename things in it, or to plant links, at any moment. Pool threads.
 */
#ifndef HAUL_DISK_FOLDER_H
#define HAUL_DISK_FOLDER_H

#include <stdbool.h>

#include "base/err.h"

struct fs_ops;

struct folder_req {
	const char *root; /* dir, or a beginning of it that ends with a component; NULL: dir */
	const char *dir;
	bool make; /* what is missing is made (0777 less umask) */
};

/* The way to root is its owner's matter: links in it are followed. What dir has behind root is opened beneath root's descriptor:
 * a link there may lead to another place below root, but never out, whatever is renamed meanwhile. The same without openat2,
 * which needs Linux 5.6 and which some sandboxes refuse. 0 with *ret_fd; ERR_NOT_FOUND: missing, and not to be made;
 * ERR_CREATE: a link leads out; ERR_MKDIR. */
int folder_open(const struct fs_ops *fs, const struct folder_req *req, int *ret_fd, struct fail *f);

/* The folder `name`, one component, of dirfd. A link is never followed: ERR_CREATE. Else as folder_open. */
int folder_step(const struct fs_ops *fs, int dirfd, const char *name, bool make, int *ret_fd, struct fail *f);

#endif
