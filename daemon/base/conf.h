/* SPDX-License-Identifier: MIT
 * Where options come from besides RPC: the command line, the configuration file, the environment; and what is printed from
 * the table: help, manual, completion.
 */
#ifndef HAUL_BASE_CONF_H
#define HAUL_BASE_CONF_H

#include <stdio.h>

#include "opt.h"

/* argv of hauld into o (already holding lower levels' values); URIs and other words go to ret_words (pointers into argv,
 * NULL-terminated, malloc'd; may be NULL). GNU long options, unambiguous abbreviations, short flags as in aria2. Secrets are
 * overwritten with '*' in argv. 0, or ERR_USAGE with a line naming the option. */
int conf_args(struct opts *o, int argc, char **argv, char ***ret_words, struct fail *f);

/* A configuration file in aria2's format: name=value lines, '#' comments, unknown names warned about and passed over.
 * 0, ERR_CONF (can't be read) or ERR_USAGE (bad value: file, line, reason). */
int conf_file(struct opts *o, const char *path, struct fail *f);

/* The default path: $HOME/.aria2/aria2.conf if there, else $XDG_CONFIG_HOME/haul/hauld.conf, else aria2's XDG one; malloc'd or NULL. */
char *conf_default_path(void);

/* http_proxy, https_proxy, ftp_proxy, all_proxy, no_proxy: bad values are warned about and passed over. */
void conf_env(struct opts *o);

/* --help[=#group|=word], and hauld --print=md|man|json|bash|options from the table. ERR_INVAL for an unknown form. */
int conf_help(FILE *out, const char *what, unsigned flags);
int conf_print(FILE *out, const char *form);

#endif
