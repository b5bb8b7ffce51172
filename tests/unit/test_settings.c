// base/settings and base/file: where values come from, and what is refused with which words.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/settings.h"
#include "tests/unit/cmocka_all.h"

static char folder[] = "/tmp/safelight-settings-XXXXXX";
static char config_path[64];
static char secret_path[64];

static void write_file(const char *path, const char *text, mode_t mode)
{
	(void)unlink(path);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void defaults_work_without_a_file(void **state)
{
	(void)state;
	struct settings *settings;
	struct err err = { 0 };
	assert_int_equal(settings_load(NULL, &settings, &err), RC_OK);
	assert_int_equal(settings->database_port, 8087);
	assert_int_equal(settings->ingest_max_upload_bytes, 5LL << 30);
	assert_true(settings->edge_gallery);
	assert_int_equal(settings->pool_count, 1);
	assert_string_equal(settings_find_pool(settings, "fast")->name, "fast");
	assert_null(settings_find_pool(settings, "slow"));
	settings_free(settings);
}

static void file_then_environment_win(void **state)
{
	(void)state;
	char text[400];
	write_file(secret_path, "s3cret\n", 0600);
	(void)snprintf(text, sizeof text,
	               "; comment\n[database]\nport = 5432\n[bus]\ntoken_file = %s\n[edge]\ngallery = false\n"
	               "[pool.fast]\nworkers = 3\n[pool.slow]\nnice = 5\n",
	               secret_path);
	write_file(config_path, text, 0644);
	setenv("SAFELIGHT_DATABASE_PORT", "6000", 1);
	setenv("SAFELIGHT_POOL_SLOW_WORKERS", "4", 1);
	struct settings *settings;
	struct err err = { 0 };
	assert_int_equal(settings_load(config_path, &settings, &err), RC_OK);
	unsetenv("SAFELIGHT_DATABASE_PORT");
	unsetenv("SAFELIGHT_POOL_SLOW_WORKERS");
	assert_int_equal(settings->database_port, 6000);
	assert_string_equal(settings->bus_token, "s3cret");
	assert_false(settings->edge_gallery);
	assert_int_equal(settings->pool_count, 2);
	assert_int_equal(settings_find_pool(settings, "fast")->workers, 3);
	assert_int_equal(settings_find_pool(settings, "slow")->workers, 4);
	assert_int_equal(settings_find_pool(settings, "slow")->nice, 5);

	char *printed = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&printed, &length);
	settings_print(settings, out);
	(void)fclose(out);
	assert_null(strstr(printed, "s3cret"));
	assert_non_null(strstr(printed, "; token (set)"));
	assert_non_null(strstr(printed, "port = 6000"));
	free(printed);
	settings_free(settings);
}

static void what_is_wrong_is_named_with_file_and_line(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		const char *says;
	} ROWS[] = {
		{ "[database]\nprot = 1\n", ":2: [database] prot: there is no such option" },
		{ "[databse]\nport = 1\n", ":2: [databse] port: there is no such option" },
		{ "[database]\n\nport = 0\n", ":3: [database] port = 0: must be a whole number from 1 to 65535" },
		{ "[database]\nport = 12x\n", ":2: [database] port = 12x: must be" },
		{ "[database]\nport = 99999999999999999999\n", ":2: [database] port = 99" },
		{ "[edge]\ngallery = yes\n", ":2: [edge] gallery = yes: must be true or false" },
		{ "[database]\nport = 1\nport = 2\n", ":3: [database] port is given twice" },
		{ "[database]\nthis is not a pair\n", ":2: neither [section], key = value nor ; comment" },
		{ "[bus]\ntoken_file = /nonexistent/x\n", ":2: [bus] token_file: /nonexistent/x: No such file" },
		{ "[database]\nport_file = x\n", ":2: [database] port_file: there is no such option" },
		{ "[pool.Fast]\nworkers = 1\n", ":2: [pool.Fast]: a pool's name is" },
		{ "[pool.fast]\nworkers = 0\n", ":2: [pool] workers = 0: must be" },
	};
	for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
		struct settings *settings = NULL;
		struct err err = { 0 };
		write_file(config_path, ROWS[i].text, 0644);
		if (settings_load(config_path, &settings, &err) == RC_OK)
			fail_msg("row %zu was taken", i);
		if (strncmp(err.text, config_path, strlen(config_path)) != 0 || strstr(err.text, ROWS[i].says) == NULL)
			fail_msg("row %zu says: %s", i, err.text);
	}
}

static void secrets_of_others_are_not_opened(void **state)
{
	(void)state;
	char text[300];
	write_file(secret_path, "mine", 0600);
	(void)snprintf(text, sizeof text,
	               "[bus]\ntoken_file = %s\n[api]\ncursor_key = c\nrefresh_key_file = /nonexistent\n"
	               "[ingest]\nhook_token = h\nsecret_key = k\n",
	               secret_path);
	write_file(config_path, text, 0644);
	struct settings *settings;
	struct err err = { 0 };
	assert_int_equal(settings_load_for(config_path, "ingest.* bus.token", &settings, &err), RC_OK);
	assert_string_equal(settings->bus_token, "mine");
	assert_string_equal(settings->ingest_hook_token, "h");
	assert_string_equal(settings->ingest_secret_key, "k");
	assert_string_equal(settings->api_cursor_key, "");
	assert_string_equal(settings->api_refresh_key, "");
	settings_free(settings);
	assert_int_equal(settings_load(config_path, &settings, &err), RC_NOT_FOUND);
}

static void secrets_that_others_may_read_are_refused(void **state)
{
	(void)state;
	struct err err = { 0 };
	char *text = NULL;
	write_file(secret_path, "x", 0644);
	assert_int_equal(file_read_secret(secret_path, &text, &err), RC_DENIED);
	write_file(secret_path, "x\n", 0640);
	assert_int_equal(file_read_secret(secret_path, &text, &err), RC_OK);
	assert_string_equal(text, "x");
	free(text);
	assert_int_equal(file_read_secret("/nonexistent", &text, &err), RC_NOT_FOUND);
}

static void files_over_the_limit_are_refused(void **state)
{
	(void)state;
	struct err err = { 0 };
	char *data = NULL;
	size_t length = 0;
	write_file(secret_path, "12345", 0600);
	assert_int_equal(file_read(secret_path, 4, &data, &length, &err), RC_LIMIT);
	assert_int_equal(file_read(secret_path, 5, &data, &length, &err), RC_OK);
	assert_int_equal(length, 5);
	free(data);
}

static void sealed_memory_files_do_not_change(void **state)
{
	(void)state;
	struct err err = { 0 };
	int fd = -1;
	assert_int_equal(file_new_memory("test", &fd, &err), RC_OK);
	assert_int_equal(file_write_all(fd, "abc", 3, &err), RC_OK);
	assert_int_equal(file_seal(fd, &err), RC_OK);
	assert_int_equal(file_write_all(fd, "d", 1, &err), RC_INTERNAL);
	assert_int_not_equal(ftruncate(fd, 1), 0);
	close(fd);
}

int main(void)
{
	if (mkdtemp(folder) == NULL)
		return 1;
	(void)snprintf(config_path, sizeof config_path, "%s/safelight.conf", folder);
	(void)snprintf(secret_path, sizeof secret_path, "%s/secret", folder);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_work_without_a_file),
		cmocka_unit_test(file_then_environment_win),
		cmocka_unit_test(what_is_wrong_is_named_with_file_and_line),
		cmocka_unit_test(secrets_of_others_are_not_opened),
		cmocka_unit_test(secrets_that_others_may_read_are_refused),
		cmocka_unit_test(files_over_the_limit_are_refused),
		cmocka_unit_test(sealed_memory_files_do_not_change),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	(void)unlink(config_path);
	(void)unlink(secret_path);
	(void)rmdir(folder);
	return failed;
}
