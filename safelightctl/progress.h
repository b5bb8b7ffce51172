// How far long work has come, on standard error: a bar that is redrawn on a terminal, elsewhere a line every few
// seconds.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROGRESS_TEXT_SIZE 160

struct progress {
	const char *what; // "uploads"; must outlive this
	int64_t total;    // 0: not known
	int64_t began_us, shown_us;
	bool is_terminal;
	bool is_drawn; // the bar stands on the screen
};

void progress_begin(struct progress *ret_progress, const char *what, int64_t total);
// Say that `done` are done; shown only when some time has passed since the last time.
void progress_show(struct progress *progress, int64_t done);
// Clear the bar away.
void progress_end(struct progress *progress);

// "[#####.....] 50 %  500 of 1000 uploads, 25.0 a second, 20 s left", the bar on terminals only.
const char *progress_text(const struct progress *progress, int64_t done, int64_t elapsed_ms,
                          char ret_text[PROGRESS_TEXT_SIZE]);
