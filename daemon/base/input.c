/* SPDX-License-Identifier: MIT
 * The input file: read whole into a list of entries, so that a bad value in the last line is found before the first
 * download is added; or entry by entry.
 */
#include "base/input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include <zlib.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/puri.h"
#include "base/str.h"

#define CHUNK	  65536
#define LABEL_MAX 80 /* bytes of a path in a message: its end tells more than its beginning */

#define BLANKS " \t\r"

struct entry {
	TAILQ_ENTRY(entry) link;
	char *uris; /* the line */
	struct opts *opts;
	unsigned long line;
	char *bad; /* why the entry can't be used, with file and line, or NULL */
};

TAILQ_HEAD(entry_list, entry);

struct reader {
	char label[LABEL_MAX + 8]; /* what messages call the file */
	gzFile gz;
	char *chunk;
	size_t pos, len;    /* what of the chunk is not used yet */
	struct buf text;    /* the line being read, without its end */
	unsigned long line; /* its number, from 1 */
};

struct input {
	struct reader r;
	struct opts *parent; /* own reference */
	struct entry *next;  /* its URI line has been read, which ended the one before; NULL: none */
};

/* Where one URI of a line goes. */
struct sink {
	const struct reader *r;
	const struct entry *e;
	input_fn entry;
	void *arg;
};

static void set_label(struct reader *r, const char *path)
{
	size_t n = strlen(path);
	bool cut = n > LABEL_MAX - 3;
	char *tail =
		cut ? xasprintf("...%s", path + n - (LABEL_MAX - 3)) : xstrdup(strcmp(path, "-") == 0 ? "stdin" : path);

	str_safe(tail, strlen(tail), r->label, sizeof(r->label));
	free(tail);
}

static int reader_open(struct reader *r, const char *path, struct fail *f)
{
	int fd;

	*r = (struct reader){0};
	buf_init(&r->text, INPUT_LINE_MAX);
	set_label(r, path);
	errno = 0;
	if (strcmp(path, "-") == 0) {
		fd = dup(STDIN_FILENO);
		r->gz = fd >= 0 ? gzdopen(fd, "rb") : NULL;
		if (r->gz == NULL && fd >= 0)
			close(fd);
	} else {
		r->gz = gzopen(path, "rbe");
	}
	if (r->gz == NULL)
		return fail_set(f, ERR_INPUT, "The input file %s can't be opened: %s", r->label, strerror(errno));
	r->chunk = xmalloc(CHUNK);
	return 0;
}

static void reader_close(struct reader *r)
{
	if (r->gz != NULL)
		gzclose_r(r->gz);
	free(r->chunk);
	buf_free(&r->text);
}

static int fail_read(const struct reader *r, struct fail *f)
{
	int code = Z_OK;
	const char *why = gzerror(r->gz, &code);

	if (code == Z_ERRNO)
		why = strerror(errno);
	else if (code == Z_BUF_ERROR)
		why = "the compressed data ends too early";
	return fail_set(f, ERR_INPUT, "The input file %s can't be read: %s", r->label, why);
}

/* More bytes into the chunk, which is used up: 1, 0 at the end, or ERR_INPUT. */
static int refill(struct reader *r, struct fail *f)
{
	int n = gzread(r->gz, r->chunk, CHUNK), code = Z_OK;

	if (n == 0)
		gzerror(r->gz, &code);
	if (n < 0 || (code != Z_OK && code != Z_STREAM_END))
		return fail_read(r, f);
	r->pos = 0;
	r->len = (size_t)n;
	return n > 0;
}

/* The next line into r->text: 1, 0 at the end, or ERR_INPUT. */
static int read_line(struct reader *r, struct fail *f)
{
	const char *start, *end = NULL;
	size_t n;
	int got;

	buf_reset(&r->text);
	r->line++;
	while (end == NULL) {
		if (r->pos == r->len) {
			got = refill(r, f);
			if (got <= 0)
				return got < 0 ? got : r->text.len > 0;
		}
		start = r->chunk + r->pos;
		end = memchr(start, '\n', r->len - r->pos);
		n = end != NULL ? (size_t)(end - start) : r->len - r->pos;
		r->pos += n + (end != NULL);
		if (memchr(start, '\0', n) != NULL)
			return fail_set(f, ERR_INPUT, "%s:%lu: a NUL byte: this is no text file", r->label, r->line);
		if (buf_add(&r->text, start, n) != 0)
			return fail_set(f, ERR_INPUT, "%s:%lu: the line is longer than %d bytes", r->label, r->line,
				INPUT_LINE_MAX);
	}
	return 1;
}

/* Cuts blanks at both ends, in place; returns the beginning. */
static char *strip(char *s)
{
	size_t n;

	s += strspn(s, BLANKS);
	n = strlen(s);
	while (n > 0 && strchr(BLANKS, s[n - 1]) != NULL)
		n--;
	s[n] = '\0';
	return s;
}

static void entry_free(struct entry *e)
{
	opts_unref(e->opts);
	free(e->uris);
	free(e->bad);
	free(e);
}

/* A value that is wrong here spoils its entry only: aria2 drops an entry for its GID, and writes the others into session
 * files as they were given, whatever they are. */
static bool spoils_entry(enum opt id)
{
	return id == OPT_GID || id == OPT_OUT || id == OPT_HEADER;
}

static int set_option(const struct reader *r, struct entry *e, enum opt id, const char *val, struct fail *f)
{
	struct fail why = {0}, bad;
	struct opts *o = e->opts;
	int err = 0;

	/* The first element of an entry's own list replaces the inherited ones. */
	if (opt_def(id)->type == OT_LIST && !opts_has(o, id))
		err = opts_set(o, id, "", &why);
	if (err == 0)
		err = opts_set(o, id, val, &why);
	if (err == 0)
		return 0;
	fail_set(&bad, ERR_USAGE, "%s:%lu: %s: %s", r->label, r->line, opt_def(id)->name, why.text);
	if (!spoils_entry(id))
		return fail_set(f, bad.code, "%s", bad.text);
	free(e->bad);
	e->bad = xstrdup(bad.text);
	return 0;
}

/* text: an option line without the blank in front. As in the configuration file a name alone has an empty value, which
 * is true for a boolean. */
static int take_option(const struct reader *r, char *text, struct entry *e, struct fail *f)
{
	size_t n = strcspn(text, "=");
	char *val = text + n + (text[n] == '='), safe[60];
	enum opt id;

	while (n > 0 && strchr(BLANKS, text[n - 1]) != NULL)
		n--;
	if (n == 0)
		return 0;
	if (e == NULL) {
		log_warn(CONF, "%s:%lu: an option without a URI line above it is passed over", r->label, r->line);
		return 0;
	}
	id = opt_find(text, n);
	/* Only the name is shown: the value may be a misspelt password's. */
	if (id == OPT_COUNT)
		log_warn(CONF, "%s:%lu: unknown option: %s", r->label, r->line, str_safe(text, n, safe, sizeof(safe)));
	if (id == OPT_COUNT || !(opt_def(id)->flags & OF_INITIAL))
		return 0;
	return set_option(r, e, id, strip(val), f);
}

/* What the line just read says, NULL: nothing. *ret_option: it belongs to the entry above. */
static char *line_text(const struct reader *r, bool *ret_option)
{
	char *text = r->text.data;

	if (r->text.len == 0)
		return NULL;
	if (r->line == 1 && strncmp(text, "\xef\xbb\xbf", 3) == 0)
		text += 3; /* a byte order mark, left by an editor */
	if (text[0] == '#')
		return NULL;
	*ret_option = text[0] == ' ' || text[0] == '\t';
	text = strip(text);
	return text[0] != '\0' ? text : NULL;
}

static struct entry *entry_new(const struct reader *r, const char *uris, struct opts *parent)
{
	struct entry *e = xcalloc(1, sizeof(*e));

	e->uris = xstrdup(uris);
	e->opts = opts_new(parent);
	if (opts_has(parent, OPT_PAUSE)) /* of one download, but said to hold for all of the file */
		opts_set(e->opts, OPT_PAUSE, opts_str(parent, OPT_PAUSE), NULL);
	e->line = r->line;
	/* Unlike other options of a single download this one goes over to each: what was to be checked must be. */
	if (parent != NULL && opts_has(parent, OPT_CHECKSUM))
		opts_set(e->opts, OPT_CHECKSUM, opts_str(parent, OPT_CHECKSUM), NULL);
	return e;
}

/* The next entry with its options: 1 (then the caller's), 0 at the end, ERR_USAGE (the entry is used up), ERR_INPUT. */
static int read_entry(struct input *in, struct entry **ret, struct fail *f)
{
	struct entry *e = in->next;
	int err = 0, got;

	in->next = NULL;
	while (in->next == NULL && (got = read_line(&in->r, f)) != 0) {
		bool option = false;
		char *text = got > 0 ? line_text(&in->r, &option) : NULL;

		if (got < 0) {
			err = got;
			break;
		}
		if (text == NULL || (option && err < 0))
			continue;
		if (option)
			err = take_option(&in->r, text, e, f);
		else if (e == NULL)
			e = entry_new(&in->r, text, in->parent);
		else
			in->next = entry_new(&in->r, text, in->parent);
	}
	if (err < 0 && e != NULL)
		entry_free(e);
	*ret = e;
	return err < 0 ? err : e != NULL;
}

/* One download to the callee. */
static void give(const struct sink *s, char **uris, size_t n)
{
	struct fail f = {0};

	if (s->entry(s->arg, uris, n, s->e->opts, &f) != 0)
		log_error(CONF, "%s:%lu: %s", s->r->label, s->e->line, f.text);
}

static void give_spoilt(const struct sink *s)
{
	struct fail f;

	fail_set(&f, ERR_USAGE, "%s", s->e->bad);
	if (s->entry(s->arg, NULL, 0, NULL, &f) != 0)
		log_error(CONF, "%s", f.text);
}

static int give_one(void *arg, const char *text)
{
	char *uri = xstrdup(text);

	give(arg, &uri, 1);
	free(uri);
	return 0;
}

/* Each URI is a download of its own. */
static void give_each(const struct sink *s, char **uris, size_t n)
{
	bool expand = opts_bool(s->e->opts, OPT_PARAMETERIZED_URI);
	struct fail f = {0};
	size_t i;

	for (i = 0; i < n; i++) {
		if (!expand)
			give(s, &uris[i], 1);
		else if (puri_expand(uris[i], give_one, (void *)s, &f) != 0)
			log_error(CONF, "%s:%lu: %s", s->r->label, s->e->line, f.text);
	}
}

static void give_entry(const struct sink *s)
{
	char **uris = NULL, *next = s->e->uris, *word;
	size_t n = 0, cap = 0;

	while ((word = strsep(&next, "\t")) != NULL) {
		word = strip(word);
		if (word[0] == '\0')
			continue;
		if (n == cap) {
			cap = cap * 2 + 4;
			uris = xrealloc(uris, cap * sizeof(*uris));
		}
		uris[n++] = word;
	}
	if (s->e->bad != NULL)
		give_spoilt(s);
	else if (opts_bool(s->e->opts, OPT_FORCE_SEQUENTIAL))
		give_each(s, uris, n);
	else
		give(s, uris, n);
	free(uris);
}

int input_open(const char *path, struct opts *parent, struct input **ret, struct fail *f)
{
	struct input *in = xcalloc(1, sizeof(*in));
	int err = reader_open(&in->r, path, f);

	in->parent = parent != NULL ? opts_ref(parent) : NULL;
	if (err < 0)
		input_close(in);
	else
		*ret = in;
	return err;
}

int input_next(struct input *in, input_fn entry, void *arg, struct fail *f)
{
	struct entry *e;
	int got = read_entry(in, &e, f);

	if (got > 0) {
		give_entry(&(struct sink){&in->r, e, entry, arg});
		entry_free(e);
	}
	return got;
}

void input_close(struct input *in)
{
	if (in == NULL)
		return;
	if (in->next != NULL)
		entry_free(in->next);
	reader_close(&in->r);
	opts_unref(in->parent);
	free(in);
}

int input_read(const char *path, input_fn entry, void *arg, struct opts *parent, struct fail *f)
{
	struct entry_list list = TAILQ_HEAD_INITIALIZER(list);
	struct input *in = NULL;
	struct entry *e;
	int got = input_open(path, parent, &in, f);

	if (got < 0)
		return got;
	while ((got = read_entry(in, &e, f)) > 0)
		TAILQ_INSERT_TAIL(&list, e, link);
	while ((e = TAILQ_FIRST(&list)) != NULL) {
		TAILQ_REMOVE(&list, e, link);
		if (got == 0)
			give_entry(&(struct sink){&in->r, e, entry, arg});
		entry_free(e);
	}
	input_close(in);
	return got;
}
