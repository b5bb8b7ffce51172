// Reading /proc/self.
#include "base/process_metrics.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"

static void render(struct buffer *out, const char *kind, const char *name, const char *help, double value)
{
	buffer_append_format(out, "# HELP %s %s\n# TYPE %s %s\n%s %.17g\n", name, help, name, kind, name, value);
}

struct process_stat {
	uint64_t user_ticks, system_ticks, start_ticks, virtual_bytes;
	int64_t threads, resident_pages;
};

// Fields 14, 15, 20, 22, 23, 24 of proc(5)'s stat; the second one, in parentheses, may hold anything.
static bool read_stat(struct process_stat *ret_stat)
{
	char text[1024];
	FILE *file = fopen("/proc/self/stat", "re");
	if (file == NULL)
		return false;
	size_t length = fread(text, 1, sizeof text - 1, file);
	(void)fclose(file);
	text[length] = '\0';
	const char *behind = strrchr(text, ')');
	return behind != NULL &&
	       sscanf(behind + 1,
	              " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64 " %*d %*d %*d %*d %" SCNd64
	              " %*d %" SCNu64 " %" SCNu64 " %" SCNd64,
	              &ret_stat->user_ticks, &ret_stat->system_ticks, &ret_stat->threads, &ret_stat->start_ticks,
	              &ret_stat->virtual_bytes, &ret_stat->resident_pages) == 6;
}

static double count_descriptors(void)
{
	double count = -3; // ".", "..", and the folder's own
	DIR *folder = opendir("/proc/self/fd");
	if (folder == NULL)
		return -1;
	while (readdir(folder) != NULL)
		count++;
	(void)closedir(folder);
	return count;
}

// Seconds since the epoch at which the machine was started, asleep or not.
static double boot_time(void)
{
	struct timespec since;
	(void)clock_gettime(CLOCK_BOOTTIME, &since);
	return (double)clock_now_us() / 1e6 - ((double)since.tv_sec + (double)since.tv_nsec / 1e9);
}

void process_metrics_render(struct buffer *out)
{
	struct process_stat stat;
	struct rlimit limit;
	double ticks = (double)sysconf(_SC_CLK_TCK);
	if (read_stat(&stat)) {
		render(out, "counter", "process_cpu_seconds_total", "User and system CPU time.",
		       (double)(stat.user_ticks + stat.system_ticks) / ticks);
		render(out, "gauge", "process_resident_memory_bytes", "Resident memory.",
		       (double)stat.resident_pages * (double)sysconf(_SC_PAGESIZE));
		render(out, "gauge", "process_virtual_memory_bytes", "Virtual memory.", (double)stat.virtual_bytes);
		render(out, "gauge", "process_start_time_seconds", "Start of the process since the epoch.",
		       boot_time() + (double)stat.start_ticks / ticks);
		render(out, "gauge", "process_threads", "Threads.", (double)stat.threads);
	}
	double descriptors = count_descriptors();
	if (descriptors >= 0)
		render(out, "gauge", "process_open_fds", "Open descriptors.", descriptors);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		render(out, "gauge", "process_max_fds", "Most descriptors that may be open.", (double)limit.rlim_cur);
}
