/* SPDX-License-Identifier: MIT
 * Where a file is from: what stays the same of its URI when the link is signed anew, and is another for other files. Names no
 * secret, so it may be stored.
 */
#ifndef HAUL_BASE_URI_PLACE_H
#define HAUL_BASE_URI_PLACE_H

/* malloc'd: scheme, host, port and path of uri, and, where anything is left of its query without what only signs the link,
 * "?place=" with the first 128 bits of that rest's SHA-256 in hex. Login and fragment are left out. Equal texts: the same place.
 * That of a place is itself. NULL: uri can't be used. */
char *uri_place(const char *uri);

#endif
