/* SPDX-License-Identifier: MIT
 * To the disk, by name: what a power cut must not take away again. They block; any thread.
 */
#ifndef HAUL_BASE_DURABLE_H
#define HAUL_BASE_DURABLE_H

/* The folder of path is synced, so that what was made, renamed or removed there stays so. 0, or -1 and errno; 0 also on a file
 * system that can't sync a folder. */
int durable_folder_of(const char *path);

/* The regular file at path, written by somebody else of this process, and its name. 0, or -1 and errno. */
int durable_file(const char *path);

#endif
