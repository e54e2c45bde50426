/* SPDX-License-Identifier: MIT
 * The session file (option save-session): the list of downloads in aria2's input-file format, for other programs and
 * for moving to another daemon; hauld's own queue is in the store. base/input.h reads it back. It is written piece by
 * piece, so that neither memory nor a turn of the loop grows with the queue.
 */
#ifndef HAUL_CORE_SESSION_H
#define HAUL_CORE_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* One download; everything is borrowed. */
struct session_entry {
	char *const *uris; /* n_uris texts, normalised (base/uri.h); each is written once; without any the entry is left out */
	size_t n_uris;
	uint64_t gid;
	bool paused;
	const char *opts; /* "name=value\n" lines as opts_encode makes them, or NULL; gid, pause and empty lists in it are
			     left out */
};

/* The text of one entry behind what is in b. Any thread. */
void session_print(struct buf *b, const struct session_entry *e);

/* A session file on its way to the disk: PATH__temp until session_commit. Used by one thread at a time; all calls but
 * session_new block: on the pool. The first error sticks and is told by session_commit. */
struct session_file;

struct session_file *session_new(const char *path); /* opens nothing yet; a path that ends in ".gz" is compressed */
void session_append(struct session_file *s, const char *text, size_t n);
/* Syncs, renames to the path, syncs the folder, frees s. 0, or ERR_IO with aria2's text and the cause; then the file is
 * either the old or the new one, whole. */
int session_commit(struct session_file *s, struct fail *f);
void session_discard(struct session_file *s); /* removes what was written, frees s */

#endif
