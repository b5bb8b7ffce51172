// Drawing.
#include "safelightctl/progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "safelightctl/report.h"

#define BAR_CELLS 20
#define REDRAW_US 100000
#define LINE_US 5000000
#define CLEAR_LINE "\r\033[K"

void progress_begin(struct progress *ret_progress, const char *what, int64_t total)
{
	int64_t now_us = clock_monotonic_us();
	*ret_progress = (struct progress){ .what = what,
		                           .total = total,
		                           .began_us = now_us,
		                           .shown_us = now_us,
		                           .is_terminal = isatty(STDERR_FILENO) == 1 };
}

const char *progress_text(const struct progress *progress, int64_t done, int64_t elapsed_ms,
                          char ret_text[PROGRESS_TEXT_SIZE])
{
	double rate = elapsed_ms > 0 ? (double)done * 1000 / (double)elapsed_ms : 0;
	char head[64] = "", total[32] = "", left[REPORT_TEXT_SIZE + 8] = "", span[REPORT_TEXT_SIZE];
	if (progress->total > 0) {
		int64_t share = done > progress->total ? progress->total : done;
		int cells = (int)(share * BAR_CELLS / progress->total);
		if (progress->is_terminal)
			(void)snprintf(head, sizeof head, "[%.*s%.*s] ", cells, "####################",
			               BAR_CELLS - cells, "....................");
		(void)snprintf(head + strlen(head), sizeof head - strlen(head), "%d %%  ",
		               (int)(share * 100 / progress->total));
		(void)snprintf(total, sizeof total, " of %lld", (long long)progress->total);
		if (rate > 0 && share < progress->total)
			(void)snprintf(
			        left, sizeof left, ", %s left",
			        report_duration((int64_t)((double)(progress->total - share) * 1000 / rate), span));
	}
	(void)snprintf(ret_text, PROGRESS_TEXT_SIZE, "%s%lld%s %s, %.1f a second%s", head, (long long)done, total,
	               progress->what, rate, left);
	return ret_text;
}

void progress_show(struct progress *progress, int64_t done)
{
	char text[PROGRESS_TEXT_SIZE];
	int64_t now_us = clock_monotonic_us();
	if (now_us - progress->shown_us < (progress->is_terminal ? REDRAW_US : LINE_US))
		return;
	progress->shown_us = now_us;
	(void)fprintf(stderr, "%s%s%s", progress->is_terminal ? CLEAR_LINE : "",
	              progress_text(progress, done, (now_us - progress->began_us) / 1000, text),
	              progress->is_terminal ? "" : "\n");
	(void)fflush(stderr);
	progress->is_drawn = progress->is_terminal;
}

void progress_end(struct progress *progress)
{
	if (progress->is_drawn)
		(void)fprintf(stderr, CLEAR_LINE);
	progress->is_drawn = false;
}
