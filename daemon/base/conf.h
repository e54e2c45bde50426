/* SPDX-License-Identifier: MIT
 * Where options come from besides RPC: the command line, the configuration file, the environment; and what is printed
 * from the table: help, manual, completion.
 */
#ifndef HAUL_BASE_CONF_H
#define HAUL_BASE_CONF_H

#include <stdio.h>

#include "opt.h"

/* All sources in their order into one new set: the environment's facts (conf_defaults), the configuration file
 * (--conf-path, else conf_default_path, none with --no-conf or when only --help, --version or --print is asked), the
 * environment, the command line. *ret (the caller's reference) is written on success only. Words and errors as
 * conf_args and conf_file. */
int conf_load(int argc, char **argv, struct opts **ret, char ***ret_words, struct fail *f);

/* Defaults that depend on the process: dir (working directory), netrc-path, state-dir ($STATE_DIRECTORY, else
 * $XDG_STATE_HOME/haul, else $HOME/.local/state/haul). */
void conf_defaults(struct opts *o);

/* One notice line naming the options set in o or its parents that have no effect here; none when there are none. */
void conf_tell_ignored(const struct opts *o);

/* argv of hauld into o (already holding lower levels' values); URIs and other words go to ret_words (pointers into
 * argv, NULL-terminated, malloc'd; may be NULL). GNU long options, unambiguous abbreviations, short flags as in aria2.
 * Secrets are overwritten with '*' in argv. 0, or ERR_USAGE with a line naming the option. */
int conf_args(struct opts *o, int argc, char **argv, char ***ret_words, struct fail *f);

/* A configuration file in aria2's format: name=value lines, '#' comments, unknown names warned about and passed over.
 * 0, ERR_CONF (can't be read) or ERR_USAGE (bad value: file, line, reason). */
int conf_file(struct opts *o, const char *path, struct fail *f);

/* The default path: $HOME/.aria2/aria2.conf if there, else $XDG_CONFIG_HOME/haul/hauld.conf, else aria2's XDG one;
 * malloc'd or NULL. */
char *conf_default_path(void);

/* http_proxy, https_proxy, ftp_proxy, all_proxy, no_proxy: bad values are warned about and passed over. */
void conf_env(struct opts *o);

/* --help[=#group|=word], of the options with any of these flags (0: all): the list of a group ("#all", "#basic",
 * "#http" ...; NULL or "": "#basic"), or the full text of options whose name has the word in it. ERR_INVAL when nothing
 * matches. */
int conf_help(FILE *out, const char *what, unsigned flags);
/* What is made from the tables: md (docs/options.md), aria2 (docs/aria2.md), man (hauld.1), json, bash (completion of
 * hauld and haul).
 * ERR_INVAL for an unknown form. */
int conf_print(FILE *out, const char *form);

#endif
