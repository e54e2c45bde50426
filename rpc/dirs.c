/* SPDX-License-Identifier: MIT
 * Allowed folders.
 */
#include "rpc/dirs.h"

#include <string.h>

static bool goes_up(const char *dir)
{
	for (const char *p = strstr(dir, ".."); p != NULL; p = strstr(p + 1, ".."))
		if ((p == dir || p[-1] == '/') && (p[2] == '/' || p[2] == '\0'))
			return true;
	return false;
}

/* root has n bytes. */
static bool is_below(const char *dir, const char *root, size_t n)
{
	while (n > 0 && root[n - 1] == '/')
		n--;
	return root[0] == '/' && strncmp(dir, root, n) == 0 && (dir[n] == '/' || (dir[n] == '\0' && n > 0));
}

bool dirs_allow(const struct opts *start, const char *dir)
{
	const char *own = opts_str(start, OPT_DIR), *more = opts_str(start, OPT_ALLOWED_DIRS);

	if (dir == NULL || goes_up(dir))
		return false;
	if (own != NULL && is_below(dir, own, strlen(own)))
		return true;
	while (more != NULL && *more != '\0') {
		size_t n = strcspn(more, "\n");

		if (is_below(dir, more, n))
			return true;
		more += n + (more[n] != '\0');
	}
	return false;
}
