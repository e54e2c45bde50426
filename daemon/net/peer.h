/* SPDX-License-Identifier: MIT
 * Whose process is at the other end of a TCP connection within this machine: the kernel's word for it (sock_diag(7)).
 */
#ifndef HAUL_NET_PEER_H
#define HAUL_NET_PEER_H

#include <stdint.h>

/* The uid that owns the socket which the connected TCP socket fd talks to: 0; or ERR_NOT_HERE when that socket is not on
 * this machine (or in another network namespace), is closed by its process, or the kernel does not say. Waits for
 * nothing. Any thread. */
int peer_uid(int fd, uint32_t *ret);

#endif
