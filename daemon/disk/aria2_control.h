/* SPDX-License-Identifier: MIT
 * The control file NAME.aria2, in which aria2 keeps what it has of NAME: reading it, and removing a left-over one. Nothing here
 * writes one. The form is that of aria2 1.36 (DefaultBtProgressInfoFile); nobody vouches for its content.
 */
#ifndef HAUL_DISK_ARIA2_CONTROL_H
#define HAUL_DISK_ARIA2_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/ranges.h"

struct fs_ops;

#define CONTROL_SUFFIX	   ".aria2"
#define CONTROL_BLOCK	   16384	 /* bytes for a bit of a started piece */
#define CONTROL_FILE_MAX   (4 << 20)	 /* a larger one is damaged; enough for 32 TiB in pieces of 1 MiB, aria2's smallest */
#define CONTROL_RANGES_MAX (1 << 15)	 /* finished ranges that are taken; what lies behind them is fetched again */

enum control_kind {
	CONTROL_NONE,	 /* nothing is there, or no regular file */
	CONTROL_OK,
	CONTROL_TORRENT, /* of a BitTorrent download: never ours */
	CONTROL_DAMAGED, /* anything that aria2 would refuse, too large, or unreadable */
};

struct control {
	int64_t total;	    /* of NAME, > 0 */
	struct ranges have; /* finished bytes of NAME, within [0, total): whole pieces, and whole blocks of started ones */
	const char *damage; /* CONTROL_DAMAGED: what is wrong, a constant text; else NULL */
	bool aria2_made_it; /* as far as it goes it looks like a control file (an empty one does): may be removed */
	uid_t owner;	    /* control_read: who owns the file */
};

/* Any thread. The n bytes of a control file; *ret is initialised by this, and its `have` is the caller's to free whatever comes
 * back; total and have are only set for CONTROL_OK. Never CONTROL_NONE. */
enum control_kind control_parse(const unsigned char *p, size_t n, struct control *ret);

/* The rest blocks on the disk: pool threads only. name: NAME, without the suffix, relative to dirfd. */

/* As control_parse, of the file beside NAME. */
enum control_kind control_read(const struct fs_ops *fs, int dirfd, const char *name, struct control *ret);
/* The file beside NAME, and the names in their folder, survive a power cut from now on, as far as that can be had: aria2 does not
 * see to it. */
void control_sync(const struct fs_ops *fs, int dirfd, const char *name);
/* NAME is whole, gone, or to be begun anew: what NAME.aria2 says of it is void. Removed if aria2 made it, and not for a torrent;
 * a failure is logged. path: of NAME, for the log. */
void control_remove(const struct fs_ops *fs, int dirfd, const char *name, const char *path);
/* Take out of `have` what fd (open for NAME) can't hold: bytes beyond its size, and holes, into which nobody has ever written.
 * A power cut leaves such files, since aria2 does not sync before it writes down what it has. */
void control_believe(const struct fs_ops *fs, int fd, int64_t size, struct ranges *have);

#endif
