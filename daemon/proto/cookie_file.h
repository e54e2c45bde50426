/* SPDX-License-Identifier: MIT
 * Cookie files: Netscape's text form, read and written, and the databases of Firefox and Chromium, read. They block: for
 * start and end of the process. Values never get into messages.
 */
#ifndef HAUL_PROTO_COOKIE_FILE_H
#define HAUL_PROTO_COOKIE_FILE_H

#include <stdint.h>

#include "base/err.h"
#include "proto/cookie.h"

#define COOKIE_FILE_MAX (64 * 1024 * 1024) /* bytes of a file that is read */

/* Adds what is usable and not expired. *ret_passed: cookies that were passed over (broken, or kept encrypted by the
 * browser). 0; ERR_OPEN: the file can't be read, is no plain file or too large, or no such database. */
int cookie_file_load(struct cookie_jar *j, const char *path, int64_t now, unsigned *ret_passed, struct fail *f);

/* The text form, with mode 0600, in the place of what is there; cookies of the session with expiry 0. 0, ERR_CREATE or
 * ERR_IO, then the old file is as it was. */
int cookie_file_save(const struct cookie_jar *j, const char *path, int64_t now, struct fail *f);

#endif
