/* SPDX-License-Identifier: MIT
 * Allowed folders.
 */
#include "base/dirs.h"

#include <string.h>

static bool goes_up(const char *dir)
{
	for (const char *p = strstr(dir, ".."); p != NULL; p = strstr(p + 1, ".."))
		if ((p == dir || p[-1] == '/') && (p[2] == '/' || p[2] == '\0'))
			return true;
	return false;
}

/* root has n bytes. How many of dir's are root's, 0: dir is not below it. */
static size_t below(const char *dir, const char *root, size_t n)
{
	if (n == 0 || root[0] != '/' || dir[0] != '/')
		return 0;
	while (n > 0 && root[n - 1] == '/')
		n--;
	if (strncmp(dir, root, n) != 0 || (dir[n] != '/' && (dir[n] != '\0' || n == 0)))
		return 0;
	return n > 0 ? n : 1;
}

size_t dirs_root(const char *own, const char *more, const char *dir)
{
	size_t best, n, len;

	if (dir == NULL || goes_up(dir))
		return 0;
	best = own != NULL ? below(dir, own, strlen(own)) : 0;
	for (; more != NULL && *more != '\0'; more += len + (more[len] != '\0')) {
		len = strcspn(more, "\n");
		n = below(dir, more, len);
		if (n > best)
			best = n;
	}
	return best;
}

bool dirs_allow(const struct opts *start, const char *dir)
{
	return dirs_root(opts_str(start, OPT_DIR), opts_str(start, OPT_ALLOWED_DIRS), dir) > 0;
}
