/* SPDX-License-Identifier: MIT
 * .netrc: words separated by blanks: machine NAME, login NAME, password WORD, account WORD, default, and macdef with a
 * text up to the next empty line. A word that begins with '#' where a keyword could stand makes the line a comment.
 */
#include "proto/netrc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <uthash.h>

#include "base/str.h"

struct entry {
	char *host; /* lower case; NULL: of `default` */
	char *user, *passwd;
	struct netrc_login login; /* of the two */
	UT_hash_handle hh;
};

struct netrc {
	struct entry *entries;
	struct entry *anyone; /* `default`: read, so that its words count for nobody else */
};

/* What is left of the text. */
struct words {
	const char *s, *end;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The next word, length 0 at the end. */
static struct span next_word(struct words *w)
{
	struct span word;

	while (w->s < w->end && is_blank(*w->s))
		w->s++;
	word.base = (char *)w->s;
	while (w->s < w->end && !is_blank(*w->s))
		w->s++;
	word.len = (size_t)(w->s - word.base);
	return word;
}

static void skip_line(struct words *w)
{
	while (w->s < w->end && *w->s != '\n')
		w->s++;
}

static void skip_macro(struct words *w)
{
	do {
		skip_line(w);
		if (w->s < w->end)
			w->s++;
	} while (w->s < w->end && *w->s != '\n' && *w->s != '\r');
}

static bool is_word(struct span w, const char *text)
{
	return w.len == strlen(text) && memcmp(w.base, text, w.len) == 0;
}

static void free_text(char *s)
{
	if (s != NULL)
		explicit_bzero(s, strlen(s));
	free(s);
}

static void free_entry(struct entry *e)
{
	if (e == NULL)
		return;
	free(e->host);
	free_text(e->user);
	free_text(e->passwd);
	free(e);
}

static char *lower(struct span w)
{
	char *s = xstrndup(w.base, w.len);

	for (char *p = s; *p != '\0'; p++) {
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p + ('a' - 'A'));
	}
	return s;
}

/* The entry that the following words are about, owned by n. Of several for one host the first counts: the others are
 * read into `anyone`. */
static struct entry *begin_entry(struct netrc *n, char *host)
{
	struct entry *e = NULL;

	if (host != NULL)
		HASH_FIND_STR(n->entries, host, e);
	if (host == NULL || e != NULL) {
		free(host);
		free_entry(n->anyone);
		n->anyone = xcalloc(1, sizeof(*e));
		return n->anyone;
	}
	e = xcalloc(1, sizeof(*e));
	e->host = host;
	HASH_ADD_KEYPTR(hh, n->entries, e->host, strlen(e->host), e);
	return e;
}

static void set_text(char **text, struct span w)
{
	free_text(*text);
	*text = w.len > 0 ? xstrndup(w.base, w.len) : NULL;
}

static void read_word(struct netrc *n, struct words *w, struct entry **now, struct span word)
{
	if (*word.base == '#') {
		skip_line(w);
	} else if (is_word(word, "machine")) {
		word = next_word(w);
		*now = begin_entry(n, lower(word));
	} else if (is_word(word, "default")) {
		*now = begin_entry(n, NULL);
	} else if (is_word(word, "login")) {
		set_text(&(*now)->user, next_word(w));
	} else if (is_word(word, "password")) {
		set_text(&(*now)->passwd, next_word(w));
	} else if (is_word(word, "account")) {
		next_word(w);
	} else if (is_word(word, "macdef")) {
		skip_macro(w);
	}
}

struct netrc *netrc_parse(const char *text, size_t n)
{
	struct netrc *ret = xcalloc(1, sizeof(*ret));
	struct words w = {text, text + strnlen(text, n)};
	struct entry *now = begin_entry(ret, NULL);
	struct span word;

	while ((word = next_word(&w)).len > 0)
		read_word(ret, &w, &now, word);
	for (now = ret->entries; now != NULL; now = now->hh.next)
		now->login = (struct netrc_login){now->user, now->passwd != NULL ? now->passwd : ""};
	return ret;
}

void netrc_free(struct netrc *n)
{
	struct entry *e, *next;

	if (n == NULL)
		return;
	HASH_ITER(hh, n->entries, e, next)
	{
		HASH_DEL(n->entries, e);
		free_entry(e);
	}
	free_entry(n->anyone);
	free(n);
}

const struct netrc_login *netrc_find(const struct netrc *n, const char *host)
{
	struct entry *e = NULL;

	if (n != NULL)
		HASH_FIND_STR(n->entries, host, e);
	if (e == NULL || e->user == NULL)
		return NULL;
	return &e->login;
}

/* Others could read it, or have written it. */
static int check_file(int fd, const char *path, size_t *ret_size, struct fail *f)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return fail_set(f, ERR_OPEN, "%s is not used: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return fail_set(f, ERR_OPEN, "%s is not used: it is no plain file", path);
	if ((st.st_mode & 077) != 0)
		return fail_set(f, ERR_OPEN, "%s is not used: others have rights to it; chmod 600 it", path);
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return fail_set(f, ERR_OPEN, "%s is not used: it belongs to somebody else", path);
	if (st.st_size > NETRC_FILE_MAX)
		return fail_set(f, ERR_OPEN, "%s is not used: it is larger than %d bytes", path, NETRC_FILE_MAX);
	*ret_size = (size_t)st.st_size;
	return 0;
}

static int read_file(int fd, const char *path, struct netrc **ret, struct fail *f)
{
	size_t size = 0, got = 0;
	ssize_t r = 1;
	char *text;
	int err = check_file(fd, path, &size, f);

	if (err < 0)
		return err;
	text = xmalloc(size + 1);
	while (got < size && (r = read(fd, text + got, size - got)) > 0)
		got += (size_t)r;
	if (r < 0)
		err = fail_set(f, ERR_OPEN, "%s is not used: %s", path, strerror(errno));
	else
		*ret = netrc_parse(text, got);
	explicit_bzero(text, got);
	free(text);
	return err;
}

int netrc_load(const char *path, struct netrc **ret, struct fail *f)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), err;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return fail_set(f, ERR_NOT_FOUND, "%s: %s", path, strerror(errno));
	if (fd < 0)
		return fail_set(f, ERR_OPEN, "%s is not used: %s", path, strerror(errno));
	err = read_file(fd, path, ret, f);
	close(fd);
	return err;
}
