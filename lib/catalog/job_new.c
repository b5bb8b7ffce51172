// Jobs for the pools of a generation.
#include "catalog/job_new.h"

#include "base/json_write.h"

void job_new_write(const struct preset_pool *pools, size_t count, enum event_lane lane, const struct uuid *media_id,
                   uint32_t generation, struct buffer *out, struct event *events)
{
	struct json_write json;

	json_write_init(&json, out);
	json_write_array_begin(&json, NULL);
	for (size_t i = 0; i < count; i++) {
		struct uuid id = uuid_new();
		char text[UUID_TEXT_SIZE];

		uuid_format(&id, text);
		json_write_object_begin(&json, NULL);
		json_write_text(&json, "id", text);
		json_write_text(&json, "pool", pools[i].name);
		json_write_text(&json, "lane", event_lane_name(lane));
		json_write_bool(&json, "required", pools[i].required);
		json_write_object_end(&json);
		events[i] = catalog_job_event(&id, media_id, generation, pools[i].name, lane);
	}
	json_write_array_end(&json);
}
