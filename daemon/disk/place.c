/* SPDX-License-Identifier: MIT
 * Placing: batches of small files on the pool.
 *
 * NAME is linked to a file that is complete, so whoever sees it sees all of it. Another job may just be making NAME.part: it
 * looks at NAME after that (file_candidate.c), and we look at NAME.part after NAME is linked, so at least one of us sees the
 * other and gives way.
 */
#include "disk/place.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "disk/file_open_priv.h"
#include "disk/folder.h"
#include "disk/room.h"
#include "ev/loop.h"
#include "ev/mounts.h"
#include "ev/timer.h"
#include "ev/work.h"

#define BATCH_MAX 64 /* files of a work item */
#define BATCHES	  2  /* of a file system at a time: while one waits for its syncs another one writes */
#define STUCK_MS  2000 /* no batch came to its end: a folder does not answer, and must not hold up the files of others */

/* One file. */
struct placing {
	struct dfile_opening *o;
	struct dfile_body body;
	struct file_id id;
	int slot;
	int folder; /* in the batch's list */
	int fd;	    /* without a name, -1: dfile_open's rules decide */
	bool named;
	TAILQ_ENTRY(placing) link;
};
TAILQ_HEAD(placing_list, placing);

/* A folder of a batch, open for its work item only. */
struct place_folder {
	const struct dfile_req *req; /* its dir and root */
	const struct fs_ops *fs;
	int fd;	       /* -1: can't be opened */
	uint64_t dev;  /* st_dev */
	uint64_t room; /* bytes that are free and not yet taken, less reserve-space */
	int err;       /* of its sync */
	struct fail fail;
};

struct batch_run {
	struct placer *p;
	struct place_disk *disk;
	struct work *work;
	TAILQ_ENTRY(batch_run) link;
	struct placing_list files;
	struct place_folder *folders; /* one for each file at most */
	int nfolders;
	bool alone; /* only one file */
};

/* The files of one file system, while there are any. */
struct place_disk {
	struct placer *p;
	uint64_t dev; /* of ev/mounts.h */
	struct placing_list waiting;
	TAILQ_HEAD(batch_list, batch_run) batches; /* submitted */
	unsigned n_batches;
	struct timer patience; /* while there are any */
	bool stuck; /* until one of them ends all that come go the usual way, each in a work item of its own */
	TAILQ_ENTRY(place_disk) link;
};

struct placer {
	struct loop *loop;
	const struct fs_ops *fs;
	struct ledger *ledger; /* NULL: nothing is placed */
	TAILQ_HEAD(place_disks, place_disk) disks;
	struct deferred turn;
};

/* ---- pool thread ---- */

static void close_body(struct placing *f)
{
	close(f->fd);
	f->fd = -1;
}

static void open_folder(struct place_folder *d, const struct dfile_req *req, const struct fs_ops *fs)
{
	const struct folder_req folder = {.root = req->root, .dir = *req->dir ? req->dir : ".", .make = true};
	struct room room;
	struct fail ignored; /* opening the file in the usual way will tell */

	*d = (struct place_folder){.req = req, .fs = fs, .fd = -1};
	if (folder_open(fs, &folder, &d->fd, &ignored) < 0)
		return;
	room_of(fs, d->fd, &room);
	d->dev = room.dev;
	d->room = room.free > req->reserve ? room.free - req->reserve : 0;
}

static bool same_folder(const struct dfile_req *a, const struct dfile_req *b)
{
	return str_same(a->dir, b->dir) && str_same(a->root, b->root) && a->reserve == b->reserve;
}

static int find_folder(struct batch_run *b, const struct dfile_req *req, const struct fs_ops *fs)
{
	int i = 0;

	while (i < b->nfolders && !same_folder(b->folders[i].req, req))
		i++;
	if (i == b->nfolders)
		open_folder(&b->folders[b->nfolders++], req, fs);
	return i;
}

static bool is_free(const struct fs_ops *fs, int dirfd, const char *name)
{
	struct stat st;

	return fs->fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
}

static bool names_are_free(const struct placing *f, int dirfd)
{
	const struct dfile *d = f->o->f;
	char *control = xasprintf("%s" CONTROL_SUFFIX, d->leaf);
	bool yes = is_free(d->fs, dirfd, d->leaf) && is_free(d->fs, dirfd, d->part) && is_free(d->fs, dirfd, control);

	free(control);
	return yes;
}

static bool is_plain(const char *name)
{
	return *name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static bool write_body(const struct placing *f, const struct fs_ops *fs, bool alone)
{
	const struct timespec t[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = f->body.mtime}};

	if (fs_pwrite_all(fs, f->fd, f->body.mem, f->body.len, 0) < 0)
		return false;
	if (!alone) /* the disk gets all of the batch at once; only a hint */
		fs->sync_file_range(f->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	if (f->body.mtime >= 0 && fs->futimens(f->fd, t) < 0)
		log_warn(DISK, "%s: the time can't be set: errno %d", f->o->f->path, errno);
	return true;
}

/* Into a file without a name, and into the ledger. */
static void place_body(struct batch_run *b, struct placing *f)
{
	const struct fs_ops *fs = f->o->f->fs;
	struct place_folder *d;

	if (atomic_load(&f->o->cancel) || !is_plain(f->o->req.name))
		return;
	f->folder = find_folder(b, &f->o->req, fs);
	d = &b->folders[f->folder];
	cand_set_names(f->o, f->o->req.name, 0);
	if (d->fd < 0 || d->room < f->body.len || !names_are_free(f, d->fd))
		return;
	f->fd = fs->openat(d->fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
	if (f->fd < 0)
		return;
	if (!write_body(f, fs, b->alone) || ledger_identify(fs, f->fd, &f->id) < 0 ||
		ledger_write(b->p->ledger, f->slot, &f->body.job, &f->id) < 0)
		close_body(f);
	else
		d->room -= d->room < UINT64_MAX ? f->body.len : 0;
}

static void sync_body(struct placing *f)
{
	if (f->o->f->fs->fsync(f->fd) < 0)
		close_body(f); /* what is in memory is right all the same, and is written anew */
}

static void give_name(struct batch_run *b, struct placing *f)
{
	const struct dfile *d = f->o->f;
	int dirfd = b->folders[f->folder].fd;
	char self[40];

	snprintf(self, sizeof(self), "/proc/self/fd/%d", f->fd);
	if (d->fs->linkat(AT_FDCWD, self, dirfd, d->leaf, AT_SYMLINK_FOLLOW) < 0) {
		close_body(f);
		return;
	}
	f->named = is_free(d->fs, dirfd, d->part);
	if (f->named)
		return;
	if (fs_is_same(d->fs, f->fd, dirfd, d->leaf))
		d->fs->unlinkat(dirfd, d->leaf, 0);
	close_body(f);
}

/* Folders on some file systems, or without the right to read them, can't be synced. */
static void sync_folder(struct place_folder *d)
{
	if (d->fd < 0)
		return;
	if (d->fs->fsync(d->fd) < 0 && errno != EINVAL && errno != EBADF && errno != EROFS && errno != ENOTSUP)
		d->err = fs_fail(&d->fail, ERR_IO, "Failed to sync the folder", d->req->dir, errno);
	close(d->fd);
}

static void run_batch(void *arg)
{
	struct batch_run *b = arg;
	struct placing *f;
	bool any = false;

	TAILQ_FOREACH(f, &b->files, link) place_body(b, f);
	TAILQ_FOREACH(f, &b->files, link)
	{
		if (f->fd >= 0)
			sync_body(f);
		any |= f->fd >= 0;
	}
	/* Without an entry a power cut would cost a second copy under another name. */
	any = any && ledger_sync(b->p->ledger) == 0;
	TAILQ_FOREACH(f, &b->files, link)
	{
		if (f->fd >= 0 && any && !atomic_load(&f->o->cancel))
			give_name(b, f);
		if (f->fd >= 0)
			close_body(f);
	}
	for (int i = 0; i < b->nfolders; i++)
		sync_folder(&b->folders[i]);
}

/* ---- loop thread ---- */

static void start_batch(struct place_disk *d);

static struct place_disk *find_disk(const struct placer *p, uint64_t dev)
{
	struct place_disk *d;

	TAILQ_FOREACH(d, &p->disks, link)
	{
		if (d->dev == dev)
			return d;
	}
	return NULL;
}

static struct place_disk *add_disk(struct placer *p, uint64_t dev)
{
	struct place_disk *d = xcalloc(1, sizeof(*d));

	d->p = p;
	d->dev = dev;
	TAILQ_INIT(&d->waiting);
	TAILQ_INIT(&d->batches);
	TAILQ_INSERT_TAIL(&p->disks, d, link);
	return d;
}

static void drop_unused(struct place_disk *d)
{
	if (d->n_batches > 0 || !TAILQ_EMPTY(&d->waiting))
		return;
	timer_stop(&d->patience);
	TAILQ_REMOVE(&d->p->disks, d, link);
	free(d);
}

static void tell(struct placing *f, const struct place_folder *d)
{
	struct dfile_opening *o = f->o;
	struct dfile_opened r = {.path = o->f->path, .placed = true, .found_size = -1, .whole_fd = -1};
	struct fail fail = d->fail;

	fail.code = d->err;
	mounts_learn(o->f->loop, o->folder, d->dev);
	o->cb(o->arg, d->err, &fail, d->err ? NULL : &r);
	opening_free(o);
}

static void finish_batch(struct batch_run *b)
{
	struct placing *f;

	while ((f = TAILQ_FIRST(&b->files))) {
		TAILQ_REMOVE(&b->files, f, link);
		if (f->named) {
			ledger_know(b->p->ledger, &f->body.job, &f->id);
			tell(f, &b->folders[f->folder]);
		} else {
			opening_start(f->o);
		}
		free(f);
	}
}

static void batch_done(void *arg, int status)
{
	struct batch_run *b = arg;
	struct place_disk *d = b->disk;

	TAILQ_REMOVE(&d->batches, b, link);
	d->n_batches--;
	timer_stop(&d->patience);
	if (status == 0) /* else it did not run, and nothing of it was placed */
		d->stuck = false;
	start_batch(d);
	finish_batch(b);
	free(b->folders);
	free(b);
	drop_unused(d);
}

/* Batches that have not begun have no thread because others hang. */
static void on_stuck(void *arg)
{
	struct place_disk *d = arg;
	struct batch_run *b;
	struct placing *f;

	TAILQ_FOREACH(b, &d->batches, link) work_cancel(b->work);
	d->stuck = d->n_batches >= BATCHES;
	while ((f = TAILQ_FIRST(&d->waiting))) {
		TAILQ_REMOVE(&d->waiting, f, link);
		opening_start(f->o);
		free(f);
	}
}

static struct batch_run *make_batch(struct place_disk *d)
{
	struct batch_run *b = xcalloc(1, sizeof(*b));
	struct placing *f;
	size_t n;

	b->p = d->p;
	b->disk = d;
	TAILQ_INIT(&b->files);
	for (n = 0; n < BATCH_MAX && (f = TAILQ_FIRST(&d->waiting)); n++) {
		TAILQ_REMOVE(&d->waiting, f, link);
		TAILQ_INSERT_TAIL(&b->files, f, link);
	}
	b->folders = xcalloc(n, sizeof(*b->folders));
	b->alone = n == 1;
	return b;
}

static void start_batch(struct place_disk *d)
{
	struct batch_run *b;

	if (!TAILQ_EMPTY(&d->waiting) && d->n_batches < BATCHES) {
		b = make_batch(d);
		TAILQ_INSERT_TAIL(&d->batches, b, link);
		d->n_batches++;
		b->work = work_submit(d->p->loop, d->dev, WORK_DISK, run_batch, batch_done, b);
	}
	if (d->n_batches > 0 && !timer_running(&d->patience))
		timer_start(d->p->loop, &d->patience, STUCK_MS, 0, on_stuck, d);
}

static void on_turn(void *arg)
{
	struct placer *p = arg;
	struct place_disk *d;

	TAILQ_FOREACH(d, &p->disks, link) start_batch(d);
}

struct dfile_opening *dfile_place(
	struct placer *p, const struct dfile_req *req, const struct dfile_body *body, dfile_open_cb cb, void *arg)
{
	struct dfile_opening *o = opening_new(p->loop, req, cb, arg);
	struct place_disk *d = find_disk(p, o->f->dev);
	int slot = p->ledger && !(d && d->stuck) ? ledger_take(p->ledger, body->job.gid) : -1;
	struct placing *f;

	if (slot < 0) {
		opening_start(o);
		return o;
	}
	if (!d)
		d = add_disk(p, o->f->dev);
	f = xcalloc(1, sizeof(*f));
	f->o = o;
	f->body = *body;
	f->slot = slot;
	f->fd = -1;
	TAILQ_INSERT_TAIL(&d->waiting, f, link);
	defer(p->loop, &p->turn);
	return o;
}

bool placer_named(const struct placer *p, const struct ledger_job *job, struct file_id *ret)
{
	return p && p->ledger && ledger_find(p->ledger, job, ret);
}

void placer_forget(struct placer *p, uint64_t gid)
{
	if (p && p->ledger)
		ledger_give(p->ledger, gid);
}

void placer_sift(struct placer *p, bool (*wanted)(void *arg, uint64_t gid), void *arg)
{
	if (p && p->ledger)
		ledger_sift(p->ledger, wanted, arg);
}

struct placer *placer_new(struct loop *l, const struct fs_ops *fs, const char *ledger)
{
	struct placer *p = xcalloc(1, sizeof(*p));

	p->loop = l;
	p->fs = fs ? fs : &fs_real;
	p->ledger = ledger_open(p->fs, ledger);
	p->turn = (struct deferred){.cb = on_turn, .arg = p};
	TAILQ_INIT(&p->disks);
	return p;
}

void placer_free(struct placer *p)
{
	if (!p)
		return;
	defer_cancel(p->loop, &p->turn);
	ledger_close(p->ledger);
	free(p);
}
