/* SPDX-License-Identifier: MIT
 * File names.
 */
#include "base/name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/str.h"
#include "base/uri.h"

#define NAME_EMPTY   "index.html"
#define NAME_EXT_MAX 32	  /* a longer "extension" is a sentence with a dot in it and may be cut */
#define OUT_MAX	     3500 /* bytes of the whole option: PATH_MAX with room for dir */

/* Endings of the files that belong to a running download, here and in aria2. */
static const char *const reserved[] = {NAME_SUFFIX, ".aria2", ".aria2__temp"};

/* Blank in any script: what a person can't see at the end of a name. */
static bool is_blank(uint32_t cp)
{
	return cp == ' ' || cp == 0xa0 || cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200a) || cp == 0x202f ||
	       cp == 0x205f || cp == 0x3000;
}

/* Format characters (category Cf of Unicode) that nobody sees and no script needs, as joiners are needed (U+200C, U+200D): by
 * them names that look the same would differ, and what looks like an ending would be none. */
static bool is_unseen(uint32_t cp)
{
	static const uint32_t rows[][2] = {
		{0xad, 0xad},
		{0x200b, 0x200b},
		{0x2060, 0x2064},
		{0x206a, 0x206f},
		{0xfeff, 0xfeff},
		{0xfff9, 0xfffb},
		{0xe0000, 0xe007f},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (cp >= rows[i][0] && cp <= rows[i][1])
			return true;
	return false;
}

/* Bytes in front that a name may not begin with. */
static size_t bad_front(const char *s, size_t n)
{
	size_t pos = 0, len;
	uint32_t cp;

	while ((len = str_utf8_next(s + pos, n - pos, &cp)) > 0 && (cp == '.' || cp == '-' || is_blank(cp)))
		pos += len;
	return pos;
}

/* Length of s (n bytes of UTF-8) without the blanks at its end. */
static size_t without_blanks(const char *s, size_t n)
{
	size_t pos, len, keep = 0;
	uint32_t cp;

	for (pos = 0; pos < n; pos += len) {
		len = str_utf8_next(s + pos, n - pos, &cp);
		if (!is_blank(cp))
			keep = pos + len;
	}
	return keep;
}

/* Most bytes <= max of s at which no character is cut. */
static size_t boundary(const char *s, size_t max)
{
	while (max > 0 && ((unsigned char)s[max] & 0xc0) == 0x80)
		max--;
	return max;
}

/* The extension with its dot, "" when there is none worth keeping. */
static const char *extension(const char *s)
{
	const char *dot = strrchr(s, '.');

	return dot != NULL && dot != s && strlen(dot) <= NAME_EXT_MAX ? dot : "";
}

/* Cuts s in place to at most max bytes, in the part in front of its extension. */
static void shorten(char *s, size_t max)
{
	const char *ext = extension(s);
	size_t n = strlen(s), ext_len = strlen(ext), stem;

	if (n <= max)
		return;
	stem = without_blanks(s, boundary(s, max - ext_len));
	memmove(s + stem, ext, ext_len + 1);
}

static bool is_reserved(const char *s)
{
	size_t n = strlen(s), i;

	for (i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
		size_t len = strlen(reserved[i]);

		/* In any case: some file systems don't tell upper from lower. */
		if (n >= len && strcasecmp(s + n - len, reserved[i]) == 0)
			return true;
	}
	return false;
}

/* All bytes valid and visible: what is not to be seen is left out; what a path or a terminal would take for something else
 * becomes '_'. */
static void add_visible(struct buf *b, const char *s, size_t n)
{
	size_t pos, len;
	uint32_t cp;

	for (pos = 0; pos < n; pos += len) {
		len = str_utf8_next(s + pos, n - pos, &cp);
		if (len == 0 || str_is_hidden(cp) || cp == '/' || cp == '\\') {
			len = len > 0 ? len : 1;
			buf_add(b, "_", 1);
		} else if (!is_unseen(cp)) {
			buf_add(b, s + pos, len);
		}
	}
}

/* The last segment of a normalised path, as it stands in the URI. */
static char *last_segment(const char *uri)
{
	struct uri u;
	char *segment;

	if (uri_parse(uri, strlen(uri), &u, NULL) != 0)
		return xstrdup("");
	segment = xstrdup(strrchr(u.path, '/') + 1);
	uri_free(&u);
	return segment;
}

static int check_part(const char *part, size_t n, bool last, struct fail *f)
{
	if (n == 2 && part[0] == '.' && part[1] == '.')
		return fail_set(f, ERR_INVAL, "must not contain \"..\": files stay inside dir");
	if (n > (last ? NAME_FILE_MAX : NAME_PART_MAX))
		return fail_set(f, ERR_INVAL, "has a part longer than %d bytes", last ? NAME_FILE_MAX : NAME_PART_MAX);
	if (last && (n == 0 || (n == 1 && part[0] == '.')))
		return fail_set(f, ERR_INVAL, "names a folder, not a file");
	return 0;
}

char *name_from_uri(const char *uri)
{
	char *segment = last_segment(uri), *plain;
	size_t n, i;
	struct buf b;

	if (segment[0] == '\0') {
		free(segment);
		return xstrdup(NAME_EMPTY);
	}
	plain = xmalloc(strlen(segment) + 1);
	n = str_pct_decode(segment, strlen(segment), plain);
	if (!str_is_utf8(plain, n)) {
		free(plain);
		return segment;
	}
	buf_init(&b, SIZE_MAX);
	for (i = 0; i < n; i++) {
		if (plain[i] == '/' || str_has_ctl(&plain[i], 1))
			buf_addf(&b, "%%%02X", (unsigned char)plain[i]);
		else
			buf_add(&b, &plain[i], 1);
	}
	free(plain);
	free(segment);
	return buf_take(&b);
}

char *name_clean(const char *name, bool from_server)
{
	struct buf b;
	char *s;

	buf_init(&b, SIZE_MAX);
	add_visible(&b, name, strlen(name));
	if (b.len > 0)
		buf_drop(&b, bad_front(b.data, b.len));
	s = buf_take(&b);
	s[without_blanks(s, strlen(s))] = '\0';
	shorten(s, NAME_FILE_MAX);
	if (from_server && is_reserved(s)) {
		shorten(s, NAME_FILE_MAX - 1);
		buf_adds(&b, s);
		buf_adds(&b, "_");
		free(s);
		s = buf_take(&b);
	}
	if (s[0] != '\0')
		return s;
	free(s);
	return xstrdup(NAME_EMPTY);
}

char *name_numbered(const char *name, unsigned number)
{
	size_t len = strlen(name), stem;
	const char *ext = strrchr(name, '.');
	char mark[16];

	if (number == 0)
		return xstrdup(name);
	if (ext == NULL || ext == name)
		ext = name + len;
	stem = (size_t)(ext - name);
	snprintf(mark, sizeof(mark), ".%u", number);
	if (len + strlen(mark) > NAME_FILE_MAX) {
		ext = extension(name);
		stem = without_blanks(name, boundary(name, NAME_FILE_MAX - strlen(mark) - strlen(ext)));
	}
	return xasprintf("%.*s%s%s", (int)stem, name, mark, ext);
}

int name_check_out(const char *out, struct fail *f)
{
	const char *part = out;
	int err = 0;

	if (out[0] == '\0')
		return 0;
	if (out[0] == '/')
		return fail_set(f, ERR_INVAL, "must not begin with '/': the folder is named by dir");
	if (str_has_ctl(out, strlen(out)))
		return fail_set(f, ERR_INVAL, "must not contain control characters");
	if (!str_is_utf8(out, strlen(out)))
		return fail_set(f, ERR_INVAL, "must be UTF-8");
	if (strlen(out) > OUT_MAX)
		return fail_set(f, ERR_INVAL, "must be at most %d bytes long", OUT_MAX);
	while (err == 0) {
		size_t n = strcspn(part, "/");
		bool last = part[n] == '\0';

		err = check_part(part, n, last, f);
		if (last)
			break;
		part += n + 1;
	}
	return err;
}
