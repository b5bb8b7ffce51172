// The allow-list of system calls of each profile, frozen: over a corpus of every format, good, cut and hostile, the
// real decoder in its real sandbox uses each call on the list (or the list says why not), and needs none beyond it. Of
// the documents' one also: what is opened is a font, whatever they refer to.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tests/hostile/bombs.h"
#include "tests/hostile/documents.h"
#include "tests/hostile/pictures.h"
#include "tests/hostile/rig.h"
#include "tests/unit/cmocka_all.h"
#include "transcoder/decoder/sandbox_priv.h"

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))
#define ATTACH_MS 10000

// On the list, though no run of this corpus on every machine shows them.
static const struct {
	const char *name;
	const char *why;
} unused[] = {
	{ "restart_syscall", "the kernel's own, when a stopped process goes on" },
	{ "newfstatat", "fstat of glibc from 2.33 on, by the version installed" },
	{ "fstat", "fstat of glibc before 2.33" },
	{ "exit", "a codec's thread that ends; whether one does is the codec's choice" },
	{ "rseq", "glibc, in new threads" },
	{ "set_robust_list", "glibc, in new threads" },
	{ "sigaltstack", "glibc and sanitizers, in new threads" },
	{ "clone", "a codec's new thread; whether one starts depends on the picture's size and the codec's version" },
	{ "sched_yield", "spin locks of codecs under contention" },
	{ "sched_getaffinity", "codecs that count the cores, some of them once in the warm-up" },
	{ "sysinfo", "the same, of the memory" },
	{ "getrandom", "malloc's and hash tables' seeds, once" },
	{ "rt_sigreturn", "the way out of the CPU limit's handler" },
	{ "rt_sigaction", "abort()" },
	{ "rt_sigprocmask", "abort(), and glibc around new threads" },
	{ "tgkill", "abort()" },
	{ "gettid", "abort()" },
	{ "getpid", "abort()" },
	{ "exit_group", "the end; when the supervisor closes the socket or the CPU limit is met" },
	{ "clock_gettime", "the vdso answers, where it can" },
	{ "clock_nanosleep", "GLib's pool of threads" },
	{ "prlimit64", "reading a limit: glibc before it starts a thread" },
	{ "prctl", "names of threads" },
	{ "lseek", "stdio of codecs" },
	{ "brk", "malloc, while the heap can grow there" },
	{ "mremap", "realloc of large blocks" },
	{ "mprotect", "malloc's further heaps as they grow; whether a thread has one depends on contention" },
	{ "writev", "libc's last words before abort()" },
	{ "poll", "the wait for the supervisor, with or without a deadline" },
	{ "ppoll", "the wait for the supervisor, with or without a deadline" },
	{ "read", "GLib's wakeups" },
	{ "faccessat", "access, where the machine has no such call" },
};

static struct rig rig;
static char trace_path[64];
static pid_t tracer;

static int open_rig(void **state)
{
	(void)state;
	rig_init(&rig, "bin/safelight-decoder");
	(void)snprintf(trace_path, sizeof trace_path, "/tmp/safelight-calls-%d", (int)getpid());
	return 0;
}

static int close_rig(void **state)
{
	(void)state;
	rig_done(&rig);
	return 0;
}

// ---- strace ---------------------------------------------------------------------------------------------------------

static bool is_traced(pid_t pid)
{
	char path[64], line[256];
	CLEANUP(close_stream) FILE *stream = NULL;
	int by = 0;

	(void)snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	stream = fopen(path, "re");
	while (stream != NULL && fgets(line, sizeof line, stream) != NULL)
		if (sscanf(line, "TracerPid: %d", &by) == 1)
			break;
	return by != 0;
}

// Attach strace to the rig's child and its threads. False where nothing may be traced.
static bool start_trace(void)
{
	char pid[16];
	char *arguments[] = { (char *)"strace", (char *)"-f", (char *)"-qq", (char *)"-o",
		              trace_path,       (char *)"-p", pid,           NULL };
	char *environment[] = { (char *)"PATH=/usr/bin:/bin", NULL };

	rig_start(&rig);
	(void)snprintf(pid, sizeof pid, "%d", (int)child_pid(rig.child));
	if (posix_spawnp(&tracer, "strace", NULL, NULL, arguments, environment) != 0)
		return false;
	for (int waited = 0; waited < ATTACH_MS; waited += 10) {
		if (is_traced(child_pid(rig.child)))
			return true;
		if (waitpid(tracer, NULL, WNOHANG) == tracer)
			return false;
		clock_sleep_ms(10);
	}
	return false;
}

static void stop_trace(void)
{
	(void)kill(tracer, SIGINT); // it lets go of the child, which goes on
	(void)waitpid(tracer, NULL, 0);
}

// ---- the corpus -----------------------------------------------------------------------------------------------------

struct corpus {
	size_t files;
};

// One file, whole, in all formats that are made; a child that a bomb has ended is not replaced in mid-trace.
static void run_bytes(struct corpus *corpus, const char *name, const void *bytes, size_t length)
{
	struct rig_result result;

	rig_run(&rig, bytes, length, &result);
	if (result.rc != RC_OK)
		fail_msg("%s: %s", name, result.err.text);
	if (result.outcome.sandbox_killed)
		fail_msg("%s needs a system call that is not on the list: %s; the end of the trace is in %s", name,
		         result.outcome.detail, trace_path);
	if (!child_is_alive(rig.child))
		fail_msg("%s ended the child: %s", name, result.outcome.detail);
	rig_result_done(&result);
	corpus->files++;
}

static void run_file(struct corpus *corpus, const char *folder, const char *name)
{
	uint8_t *bytes = NULL;
	size_t length = 0;

	if (!rig_read(folder, name, &bytes, &length))
		return;
	run_bytes(corpus, name, bytes, length);
	run_bytes(corpus, name, bytes, length * 2 / 3); // and without its end
	free(bytes);
}

static void run_folder(struct corpus *corpus, const char *folder)
{
	DIR *files = opendir(folder);
	const struct dirent *entry;

	while (files != NULL && (entry = readdir(files)) != NULL) {
		if (entry->d_name[0] != '.')
			run_file(corpus, folder, entry->d_name);
	}
	if (files != NULL)
		(void)closedir(files);
}

static void run_bombs(struct corpus *corpus)
{
	for (size_t i = 0; i < bomb_count; i++) {
		struct buffer file;

		buffer_init(&file, BOMB_BYTES_MOST);
		bombs[i].make(&file);
		run_bytes(corpus, bombs[i].name, file.data, file.length);
		buffer_done(&file);
	}
}

static void run_corpus(struct corpus *corpus)
{
	static const char *const of_avif[] = { "progressive.jpg", "alpha-interlaced.png", "still.avif" };
	const struct wire_job before = rig.job;

	rig.job.keep_position = true;
	run_folder(corpus, "tests/pictures");
	run_bombs(corpus);
	run_file(corpus, RIG_SAMPLES, "dunes-exif6.jpg");
	run_file(corpus, RIG_SAMPLES, "aurora.webp");
	if (!rig_skip_without_data())
		run_file(corpus, RIG_DATA "/phones", "Nokia_Lumia_800.jpg");
	rig.job.encoding_count = 1;
	rig.job.encodings[0] = (struct wire_encoding){ FORMAT_AVIF, 50, 0 };
	for (size_t i = 0; i < LENGTH_OF(of_avif); i++)
		run_file(corpus, "tests/pictures", of_avif[i]);
	rig.job = before;
}

// ---- the list -------------------------------------------------------------------------------------------------------

#define NUMBERS 512

// "1234  read(3, ...": the names of the calls, by their numbers.
static void read_trace(bool ret_used[NUMBERS])
{
	char line[4096];
	CLEANUP(close_stream) FILE *stream = fopen(trace_path, "re");

	assert_non_null(stream);
	while (fgets(line, sizeof line, stream) != NULL) {
		char name[64];
		int number;

		if (sscanf(line, "%*d %63[a-z0-9_](", name) != 1)
			continue;
		number = seccomp_syscall_resolve_name(name);
		if (number >= 0 && number < NUMBERS)
			ret_used[number] = true;
	}
}

static const char *why_unused(const char *name)
{
	for (size_t i = 0; i < LENGTH_OF(unused); i++)
		if (strcmp(unused[i].name, name) == 0)
			return unused[i].why;
	return NULL;
}

// Each call of the list was used, or has its reason; the trace is kept when that is not so.
static void check_list(bool opens_files, const bool used[NUMBERS])
{
	int allowed[SANDBOX_CALLS_MOST];
	size_t count = sandbox_list_calls(opens_files, allowed), unexplained = 0;

	print_message("used:");
	for (size_t i = 0; i < count; i++) {
		char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, allowed[i]);

		assert_non_null(name);
		if (used[allowed[i]])
			print_message(" %s", name);
		else if (why_unused(name) == NULL)
			unexplained++, print_message(" [%s is allowed, and not used]", name);
		free(name);
	}
	print_message("\n");
	assert_int_equal(unexplained, 0);
	assert_true(used[SCMP_SYS(mmap)] && used[SCMP_SYS(recvmsg)]); // the trace did see it
}

static void run_profile(const char *profile, void (*run)(struct corpus *corpus), bool ret_used[NUMBERS])
{
	struct corpus corpus = { 0 };

	rig_done(&rig);
	rig.config.profile = profile;
	if (!start_trace()) {
		print_message("SKIPPED: strace may not trace here\n");
		skip();
	}
	run(&corpus);
	stop_trace();
	read_trace(ret_used);
	print_message("%s: %zu runs\n", profile, corpus.files);
}

static void the_list_is_what_pictures_need(void **state)
{
	bool used[NUMBERS] = { false };

	(void)state;
	run_profile("photo", run_corpus, used);
	check_list(false, used);
	(void)unlink(trace_path); // kept when it is needed
}

// ---- documents ------------------------------------------------------------------------------------------------------

#define SECRET "/etc/passwd"

static void run_document_bombs(struct corpus *corpus)
{
	for (size_t i = 0; i < document_bomb_count; i++) {
		struct buffer file;

		if (document_bombs[i].reason == REASON_DECODE_TIMEOUT || document_bombs[i].any_end)
			continue; // what may end the child
		buffer_init(&file, DOCUMENT_BYTES_MOST);
		document_bombs[i].make(&file);
		run_bytes(corpus, document_bombs[i].name, file.data, file.length);
		buffer_done(&file);
	}
}

static void run_documents(struct corpus *corpus)
{
	static const char *const fonts[] = { "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf", NULL };
	// In fonts that the warm-up has not met.
	static const char svg[] = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 200 100'><text y='50' "
	                          "font-family='monospace' font-weight='bold'>a</text><text y='90' font-family='serif' "
	                          "font-style='italic'>\xd7\x90\xe4\xb8\xad</text></svg>";
	const struct wire_job before = rig.job;
	struct buffer file;

	buffer_init(&file, DOCUMENT_BYTES_MOST);
	run_bytes(corpus, "svg", svg, sizeof svg - 1);
	for (size_t i = 0; i < LENGTH_OF(fonts); i++) {
		buffer_clear(&file);
		assert_true(document_make_text(fonts[i], &file));
		run_bytes(corpus, "text", file.data, file.length);
		run_bytes(corpus, "text", file.data, file.length * 2 / 3);
	}
	run_file(corpus, "samples/documents", "lamp.svg");
	run_file(corpus, "samples/documents", "leaflet.pdf");
	run_document_bombs(corpus);
	rig.job.step_count = 1;
	for (size_t i = 0; i < reference_count; i++) {
		rig.job.encodings[0].format = i % 2 == 0 ? FORMAT_JPEG : FORMAT_AVIF;
		buffer_clear(&file);
		document_make_reference(&references[i], "file://" SECRET, &file);
		run_bytes(corpus, references[i].name, file.data, file.length);
		buffer_clear(&file);
		document_make_reference(&references[i], SECRET, &file);
		run_bytes(corpus, references[i].name, file.data, file.length);
	}
	buffer_done(&file);
	rig.job = before;
}

// No file but fonts was opened, and nothing that a document names was even tried.
static void check_opened(void)
{
	static const char *const folders[] = { "/usr/share/fonts", "/usr/share/poppler" };
	char line[4096];
	CLEANUP(close_stream) FILE *stream = fopen(trace_path, "re");
	size_t fonts = 0;

	assert_non_null(stream);
	while (fgets(line, sizeof line, stream) != NULL) {
		const char *path = strstr(line, "openat(AT_FDCWD, \"");
		bool is_font = false;

		if (strstr(line, SECRET) != NULL)
			fail_msg("tried: %s", line);
		if (path == NULL || strstr(line, "= -1 ") != NULL)
			continue;
		path = strchr(path, '"') + 1;
		for (size_t i = 0; i < LENGTH_OF(folders); i++)
			is_font |= strncmp(path, folders[i], strlen(folders[i])) == 0;
		if (!is_font)
			fail_msg("opened: %s", line);
		fonts++;
	}
	print_message("%zu fonts and encodings opened\n", fonts);
	assert_true(fonts > 0);
}

static void the_list_is_what_documents_need(void **state)
{
	bool used[NUMBERS] = { false };

	(void)state;
	run_profile("document", run_documents, used);
	check_list(true, used);
	check_opened();
	(void)unlink(trace_path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_list_is_what_pictures_need),
		cmocka_unit_test(the_list_is_what_documents_need),
	};

	return cmocka_run_group_tests(tests, open_rig, close_rig);
}
