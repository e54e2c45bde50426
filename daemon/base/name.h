/* SPDX-License-Identifier: MIT
 * File names: out of a URI, out of a server's mouth, out of the option `out`. Nothing here touches the disk. Any
 * thread.
 */
#ifndef HAUL_BASE_NAME_H
#define HAUL_BASE_NAME_H

#include <stdbool.h>

#include "err.h"

#define NAME_PART_MAX 255 /* bytes of one part of a path, as Linux file systems have it */
#define NAME_SUFFIX   ".part"
#define NAME_FILE_MAX (NAME_PART_MAX - 5) /* room for NAME_SUFFIX behind it */

/* The last path segment of a URI, percent-decoded: a '/' becomes %2F, control characters stay encoded; what is then no
 * UTF-8 stays encoded as a whole; "index.html" when it is empty or the text is no URI. One part, malloc'd, but maybe
 * "..", hidden or too long: what comes from outside goes through name_clean as well. */
char *name_from_uri(const char *uri);

/* A name fit for a new file: one part of valid UTF-8, at most NAME_FILE_MAX bytes (cut in front of its extension, at a
 * character boundary), without control, bidi and unseen characters, slashes and backslashes ('_' instead), without '.', '-' and
 * blanks in front and blanks behind; "index.html" when nothing is left. from_server: it also gets a '_' behind it when
 * it ends as the files of a running download do (.part, .aria2, .aria2__temp). Malloc'd, never NULL. */
char *name_clean(const char *name, bool from_server);

/* NAME.1.EXT of NAME.EXT for 1 and so on; for 0 the name itself. At most NAME_FILE_MAX bytes: the part in front of the number is
 * cut at a character boundary. Malloc'd. */
char *name_numbered(const char *name, unsigned number);

/* A value of the option `out`: relative, folders allowed, slashes in front are dropped; no "..", no control characters,
 * valid UTF-8, parts of at most 255 bytes, the last of NAME_FILE_MAX. 0 (also for "", which means not given) or
 * ERR_INVAL. */
int name_check_out(const char *out, struct fail *f);

#endif
