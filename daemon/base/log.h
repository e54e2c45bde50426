/* SPDX-License-Identifier: MIT
 * The log: lines on stderr or in a file, as `TIME LEVEL group: text`; under systemd with a priority prefix instead of the time.
 * Text from the network or from users goes in through str_safe() (base/str.h); secrets never go in at all. Loop thread and
 * start-up only, except log_at, which other threads may call too (a line is one write).
 */
#ifndef HAUL_BASE_LOG_H
#define HAUL_BASE_LOG_H

#include <stdbool.h>

/* error: an operator must act; warn: something is wrong but handled; notice: what everybody wants to know (start, end, a
 * download done or failed); info: one line per job step; debug: per connection. */
enum log_level { LOG_LVL_ERROR, LOG_LVL_WARN, LOG_LVL_NOTICE, LOG_LVL_INFO, LOG_LVL_DEBUG };

/* X-macro of the groups, one per module. */
#define LOG_GROUPS(X) X(MAIN, "main") X(NET, "net") X(TLS, "tls") X(HTTP, "http") X(DISK, "disk") X(STORE, "store") \
	X(CORE, "core") X(XFER, "xfer") X(RPC, "rpc") X(CONF, "conf")
enum log_group {
#define X(id, name) LOG_##id,
	LOG_GROUPS(X)
#undef X
	LOG_GROUP_COUNT
};

/* Where and how much. path NULL: nowhere, "-": stdout, "": stderr, else appended to (created with mode 0600). The console
 * (stderr, console_level) and the file (file_level) are independent, as in aria2. 0 or ERR_OPEN. May be called again. */
int log_setup(enum log_level console_level, bool quiet, const char *path, enum log_level file_level);
void log_close(void);

/* true when a line of this level would be written somewhere: guard for costly arguments. */
bool log_on(enum log_level lvl);
void log_at(enum log_level lvl, enum log_group grp, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#define log_error(grp, ...) log_at(LOG_LVL_ERROR, LOG_##grp, __VA_ARGS__)
#define log_warn(grp, ...) log_at(LOG_LVL_WARN, LOG_##grp, __VA_ARGS__)
#define log_notice(grp, ...) log_at(LOG_LVL_NOTICE, LOG_##grp, __VA_ARGS__)
#define log_info(grp, ...) do { if (log_on(LOG_LVL_INFO)) log_at(LOG_LVL_INFO, LOG_##grp, __VA_ARGS__); } while (0)
#define log_debug(grp, ...) do { if (log_on(LOG_LVL_DEBUG)) log_at(LOG_LVL_DEBUG, LOG_##grp, __VA_ARGS__); } while (0)

#endif
