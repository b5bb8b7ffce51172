// Runs a fuzz target over files: every seed and every file that once broke something, at each `make check`. Prints TAP.
//
// Usage: fuzz_x FOLDER…; libFuzzer's own main takes this file's place under `make fuzz`.
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/crypto.h"
#include "base/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Each file as it is, and cut at each of its first bytes: most parsers' bugs are at ends.
static void replay(const char *data, size_t length)
{
	size_t most = length < 512 ? length : 512;
	for (size_t cut = 0; cut <= most; cut++) {
		// A copy of its own, so that a sanitizer sees one byte too far.
		uint8_t *copy = malloc(cut == 0 ? 1 : cut);
		for (size_t i = 0; copy != NULL && i < cut; i++)
			copy[i] = (uint8_t)data[i];
		(void)LLVMFuzzerTestOneInput(copy, cut);
		free(copy);
	}
	(void)LLVMFuzzerTestOneInput((const uint8_t *)data, length);
}

static unsigned replay_folder(const char *folder)
{
	struct err err = { 0 };
	unsigned count = 0;
	DIR *directory = opendir(folder);
	if (directory == NULL)
		return 0;
	for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
		char path[1024], *data = NULL;
		size_t length = 0;
		(void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
		if (entry->d_name[0] == '.' || file_read(path, 1 << 20, &data, &length, &err) != RC_OK)
			continue;
		replay(data, length);
		free(data);
		count++;
	}
	(void)closedir(directory);
	return count;
}

int main(int argc, char **argv)
{
	struct err err = { 0 };
	unsigned count = 0;
	if (crypto_init(&err) != RC_OK)
		return 1;
	for (int i = 1; i < argc; i++)
		count += replay_folder(argv[i]);
	(void)printf("%s 1 - %u files replayed\n1..1\n", count > 0 ? "ok" : "not ok", count);
	return count > 0 ? 0 : 1;
}
