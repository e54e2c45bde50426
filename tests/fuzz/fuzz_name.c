/* SPDX-License-Identifier: MIT
 * F03: names of files from servers: whatever Content-Disposition or a URI says, the cleaned name is one harmless part of a
 * path; and a right name, written by every form that the standards have, is read as it is. Input: a field value, a URI or a
 * name.
 */
#include "fuzz.h"

#include <strings.h>

#include "base/buf.h"
#include "base/name.h"
#include "base/str.h"
#include "proto/http_name.h"

static void check_clean(const char *raw, bool from_server)
{
	char *s = name_clean(raw, from_server), *again;
	size_t n = strlen(s), len;
	uint32_t cp;

	CHECK(n > 0 && n <= NAME_FILE_MAX && str_is_utf8(s, n));
	CHECK(strpbrk(s, "/\\") == NULL && s[0] != '.' && s[0] != '-' && s[0] != ' ' && s[n - 1] != ' ');
	for (size_t i = 0; i < n; i += len) {
		len = str_utf8_next(s + i, n - i, &cp);
		CHECK(len > 0 && !str_is_hidden(cp));
	}
	if (from_server)
		CHECK(n < 5 || strcasecmp(s + n - 5, ".part") != 0);
	if (from_server)
		CHECK(n < 6 || strcasecmp(s + n - 6, ".aria2") != 0);
	again = name_clean(s, from_server);
	CHECK(strcmp(s, again) == 0);
	free(again);
	CHECK(name_check_out(s, NULL) == 0);
	free(s);
}

static void expect(char *got, const char *want)
{
	CHECK(got != NULL && strcmp(got, want) == 0);
	free(got);
}

static void add_encoded(struct buf *b, const char *name)
{
	for (; *name != '\0'; name++)
		buf_addf(b, "%%%02x", (unsigned char)*name);
}

/* A name that needs no cleaning, in a quoted-string (RFC 9110 5.6.4), as filename* (RFC 8187) and in a URI. */
static void check_forms(const char *name)
{
	char *clean = name_clean(name, true);
	bool right = strcmp(clean, name) == 0;
	struct buf b;

	free(clean);
	if (!right)
		return;
	buf_init(&b, 1 << 20);
	buf_adds(&b, "attachment; filename=\"");
	for (const char *s = name; *s != '\0'; s++)
		buf_addf(&b, *s == '"' || *s == '\\' ? "\\%c" : "%c", *s);
	buf_adds(&b, "\"; x=y");
	expect(http_name(b.data, true), name);
	buf_reset(&b);
	buf_adds(&b, "attachment; filename=other; filename*=UTF-8''");
	add_encoded(&b, name);
	expect(http_name(b.data, false), name);
	buf_reset(&b);
	buf_adds(&b, "http://h/a/b;c/");
	add_encoded(&b, name);
	buf_adds(&b, "?q=/x#f/y");
	expect(name_from_uri(b.data), name);
	buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *value = input_text(data, size < 65536 ? size : 65536), *name;

	check_clean(value, false);
	check_clean(value, true);
	check_forms(value);
	name = http_name(value, false);
	if (name != NULL) {
		size_t n = strlen(name);

		CHECK(n > 0 && str_is_utf8(name, n) && !str_has_ctl(name, n));
		CHECK(strpbrk(name, "/\\") == NULL && strcmp(name, ".") != 0 && strcmp(name, "..") != 0);
		check_clean(name, true);
	}
	free(name);
	name = name_from_uri(value);
	CHECK(name[0] != '\0' && strchr(name, '/') == NULL && !str_has_ctl(name, strlen(name)));
	check_clean(name, true);
	free(name);
	free(value);
	return 0;
}
