/* SPDX-License-Identifier: MIT
 * The session file (option save-session): the list of downloads in aria2's input-file format, for other programs and
 * for moving to another daemon; hauld's own queue is in the store. core/input.h reads it back.
 */
#ifndef HAUL_CORE_SESSION_H
#define HAUL_CORE_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* One download; everything is borrowed. */
struct session_entry {
	char *const *uris; /* n_uris texts, normalised (base/uri.h); an entry without any is left out */
	size_t n_uris;
	uint64_t gid;
	bool paused;
	const char
		*opts; /* "name=value\n" lines as opts_encode makes them, or NULL; gid and pause in it are left out */
};

/* Write n entries to PATH__temp (mode 0600: passwords are in it), sync, rename to path, sync the folder. A path that
 * ends in
 * ".gz" is compressed. Blocks: on the pool. 0, or ERR_IO with aria2's text and the
 * cause; then the file is either the old or the new one, whole. */
int session_write(const char *path, const struct session_entry *v, size_t n, struct fail *f);

#endif
