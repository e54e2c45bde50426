/* SPDX-License-Identifier: MIT
 * Runs files through a fuzz target without libFuzzer: kept inputs as a plain test, findings under a debugger.
 */
#include "fuzz.h"

#define INPUT_MAX (1 << 20)

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		FILE *f = fopen(argv[i], "rb");
		uint8_t *data = malloc(INPUT_MAX), *exact;
		size_t n;

		if (f == NULL || data == NULL) {
			perror(argv[i]);
			return 1;
		}
		n = fread(data, 1, INPUT_MAX, f);
		fclose(f);
		exact = malloc(n + (n == 0));
		memcpy(exact, data, n);
		free(data);
		LLVMFuzzerTestOneInput(exact, n);
		free(exact);
	}
	return 0;
}
