/* SPDX-License-Identifier: MIT
 * What help, manual and reference say alike about a row of the option table. Text goes into the caller's buffer, which
 * is returned; "" when there is nothing to say.
 */
#ifndef HAUL_BASE_CONF_TEXT_H
#define HAUL_BASE_CONF_TEXT_H

#include <stdio.h>

#include "opt.h"

#define CONF_TEXT_MAX 160

const char *conf_flag_text(
	const struct opt_def *d, char buf[CONF_TEXT_MAX]); /* "--split=N", "--continue[=true|false]" */
const char *conf_default_text(const struct opt_def *d, char buf[CONF_TEXT_MAX]); /* sizes as 20M; def_said before def */
const char *conf_range_text(const struct opt_def *d, char buf[CONF_TEXT_MAX]);	 /* "1 to 600", "none, trunc, falloc" */
/* "at start, addUri, changeOption (at once), haul", "at start, never over RPC" */
const char *conf_where_text(const struct opt_def *d, char buf[CONF_TEXT_MAX]);
const char *conf_verdict_text(const struct opt_def *d); /* beside aria2: "same", "better", "not yet"; "" for our own */
const char *conf_why_text(const struct opt_def *d);     /* the sentence to that verdict, "" when none is needed */
size_t conf_first_sentence(const char *help);		/* its length */

/* The groups in the order in which they are shown, ended by a NULL name. */
struct conf_group {
	const char *name, *title;
	const char *missing; /* why options of the group that have no reason of their own are not yet met; else NULL */
};
extern const struct conf_group conf_groups[];

/* conf_man.c: the manual page hauld(1). conf_md.c: docs/options.md and docs/aria2.md. */
void conf_print_man(FILE *out);
void conf_print_md(FILE *out);
void conf_print_aria2(FILE *out);

#endif
