/* SPDX-License-Identifier: MIT
 * The record of the network's life.
 */
#include "core/reach.h"

#include <stdio.h>
#include <time.h>

#include "base/err.h"

#define LATELY_MS 120000 /* a server that answered may be silent by itself when the last sign of life is older */
#define DAY_MS	  86400000

bool reach_is_silence(int err)
{
	return err == ERR_TIMEOUT || err == ERR_NET_DOWN || err == ERR_NO_NAMES;
}

bool reach_alive(struct reach *r, uint64_t now)
{
	bool was_gone = r->gone;

	r->alive_at = now;
	r->gone = false;
	return was_gone;
}

/* Its own last byte is a sign of life, which says nothing about the time after it. */
static bool heard_meanwhile(const struct reach *r, const struct reach_try *t)
{
	return r->alive_at != 0 && (t->got ? r->alive_at > t->since : r->alive_at >= t->since);
}

bool reach_lost(struct reach *r, const struct reach_try *t)
{
	bool lately = t->known && r->alive_at != 0 && t->since - r->alive_at <= LATELY_MS;

	if (heard_meanwhile(r, t))
		return false;
	if (!r->gone)
		r->gone = lately || ((r->before || r->alive_at != 0) && r->offline());
	return r->gone;
}

const char *reach_text(const struct reach *r, uint64_t now, int64_t now_wall, char *buf, size_t size)
{
	time_t at = (time_t)(now_wall - (int64_t)((now - r->alive_at) / 1000));
	char when[40];
	struct tm tm;

	if (r->alive_at == 0) {
		snprintf(buf, size, "no answer from the network so far");
		return buf;
	}
	strftime(when, sizeof(when), now - r->alive_at < DAY_MS ? "%H:%M" : "%Y-%m-%d %H:%M", localtime_r(&at, &tm));
	snprintf(buf, size, "no answer from the network since %s", when);
	return buf;
}
