/* SPDX-License-Identifier: MIT
 * The input file (option input-file): aria2's list of downloads, which is the format of its session files, too.
 */
#ifndef HAUL_BASE_INPUT_H
#define HAUL_BASE_INPUT_H

#include <stddef.h>

#include "base/err.h"
#include "base/opt.h"

#define INPUT_LINE_MAX (1 << 20) /* bytes; a longer line ends the reading */

/* One download: n > 0 URI texts as they stand in the file (not checked, not expanded) and its own options over
 * `parent`, which the callee references to keep. opts NULL (then uris, too): an entry that can't be used, f says why
 * with FILE:LINE. An error is logged with file and line, then the next one follows. */
typedef int (*input_fn)(void *arg, char **uris, size_t n, struct opts *opts, struct fail *f);

/*
 * Read a file, plain or gzip; "-" is standard input. Blocks: start-up only. A line that begins with neither a blank nor
 * '#' holds URIs separated by tabs, mirrors of one file; the name=value lines below it that begin with a blank are its
 * options: those that addUri takes count, other known ones are passed over, unknown ones warned about. A repeated
 * option: the last one wins; list options add up, and an entry with a list of its own does not inherit. parent's checksum
 * and pause are for every entry without one. With force-sequential each URI of a line, with parameterized-uri expanded,
 * becomes a download of its own. entry() is called in the order of the file, and only when the whole file was read without
 * an error: ERR_INPUT (can't be read, damaged, line too long), ERR_USAGE (bad option value), with FILE:LINE in f. A gid, out
 * or header that is none spoils its entry, not the file.
 */
int input_read(const char *path, input_fn entry, void *arg, struct opts *parent, struct fail *f);

/* The same file entry by entry. parent is referenced. 0 or ERR_INPUT. */
struct input;
int input_open(const char *path, struct opts *parent, struct input **ret, struct fail *f);
/* The next entry: 1 after entry() was called for it, 0 at the end, ERR_USAGE for an entry with a bad value (the next call
 * goes on behind it), ERR_INPUT. */
int input_next(struct input *in, input_fn entry, void *arg, struct fail *f);
void input_close(struct input *in); /* NULL is fine */

#endif
