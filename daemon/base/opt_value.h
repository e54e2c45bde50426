/* SPDX-License-Identifier: MIT
 * Values of options as text: checked, and brought into normal form. For opt.c and its table; everybody else uses opt.h.
 */
#ifndef HAUL_BASE_OPT_VALUE_H
#define HAUL_BASE_OPT_VALUE_H

#include "base/opt.h"

/* The normal form of a value (OT_LIST: of one element), malloc'd in *ret: 0, or ERR_INVAL with the reason and *ret
 * untouched. */
int opt_normalise(const struct opt_def *d, const char *val, char **ret, struct fail *f);

/* The number that a text in normal form stands for: see opts_num. */
int64_t opt_number(const struct opt_def *d, const char *normal);

/* The user's home directory: $HOME, or else the passwd entry; NULL when there is neither. Valid until the next call. */
const char *opt_home(void);

/* A size for people and for option values: "20M", "1G", "1000"; returns buf. */
const char *opt_size_text(int64_t n, char buf[24]);

/* Further looks at values, named by rows of the table: 0 or ERR_INVAL with the reason. */
int opt_check_header(const struct opt_def *d, const char *val, struct fail *f);	    /* Name: value */
int opt_check_index_path(const struct opt_def *d, const char *val, struct fail *f); /* N=PATH */
int opt_check_resolve(const struct opt_def *d, const char *val, struct fail *f);    /* HOST:PORT:ADDR */
int opt_check_congestion(const struct opt_def *d, const char *val, struct fail *f); /* name of a kernel module, or empty */
int opt_check_cidrs(const struct opt_def *d, const char *val, struct fail *f);	    /* ADDR[/BITS][,...] */
int opt_check_hosts(const struct opt_def *d, const char *val, struct fail *f);	    /* NAME[,...] */
int opt_check_host_port(const struct opt_def *d, const char *val, struct fail *f);  /* HOST:PORT */
int opt_check_not_empty(const struct opt_def *d, const char *val, struct fail *f);
int opt_check_absolute(const struct opt_def *d, const char *val, struct fail *f);  /* a path from '/', without ".." */
int opt_check_ranges(const struct opt_def *d, const char *val, struct fail *f);	    /* 1-3,6 within min and max */
int opt_check_key_digest(const struct opt_def *d, const char *val, struct fail *f); /* sha-1=HEX or md5=HEX */
int opt_check_head_tail(const struct opt_def *d, const char *val, struct fail *f);  /* head[=SIZE],tail[=SIZE] */
int opt_check_out(const struct opt_def *d, const char *val, struct fail *f);	    /* a file name that stays in dir */

#endif
