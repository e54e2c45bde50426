/* SPDX-License-Identifier: MIT
 * Names of files from servers: whatever Content-Disposition or a URI says, the cleaned name is one harmless part of a
 * path. Input: a field value or URI.
 */
#include "fuzz.h"

#include <strings.h>

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *value = input_text(data, size < 65536 ? size : 65536), *name;

	check_clean(value, false);
	check_clean(value, true);
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
