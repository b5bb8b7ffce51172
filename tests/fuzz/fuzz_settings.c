// The configuration's file and the presets in it: whatever it says is taken as a whole or refused with its line.
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/settings.h"
#include "media/preset_set.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_presets(const struct settings *settings)
{
	struct preset_set *set = NULL;
	struct err err = { 0 };
	if (preset_set_new(settings, &set, &err) != RC_OK) {
		assert(err.text[0] != '\0');
		return;
	}
	for (size_t i = 0; i < set->count; i++) {
		struct preset_planned plan[PRESET_STEPS_MAX];
		const struct preset *preset = &set->presets[i];
		assert(preset->step_count <= PRESET_STEPS_MAX && preset->encoding_count <= PRESET_ENCODINGS_MAX);
		assert(!settings->cdn_on_demand || preset->on_demand_count == 0 ||
		       (preset_on_demand_formats(preset) & FORMAT_BIT(FORMAT_JPEG)) != 0);
		size_t count = preset_plan(preset, 3000, 1, plan);
		for (size_t j = 0; j < count; j++)
			assert(plan[j].size.width >= 1 && plan[j].size.height >= 1 &&
			       plan[j].size.width <= PRESET_MAX_SIDE && plan[j].size.height <= PRESET_MAX_SIDE);
	}
	preset_set_free(set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[64];
	struct settings *settings = NULL;
	struct err err = { 0 };
	int fd = memfd_create("settings", MFD_CLOEXEC);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size) {
		(void)close(fd);
		return 0;
	}
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	// No secrets: their files would be opened, wherever they lie.
	if (settings_load_for(path, "", &settings, &err) == RC_OK) {
		check_presets(settings);
		settings_free(settings);
	} else {
		assert(err.text[0] != '\0');
	}
	(void)close(fd);
	return 0;
}
