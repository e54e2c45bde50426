/* SPDX-License-Identifier: MIT
 * Numbers, lists and details as people read them.
 */
#ifndef HAUL_CLIENT_SHOW_H
#define HAUL_CLIENT_SHOW_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "client/dl.h"
#include "client/term.h"

/* Each writes into buf and returns it. */
const char *show_eta(int64_t sec, char buf[16]);	    /* "7s", "1m07s", "2h05m", "3d04h", "-" for -1 */
const char *show_took(int64_t ms, char buf[16]);	    /* "40ms", "12.3s", then as show_eta */
const char *show_speed(uint64_t bytes_per_s, char buf[24]); /* "1.2MiB/s" */
const char *show_size(bool bytes, uint64_t n, char buf[24]); /* "1.2MiB", or "1258291B" */
const char *show_percent(const struct dl *d, char buf[8]);  /* rounded down, so that 100% means all; "-" when unknown */

/* The shortest number of digits, min at least, that tells the GIDs of the list (n of 16 digits) apart. The array is
 * sorted. */
size_t show_gid_digits(char (*gids)[17], size_t n, size_t min);

/* Table of downloads: the heading, then a line each. Columns: gid state % size speed eta name. */
void show_heading(FILE *out, const struct term *t, size_t gid_digits);
void show_line(FILE *out, const struct term *t, size_t gid_digits, const struct dl *d);
/* One line of the table as text without line end, cut to cols columns (-1: no limit). */
const char *show_row(const struct term *t, int cols, size_t gid_digits, const struct dl *d, char *buf, size_t size);
const char *show_head_row(int cols, size_t gid_digits, char *buf, size_t size);

/* "NAME:    text" with the value made safe. */
void show_field(FILE *out, const char *name, const char *value);

/* What people can do about an aria2 error code; NULL when there is nothing to say. */
const char *show_advice(int code);

#endif
