/* SPDX-License-Identifier: MIT
 * gzip by zlib.
 */
#include "rpc/gzip.h"

#include <zlib.h>

#include "base/str.h"

#define GZIP_WINDOW (15 + 16) /* 16: with gzip's header instead of zlib's */
#define GZIP_MEMORY 8

bool gzip_buf(struct buf *b)
{
	z_stream z = {0};
	struct buf packed;
	unsigned char piece[16384];
	int res;

	if (b->len > GZIP_MAX)
		return false;
	if (deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
		return false;
	buf_init_foreign(&packed, b->max);
	z.next_in = (unsigned char *)b->data;
	z.avail_in = (unsigned)b->len;
	do {
		z.next_out = piece;
		z.avail_out = sizeof(piece);
		res = deflate(&z, Z_FINISH);
		buf_add(&packed, piece, sizeof(piece) - z.avail_out);
	} while (res == Z_OK);
	deflateEnd(&z);
	if (res != Z_STREAM_END || packed.err != 0) {
		buf_free(&packed);
		return false;
	}
	buf_free(b);
	*b = packed;
	return true;
}
