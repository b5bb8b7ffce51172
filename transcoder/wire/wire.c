// Encoding and strict decoding of the messages between supervisor and decoder.
#include "transcoder/wire/wire.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "transcoder/wire/packet.h"

// ---- JOB ----

static void put_job(struct packet *packet, const struct wire_job *job)
{
	assert(job->step_count <= WIRE_STEPS && job->encoding_count <= WIRE_ENCODINGS);
	packet_put_u64(packet, job->limits.max_pixels);
	packet_put_u32(packet, job->limits.max_side);
	packet_put_u32(packet, job->limits.max_frames);
	packet_put_u64(packet, job->limits.max_output_bytes);
	packet_put_u32(packet, job->limits.max_pages);
	packet_put_bool(packet, job->keep_position);
	packet_put_bool(packet, job->preview_first);
	packet_put_bool(packet, job->keep_copyright);
	packet_put_bool(packet, job->keep_profile);
	packet_put_bool(packet, job->has_focal);
	packet_put_u32(packet, job->focal_x);
	packet_put_u32(packet, job->focal_y);
	packet_put_u32(packet, job->step_count);
	for (size_t i = 0; i < job->step_count; i++) {
		packet_put_text(packet, job->steps[i].name, sizeof(job->steps[i].name));
		packet_put_u32(packet, job->steps[i].width);
		packet_put_u32(packet, job->steps[i].height);
		packet_put_u32(packet, (uint32_t)job->steps[i].fit);
		packet_put_u32(packet, (uint32_t)job->steps[i].focus);
		packet_put_u32(packet, job->steps[i].background);
		packet_put_u32(packet, job->steps[i].sharpen);
	}
	packet_put_u32(packet, job->encoding_count);
	for (size_t i = 0; i < job->encoding_count; i++) {
		packet_put_u32(packet, (uint32_t)job->encodings[i].format);
		packet_put_u32(packet, job->encodings[i].quality);
		packet_put_u32(packet, job->encodings[i].effort);
	}
}

// A variant's name is part of an object key: lower-case letters, digits, '-' and '_' only.
static void get_name(struct packet *packet, char ret_name[WIRE_NAME_SIZE])
{
	packet_get_text(packet, ret_name, WIRE_NAME_SIZE);
	if (ret_name[0] == '\0' || ret_name[strspn(ret_name, "abcdefghijklmnopqrstuvwxyz0123456789_-")] != '\0')
		packet->failed = true;
}

static void get_steps(struct packet *packet, struct wire_job *ret_job)
{
	ret_job->step_count = packet_get_range(packet, 1, WIRE_STEPS);
	for (size_t i = 0; i < ret_job->step_count; i++) {
		struct preset_step *step = &ret_job->steps[i];

		get_name(packet, step->name);
		step->width = packet_get_range(packet, 1, PRESET_MAX_SIDE);
		step->height = packet_get_range(packet, 0, PRESET_MAX_SIDE);
		step->fit = (enum preset_fit)packet_get_range(packet, PRESET_INSIDE, PRESET_CONTAIN);
		step->focus = (enum preset_focus)packet_get_range(packet, PRESET_ATTENTION, PRESET_CENTRE);
		step->background = packet_get_range(packet, 0, 0xffffff);
		step->sharpen = packet_get_range(packet, 0, PRESET_SHARPEN_MOST);
		if ((step->fit == PRESET_INSIDE) != (step->height == 0))
			packet->failed = true;
		for (size_t j = 0; j < i; j++) {
			if (strcmp(step->name, ret_job->steps[j].name) == 0)
				packet->failed = true;
		}
	}
}

// A format in which variants are made.
static enum media_format get_output_format(struct packet *packet)
{
	enum media_format format = (enum media_format)packet_get_range(packet, 0, MEDIA_FORMAT_COUNT - 1);

	if ((FORMAT_BIT(format) & FORMAT_SET_DELIVERY) == 0)
		packet->failed = true;
	return format;
}

static void get_encodings(struct packet *packet, struct wire_job *ret_job)
{
	ret_job->encoding_count = packet_get_range(packet, 1, WIRE_ENCODINGS);
	for (size_t i = 0; i < ret_job->encoding_count; i++) {
		struct wire_encoding *encoding = &ret_job->encodings[i];

		encoding->format = get_output_format(packet);
		encoding->quality = packet_get_range(packet, 1, 100);
		encoding->effort = packet_get_range(packet, 0, 9);
		for (size_t j = 0; j < i; j++) {
			if (encoding->format == ret_job->encodings[j].format)
				packet->failed = true;
		}
	}
}

static void get_job(struct packet *packet, struct wire_job *ret_job)
{
	ret_job->limits.max_pixels = packet_get_u64(packet);
	ret_job->limits.max_side = packet_get_u32(packet);
	ret_job->limits.max_frames = packet_get_u32(packet);
	ret_job->limits.max_output_bytes = packet_get_u64(packet);
	ret_job->limits.max_pages = packet_get_u32(packet);
	ret_job->keep_position = packet_get_bool(packet);
	ret_job->preview_first = packet_get_bool(packet);
	ret_job->keep_copyright = packet_get_bool(packet);
	ret_job->keep_profile = packet_get_bool(packet);
	ret_job->has_focal = packet_get_bool(packet);
	ret_job->focal_x = packet_get_range(packet, 0, WIRE_FOCAL_MOST);
	ret_job->focal_y = packet_get_range(packet, 0, WIRE_FOCAL_MOST);
	get_steps(packet, ret_job);
	get_encodings(packet, ret_job);
}

// ---- what the decoder says ----

static void put_ready(struct packet *packet, const struct wire_ready *ready)
{
	packet_put_u32(packet, ready->layers);
	packet_put_u32(packet, ready->landlock_abi);
	packet_put_u32(packet, ready->warm_up_ms);
	packet_put_text(packet, ready->codecs, sizeof(ready->codecs));
}

static void get_ready(struct packet *packet, struct wire_ready *ret_ready)
{
	ret_ready->layers = packet_get_u32(packet);
	ret_ready->landlock_abi = packet_get_u32(packet);
	ret_ready->warm_up_ms = packet_get_u32(packet);
	packet_get_text(packet, ret_ready->codecs, sizeof(ret_ready->codecs));
}

static void put_facts(struct packet *packet, const struct wire_facts *facts)
{
	assert(facts->thumbhash_length <= WIRE_THUMBHASH_BYTES);
	packet_put_u32(packet, facts->width);
	packet_put_u32(packet, facts->height);
	packet_put_u32(packet, facts->frames);
	packet_put_u32(packet, facts->pages);
	packet_put_u32(packet, facts->orientation);
	packet_put_bool(packet, facts->has_alpha);
	packet_put_u32(packet, (uint32_t)facts->source);
	packet_put_u32(packet, facts->dominant_rgb);
	packet_put_u32(packet, facts->thumbhash_length);
	packet_put_bytes(packet, facts->thumbhash, facts->thumbhash_length);
	packet_put_text(packet, facts->blurhash, sizeof(facts->blurhash));
	packet_put_bool(packet, facts->has_likeness);
	packet_put_u64(packet, facts->likeness);
	wire_put_exif(packet, &facts->exif);
}

// Of the base-83 alphabet, and whole or not there.
static void get_blurhash(struct packet *packet, char ret_hash[WIRE_BLURHASH_SIZE])
{
	size_t length;

	packet_get_text(packet, ret_hash, WIRE_BLURHASH_SIZE);
	length = strlen(ret_hash);
	if ((length != 0 && length != WIRE_BLURHASH_SIZE - 1) || strcspn(ret_hash, " !\"&'()/<>\\`") != length)
		packet->failed = true;
}

static void get_facts(struct packet *packet, struct wire_facts *ret_facts)
{
	ret_facts->width = packet_get_range(packet, 1, WIRE_SIDE_MOST);
	ret_facts->height = packet_get_range(packet, 1, WIRE_SIDE_MOST);
	ret_facts->frames = packet_get_range(packet, 1, UINT32_MAX);
	ret_facts->pages = packet_get_range(packet, 1, UINT32_MAX);
	ret_facts->orientation = packet_get_range(packet, 1, 8);
	ret_facts->has_alpha = packet_get_bool(packet);
	ret_facts->source = (enum media_format)packet_get_range(packet, 0, MEDIA_FORMAT_COUNT - 1);
	if (!media_format_info(ret_facts->source)->is_input)
		packet->failed = true;
	ret_facts->dominant_rgb = packet_get_range(packet, 0, 0xffffff);
	ret_facts->thumbhash_length = packet_get_range(packet, 0, WIRE_THUMBHASH_BYTES);
	packet_get_bytes(packet, ret_facts->thumbhash, ret_facts->thumbhash_length);
	get_blurhash(packet, ret_facts->blurhash);
	ret_facts->has_likeness = packet_get_bool(packet);
	ret_facts->likeness = packet_get_u64(packet);
	wire_get_exif(packet, &ret_facts->exif);
}

static void put_variant(struct packet *packet, const struct wire_variant *variant)
{
	packet_put_text(packet, variant->name, sizeof(variant->name));
	packet_put_u32(packet, (uint32_t)variant->format);
	packet_put_u32(packet, variant->width);
	packet_put_u32(packet, variant->height);
	packet_put_u64(packet, variant->bytes);
}

static void get_variant(struct packet *packet, struct wire_variant *ret_variant)
{
	get_name(packet, ret_variant->name);
	ret_variant->format = get_output_format(packet);
	ret_variant->width = packet_get_range(packet, 1, PRESET_MAX_SIDE);
	ret_variant->height = packet_get_range(packet, 1, PRESET_MAX_SIDE);
	ret_variant->bytes = packet_get_u64(packet);
}

static void put_done(struct packet *packet, const struct wire_done *done)
{
	packet_put_u64(packet, done->preview_us);
	packet_put_u64(packet, done->decode_us);
	packet_put_u64(packet, done->encode_us);
	packet_put_u64(packet, done->total_us);
	packet_put_u64(packet, done->peak_bytes);
}

static void get_done(struct packet *packet, struct wire_done *ret_done)
{
	ret_done->preview_us = packet_get_u64(packet);
	ret_done->decode_us = packet_get_u64(packet);
	ret_done->encode_us = packet_get_u64(packet);
	ret_done->total_us = packet_get_u64(packet);
	ret_done->peak_bytes = packet_get_u64(packet);
}

static void put_failed(struct packet *packet, const struct wire_failed *failed)
{
	packet_put_u32(packet, (uint32_t)failed->reason);
	packet_put_text(packet, failed->detail, sizeof(failed->detail));
}

static void get_failed(struct packet *packet, struct wire_failed *ret_failed)
{
	ret_failed->reason = (enum media_reason)packet_get_range(packet, REASON_NONE + 1, MEDIA_REASON_COUNT - 1);
	packet_get_text(packet, ret_failed->detail, sizeof(ret_failed->detail));
}

// ---- messages ----

static void put_body(struct packet *packet, const struct wire_message *message)
{
	switch (message->type) {
	case WIRE_JOB:
		put_job(packet, &message->body.order);
		return;
	case WIRE_READY:
		put_ready(packet, &message->body.ready);
		return;
	case WIRE_FACTS:
		put_facts(packet, &message->body.facts);
		return;
	case WIRE_VARIANT:
		put_variant(packet, &message->body.variant);
		return;
	case WIRE_DONE:
		put_done(packet, &message->body.done);
		return;
	case WIRE_FAILED:
		put_failed(packet, &message->body.failed);
		return;
	}
	assert(!"unknown message type");
}

static void get_body(struct packet *packet, struct wire_message *ret_message)
{
	switch (ret_message->type) {
	case WIRE_JOB:
		get_job(packet, &ret_message->body.order);
		return;
	case WIRE_READY:
		get_ready(packet, &ret_message->body.ready);
		return;
	case WIRE_FACTS:
		get_facts(packet, &ret_message->body.facts);
		return;
	case WIRE_VARIANT:
		get_variant(packet, &ret_message->body.variant);
		return;
	case WIRE_DONE:
		get_done(packet, &ret_message->body.done);
		return;
	case WIRE_FAILED:
		get_failed(packet, &ret_message->body.failed);
		return;
	}
	packet->failed = true;
}

size_t wire_encode(const struct wire_message *message, uint8_t ret_bytes[WIRE_PACKET_BYTES])
{
	struct packet body = packet_writer(ret_bytes + WIRE_HEADER_BYTES, WIRE_PACKET_BYTES - WIRE_HEADER_BYTES);
	struct packet header = packet_writer(ret_bytes, WIRE_HEADER_BYTES);

	put_body(&body, message);
	assert(!body.failed);
	packet_put_u32(&header, WIRE_MAGIC);
	packet_put_u16(&header, WIRE_VERSION);
	packet_put_u16(&header, (uint16_t)message->type);
	packet_put_u32(&header, (uint32_t)body.length);
	packet_put_u64(&header, message->job);
	assert(!header.failed && header.length == WIRE_HEADER_BYTES);
	return WIRE_HEADER_BYTES + body.length;
}

enum rc wire_decode(const uint8_t *bytes, size_t length, struct wire_message *ret_message, struct err *err)
{
	struct packet packet = packet_reader(bytes, length);
	struct wire_message message = { 0 };
	uint32_t magic, body_length;
	uint16_t version, type;

	magic = packet_get_u32(&packet);
	version = packet_get_u16(&packet);
	type = packet_get_u16(&packet);
	body_length = packet_get_u32(&packet);
	message.job = packet_get_u64(&packet);
	if (packet.failed || magic != WIRE_MAGIC)
		return err_set(err, RC_CORRUPT, "not a decoder message (%zu bytes)", length);
	if (version != WIRE_VERSION)
		return err_set(err, RC_CORRUPT, "decoder message of version %u, this is %u", version, WIRE_VERSION);
	if (length != WIRE_HEADER_BYTES + (size_t)body_length)
		return err_set(err, RC_CORRUPT, "decoder message of %zu bytes claims %u", length, body_length);
	message.type = (enum wire_type)type;
	get_body(&packet, &message);
	if (!packet_at_end(&packet))
		return err_set(err, RC_CORRUPT, "decoder message of type %u is malformed", type);
	*ret_message = message;
	return RC_OK;
}

size_t wire_plan(const struct wire_job *job, uint32_t width, uint32_t height, struct wire_planned ret_plan[WIRE_STEPS])
{
	struct preset preset = { .name = "job", .step_count = job->step_count };
	struct preset_planned planned[PRESET_STEPS_MAX];
	size_t count;

	memcpy(preset.steps, job->steps, sizeof(preset.steps));
	count = preset_plan(&preset, width, height, planned);
	for (size_t i = 0; i < count; i++)
		ret_plan[i] = (struct wire_planned){ &job->steps[planned[i].step - preset.steps], planned[i].size };
	return count;
}

void wire_layers_text(uint32_t layers, char *ret_text, size_t size)
{
	static const struct {
		uint32_t layer;
		const char *name;
	} names[] = {
		{ WIRE_LAYER_NO_NEW_PRIVILEGES, "no_new_privileges" },
		{ WIRE_LAYER_SECCOMP, "seccomp" },
		{ WIRE_LAYER_LANDLOCK, "landlock" },
		{ WIRE_LAYER_LANDLOCK_NETWORK, "landlock_network" },
		{ WIRE_LAYER_LANDLOCK_SCOPE, "landlock_scope" },
		{ WIRE_LAYER_EMPTY_ROOT, "empty_root" },
		{ WIRE_LAYER_NAMESPACES, "namespaces" },
		{ WIRE_LAYER_UID, "uid" },
		{ WIRE_LAYER_LIMITS, "limits" },
		{ WIRE_LAYER_NO_NEW_CODE, "no_new_code" },
	};
	size_t length = 0;

	ret_text[0] = '\0';
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int written;

		if ((layers & names[i].layer) == 0)
			continue;
		written = snprintf(ret_text + length, size - length, "%s%s", length > 0 ? "," : "", names[i].name);
		if (written < 0 || (size_t)written >= size - length)
			return;
		length += (size_t)written;
	}
}
