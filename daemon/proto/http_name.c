/* SPDX-License-Identifier: MIT
 * Content-Disposition to a file name.
 */
#include "proto/http_name.h"

#include <iconv.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"

#define PARAMS_MAX 32 /* more make the value malformed */
#define TOKEN	   "!#$&+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

/* One "; name=value" while it is read. */
struct param {
	const char *name;
	size_t name_len;
	char *value; /* malloc'd, unquoted */
};

static const char *skip_blank(const char *s)
{
	return s + strspn(s, " \t");
}

/* The quoted-string at *s (on its first quote), unescaped; *s goes behind it. NULL: no closing quote. */
static char *read_quoted(const char **s)
{
	const char *p = *s + 1;
	char *out = xmalloc(strlen(p) + 1);
	size_t n = 0;

	for (; *p != '\0' && *p != '"'; p++) {
		if (*p == '\\' && p[1] != '\0')
			p++;
		out[n++] = *p;
	}
	if (*p != '"') {
		free(out);
		return NULL;
	}
	out[n] = '\0';
	*s = p + 1;
	return out;
}

/* Servers send unquoted names with blanks and other bytes that no token has: everything up to the next ';' is taken. */
static char *read_bare(const char **s)
{
	size_t n = strcspn(*s, ";");
	size_t used = n;
	char *out;

	while (n > 0 && ((*s)[n - 1] == ' ' || (*s)[n - 1] == '\t'))
		n--;
	out = xstrndup(*s, n);
	*s += used;
	return out;
}

/* The parameter at *s, which stands on a ';'. */
static bool read_param(const char **s, struct param *ret)
{
	const char *p = skip_blank(*s + 1);

	*ret = (struct param){.name = p, .name_len = strspn(p, TOKEN "*'%")};
	p = skip_blank(p + ret->name_len);
	if (ret->name_len == 0) { /* a stray ';' */
		*s = p;
		return *p == ';' || *p == '\0';
	}
	if (*p != '=')
		return false;
	p = skip_blank(p + 1);
	ret->value = *p == '"' ? read_quoted(&p) : read_bare(&p);
	if (ret->value == NULL)
		return false;
	*s = skip_blank(p);
	return **s == ';' || **s == '\0';
}

static char *from_latin1(const char *s)
{
	char *out = xmalloc(2 * strlen(s) + 1);
	size_t n = 0;

	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;

		if (c < 0x80) {
			out[n++] = (char)c;
		} else {
			out[n++] = (char)(0xc0 | c >> 6);
			out[n++] = (char)(0x80 | (c & 0x3f));
		}
	}
	out[n] = '\0';
	return out;
}

/* charset'language'percent-encoded (RFC 8187 3.2); UTF-8 and ISO-8859-1. NULL when it is anything else. */
static char *decode_ext(const char *value)
{
	const char *lang = strchr(value, '\'');
	const char *text = lang != NULL ? strchr(lang + 1, '\'') : NULL;
	size_t charset = lang != NULL ? (size_t)(lang - value) : 0;
	char *raw, *out = NULL;
	size_t n;

	if (text == NULL)
		return NULL;
	text++;
	raw = xmalloc(strlen(text) + 1);
	n = str_pct_decode(text, strlen(text), raw);
	raw[n] = '\0';
	if (strlen(raw) != n) { /* %00 */
		free(raw);
		return NULL;
	}
	if (charset == 5 && strncasecmp(value, "UTF-8", 5) == 0 && str_is_utf8(raw, n))
		return raw;
	if (charset == 10 && strncasecmp(value, "ISO-8859-1", 10) == 0)
		out = from_latin1(raw);
	free(raw);
	return out;
}

/* Chinese servers send GBK raw. Its common characters (GB 2312 level 1) are pairs of two bytes that both are above ASCII; text in
 * ISO 8859-1 has single ones between letters. At least two such characters, nothing that is no pair. */
static bool looks_chinese(const char *s)
{
	const unsigned char *p = (const unsigned char *)s;
	unsigned common = 0, rare = 0;

	while (*p != '\0') {
		if (*p < 0x80) {
			p++;
			continue;
		}
		if (p[0] < 0xa1 || p[0] > 0xf7 || p[1] < 0xa1 || p[1] == 0xff)
			return false;
		if (p[0] >= 0xb0)
			*(p[0] <= 0xd7 ? &common : &rare) += 1;
		p += 2;
	}
	return common >= 2 && common > rare;
}

/* NULL: not GBK after all, or this system can't convert it. */
static char *from_gbk(const char *s)
{
	size_t in_left = strlen(s), out_left = 2 * in_left; /* two bytes become three at most */
	char *out = xmalloc(out_left + 1), *to = out, *from = (char *)(uintptr_t)s;
	iconv_t cd = iconv_open("UTF-8", "GB18030");
	bool ok = cd != (iconv_t)-1 && iconv(cd, &from, &in_left, &to, &out_left) != (size_t)-1;

	if (cd != (iconv_t)-1)
		iconv_close(cd);
	*to = '\0';
	if (ok)
		return out;
	free(out);
	return NULL;
}

/* Servers send either without saying which; what is no UTF-8 by chance is hardly ever meant as such. NULL: not taken. */
static char *decode_plain(const char *value, bool utf8_only)
{
	char *chinese;

	if (str_is_utf8(value, strlen(value)))
		return xstrdup(value);
	if (utf8_only)
		return NULL;
	chinese = looks_chinese(value) ? from_gbk(value) : NULL;
	return chinese != NULL ? chinese : from_latin1(value);
}

/* C0, DEL, and C1 (U+0080..U+009F as UTF-8). */
static bool has_control(const char *s)
{
	if (str_has_ctl(s, strlen(s)))
		return true;
	for (; *s != '\0'; s++) {
		if ((unsigned char)s[0] == 0xc2 && (unsigned char)s[1] < 0xa0)
			return true;
	}
	return false;
}

/* A name that has path parts, or is none, is refused as a whole, as aria2 does: the URI's name is used then. Takes
 * name. */
static char *one_part(char *name)
{
	if (*name != '\0' && !strpbrk(name, "/\\") && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
		!has_control(name))
		return name;
	free(name);
	return NULL;
}

/* The first parameter of a name counts; a second one is passed over. */
static bool param_is(const struct param *p, const char *name)
{
	return p->name_len == strlen(name) && strncasecmp(p->name, name, p->name_len) == 0;
}

char *http_name(const char *value, bool utf8_only)
{
	const char *s = skip_blank(value);
	char *plain = NULL, *ext = NULL, *name;
	bool ok;

	s = skip_blank(s + strspn(s, TOKEN)); /* disposition type: attachment and inline are the same to us */
	ok = *s == ';' || *s == '\0';
	for (int i = 0; ok && *s == ';'; i++) {
		struct param p = {0};

		ok = i < PARAMS_MAX && read_param(&s, &p);
		if (ok && p.value != NULL && ext == NULL && param_is(&p, "filename*"))
			ext = decode_ext(p.value);
		else if (ok && p.value != NULL && plain == NULL && param_is(&p, "filename"))
			plain = decode_plain(p.value, utf8_only);
		free(p.value);
	}
	name = ext != NULL ? ext : plain;
	if (ext != NULL)
		free(plain);
	if (!ok) {
		free(name);
		return NULL;
	}
	return name != NULL ? one_part(name) : NULL;
}
