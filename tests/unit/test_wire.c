// The messages between supervisor and decoder: every field survives, and nothing malformed gets through.
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/cmocka_all.h"
#include "transcoder/wire/channel.h"
#include "transcoder/wire/packet.h"
#include "transcoder/wire/wire.h"

static struct wire_message make_job(void)
{
	struct wire_message message = { .type = WIRE_JOB, .job = 0x1122334455667788 };

	message.body.order = (struct wire_job){
		.limits = { 100000000, 30000, 200, 500, 64000000 },
		.keep_position = true,
		.preview_first = true,
		.keep_copyright = true,
		.has_focal = true,
		.focal_x = 10000,
		.focal_y = 2500,
		.step_count = 2,
		.steps = { { .name = "square",
		             .width = 160,
		             .height = 160,
		             .fit = PRESET_COVER,
		             .focus = PRESET_ENTROPY,
		             .sharpen = 7 },
		           { .name = "w-2_048", .width = 2048, .background = 0xfedcba } },
		.encoding_count = 2,
		.encodings = { { FORMAT_JPEG, 80, 0 }, { FORMAT_WEBP, 75, 4 } },
	};
	return message;
}

static struct wire_message make_facts(void)
{
	struct wire_message message = { .type = WIRE_FACTS, .job = 7 };

	message.body.facts = (struct wire_facts){
		.width = 4032,
		.height = 3024,
		.frames = 1,
		.pages = 1,
		.orientation = 6,
		.has_alpha = true,
		.source = FORMAT_HEIF,
		.dominant_rgb = 0x123456,
		.thumbhash_length = 5,
		.thumbhash = { 1, 2, 3, 4, 5 },
		.blurhash = "LkDbYh2M;yJ.iDa[jvaygZfSfRfP",
		.has_likeness = true,
		.likeness = 0xfedcba9876543210,
		.exif = { .has_time = true,
		          .local_seconds = -1,
		          .has_offset = true,
		          .offset_minutes = -210,
		          .make = "Lamp & Co",
		          .model = "L-1",
		          .lens = "Lens",
		          .exposure = { 1, 50 },
		          .f_number = { 18, 10 },
		          .focal_length = { 425, 100 },
		          .focal_length_35mm = 26,
		          .iso = 400,
		          .has_position = true,
		          .latitude_e6 = -64145867,
		          .longitude_e6 = 179999999,
		          .has_altitude = true,
		          .altitude_mm = -12345 },
	};
	return message;
}

static struct wire_message make_variant(void)
{
	struct wire_message message = { .type = WIRE_VARIANT, .job = 7 };

	message.body.variant = (struct wire_variant){ "w320", FORMAT_WEBP, 320, 240, 1234567890123 };
	return message;
}

static struct wire_message make_failed(void)
{
	struct wire_message message = { .type = WIRE_FAILED, .job = 7 };

	message.body.failed = (struct wire_failed){ REASON_TRUNCATED, "decode: premature end" };
	return message;
}

// Encode, decode, and compare the encoding of the copy: equal bytes mean equal fields.
static void assert_survives(struct wire_message message)
{
	uint8_t bytes[WIRE_PACKET_BYTES], again[WIRE_PACKET_BYTES];
	size_t length = wire_encode(&message, bytes);
	struct wire_message copy;
	struct err err = { 0 };

	if (wire_decode(bytes, length, &copy, &err) != RC_OK)
		fail_msg("%s", err.text);
	assert_int_equal(copy.type, message.type);
	assert_int_equal(copy.job, message.job);
	assert_int_equal(wire_encode(&copy, again), length);
	assert_memory_equal(again, bytes, length);
}

static void test_all_messages_survive(void **state)
{
	struct wire_message ready = { .type = WIRE_READY };
	struct wire_message done = { .type = WIRE_DONE, .job = 7, .body.done = { 1, 2, 3, 4, UINT64_MAX } };

	(void)state;
	ready.body.ready = (struct wire_ready){ WIRE_LAYER_SECCOMP | WIRE_LAYER_LANDLOCK, 7, 150, "vips 8.14.1" };
	assert_survives(make_job());
	assert_survives(ready);
	assert_survives(make_facts());
	assert_survives(make_variant());
	assert_survives(done);
	assert_survives(make_failed());
}

static void test_fields_arrive(void **state)
{
	struct wire_message message = make_job(), copy;
	uint8_t bytes[WIRE_PACKET_BYTES];
	size_t length = wire_encode(&message, bytes);
	const struct wire_job *job = &copy.body.order;

	(void)state;
	assert_int_equal(wire_decode(bytes, length, &copy, NULL), RC_OK);
	assert_int_equal(job->limits.max_pixels, 100000000);
	assert_int_equal(job->limits.max_frames, 200);
	assert_true(job->keep_position);
	assert_true(job->preview_first);
	assert_int_equal(job->step_count, 2);
	assert_string_equal(job->steps[1].name, "w-2_048");
	assert_int_equal(job->steps[1].width, 2048);
	assert_int_equal(job->steps[0].fit, PRESET_COVER);
	assert_int_equal(job->steps[0].focus, PRESET_ENTROPY);
	assert_int_equal(job->steps[0].sharpen, 7);
	assert_int_equal(job->steps[1].background, 0xfedcba);
	assert_int_equal(job->limits.max_pages, 500);
	assert_true(job->keep_copyright);
	assert_false(job->keep_profile);
	assert_true(job->has_focal);
	assert_int_equal(job->focal_x, 10000);
	assert_int_equal(job->focal_y, 2500);
	assert_int_equal(job->encodings[1].format, FORMAT_WEBP);
	assert_int_equal(job->encodings[1].effort, 4);
}

// A packet cut or lengthened anywhere is refused, also when its length field is made to agree.
static void test_exact_length_is_required(void **state)
{
	const struct wire_message messages[] = { make_job(), make_facts(), make_variant(), make_failed() };

	(void)state;
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		uint8_t bytes[WIRE_PACKET_BYTES + 1] = { 0 };
		size_t length = wire_encode(&messages[i], bytes);
		struct wire_message copy;

		for (size_t cut = 0; cut <= length + 1; cut++) {
			uint8_t changed[WIRE_PACKET_BYTES + 1];

			if (cut == length)
				continue;
			memcpy(changed, bytes, sizeof(changed));
			assert_int_equal(wire_decode(changed, cut, &copy, NULL), RC_CORRUPT);
			if (cut < WIRE_HEADER_BYTES)
				continue;
			changed[8] = (uint8_t)(cut - WIRE_HEADER_BYTES);
			changed[9] = (uint8_t)((cut - WIRE_HEADER_BYTES) >> 8);
			assert_int_equal(wire_decode(changed, cut, &copy, NULL), RC_CORRUPT);
		}
	}
}

static void test_header_is_checked(void **state)
{
	const size_t places[] = { 0, 4, 6, 8, 11 }; // magic, version, type, length
	struct wire_message message = make_failed(), copy;

	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		uint8_t bytes[WIRE_PACKET_BYTES];
		size_t length = wire_encode(&message, bytes);

		bytes[places[i]] ^= 0x40;
		assert_int_equal(wire_decode(bytes, length, &copy, NULL), RC_CORRUPT);
	}
}

static void assert_refused(struct wire_message message)
{
	uint8_t bytes[WIRE_PACKET_BYTES];
	size_t length = wire_encode(&message, bytes);
	struct wire_message copy = { .job = 99 };

	assert_int_equal(wire_decode(bytes, length, &copy, NULL), RC_CORRUPT);
	assert_int_equal(copy.job, 99); // written only on success
}

static void test_bad_jobs_are_refused(void **state)
{
	struct wire_message message;

	(void)state;
#define REFUSE(field, value)                      \
	do {                                      \
		message = make_job();             \
		message.body.order.field = value; \
		assert_refused(message);          \
	} while (0)
	REFUSE(step_count, 0);
	REFUSE(encoding_count, 0);
	REFUSE(steps[1].name[0], '\0');
	REFUSE(steps[1].name[0], '/');
	REFUSE(steps[1].name[0], 'W');
	REFUSE(steps[1].width, 0);
	REFUSE(steps[1].width, PRESET_MAX_SIDE + 1);
	REFUSE(steps[1].height, 5); // an inside step has none
	REFUSE(steps[0].height, 0); // a cover step has one
	REFUSE(steps[0].fit, (enum preset_fit)3);
	REFUSE(steps[0].focus, (enum preset_focus)3);
	REFUSE(steps[0].sharpen, 101);
	REFUSE(steps[1].background, 0x1000000);
	REFUSE(focal_x, 10001);
	REFUSE(focal_y, 10001);
	REFUSE(encodings[0].format, FORMAT_GIF);
	REFUSE(encodings[0].format, (enum media_format)MEDIA_FORMAT_COUNT);
	REFUSE(encodings[0].format, FORMAT_WEBP); // twice
	REFUSE(encodings[0].quality, 0);
	REFUSE(encodings[0].quality, 101);
	REFUSE(encodings[0].effort, 10);
#undef REFUSE
	message = make_job();
	memcpy(message.body.order.steps[1].name, "square", sizeof("square")); // twice
	assert_refused(message);
}

static void test_bad_answers_are_refused(void **state)
{
	struct wire_message message;

	(void)state;
#define REFUSE(make, field, value)          \
	do {                                \
		message = make();           \
		message.body.field = value; \
		assert_refused(message);    \
	} while (0)
	REFUSE(make_facts, facts.width, 0);
	REFUSE(make_facts, facts.height, WIRE_SIDE_MOST + 1);
	REFUSE(make_facts, facts.frames, 0);
	REFUSE(make_facts, facts.pages, 0);
	REFUSE(make_facts, facts.orientation, 0);
	REFUSE(make_facts, facts.orientation, 9);
	REFUSE(make_facts, facts.source, FORMAT_NONE);
	REFUSE(make_facts, facts.source, (enum media_format)MEDIA_FORMAT_COUNT);
	REFUSE(make_facts, facts.dominant_rgb, 0x1000000);
	REFUSE(make_facts, facts.blurhash[3], ' ');
	REFUSE(make_facts, facts.blurhash[3], '"');
	REFUSE(make_facts, facts.blurhash[27], '\0');
	REFUSE(make_facts, facts.exif.local_seconds, WIRE_EXIF_MOST_SECONDS + 1);
	REFUSE(make_facts, facts.exif.local_seconds, WIRE_EXIF_LEAST_SECONDS - 1);
	REFUSE(make_facts, facts.exif.offset_minutes, WIRE_EXIF_OFFSET_MOST + 1);
	REFUSE(make_facts, facts.exif.offset_minutes, -WIRE_EXIF_OFFSET_MOST - 1);
	REFUSE(make_facts, facts.exif.exposure.below, 0);
	REFUSE(make_facts, facts.exif.latitude_e6, WIRE_EXIF_LATITUDE_MOST + 1);
	REFUSE(make_facts, facts.exif.latitude_e6, -WIRE_EXIF_LATITUDE_MOST - 1);
	REFUSE(make_facts, facts.exif.longitude_e6, WIRE_EXIF_LONGITUDE_MOST + 1);
	REFUSE(make_facts, facts.exif.altitude_mm, -WIRE_EXIF_ALTITUDE_MOST - 1);
	REFUSE(make_variant, variant.format, FORMAT_PNG);
	REFUSE(make_variant, variant.width, 0);
	REFUSE(make_variant, variant.height, PRESET_MAX_SIDE + 1);
	REFUSE(make_variant, variant.name[0], '.');
	REFUSE(make_failed, failed.reason, REASON_NONE);
	REFUSE(make_failed, failed.reason, (enum media_reason)MEDIA_REASON_COUNT);
#undef REFUSE
}

// Text from a hostile sender comes out as printable ASCII, whatever the bytes.
static void test_text_is_made_harmless(void **state)
{
	struct wire_message message = make_failed(), copy;
	uint8_t bytes[WIRE_PACKET_BYTES];
	size_t length = wire_encode(&message, bytes);
	const size_t text = WIRE_HEADER_BYTES + 4 + 2;

	(void)state;
	bytes[text] = '\n';
	bytes[text + 1] = 0x1b;
	bytes[text + 2] = 0xe2;
	assert_int_equal(wire_decode(bytes, length, &copy, NULL), RC_OK);
	assert_memory_equal(copy.body.failed.detail, "???ode: premature end", sizeof("???ode: premature end"));
	bytes[text + 3] = '\0';
	assert_int_equal(wire_decode(bytes, length, &copy, NULL), RC_CORRUPT);
}

// Any single byte changed: refused or understood, never more (sanitizers watch for the rest).
static void test_any_byte_may_be_wrong(void **state)
{
	struct wire_message message = make_job(), copy;
	uint8_t bytes[WIRE_PACKET_BYTES], changed[WIRE_PACKET_BYTES];
	size_t length = wire_encode(&message, bytes), refused = 0;

	(void)state;
	for (size_t at = 0; at < length; at++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			memcpy(changed, bytes, length);
			changed[at] ^= (uint8_t)(1u << bit);
			refused += wire_decode(changed, length, &copy, NULL) != RC_OK;
		}
	}
	assert_in_range(refused, 200, 8 * length);
}

static void test_plan_is_the_presets(void **state)
{
	const struct wire_message message = make_job();
	struct wire_planned plan[WIRE_STEPS];

	(void)state;
	assert_int_equal(wire_plan(&message.body.order, 4032, 3024, plan), 2);
	assert_ptr_equal(plan[0].step, &message.body.order.steps[0]);
	assert_int_equal(plan[0].size.width, 160);
	assert_int_equal(plan[1].size.width, 2048);
	assert_int_equal(plan[1].size.height, 1536);
	assert_int_equal(wire_plan(&message.body.order, 100, 50, plan), 2);
	assert_int_equal(plan[0].size.height, 50);
	assert_int_equal(plan[1].size.width, 100);
}

static void test_layers_have_names(void **state)
{
	char text[64], small[9];

	(void)state;
	wire_layers_text(WIRE_LAYER_SECCOMP | WIRE_LAYER_UID, text, sizeof(text));
	assert_string_equal(text, "seccomp,uid");
	wire_layers_text(UINT32_MAX, small, sizeof(small));
	assert_int_equal(strlen(small), 8);
}

// ---- channel ----

static void make_channel(int ret_ends[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret_ends), 0);
}

static void test_channel_carries_message_and_file(void **state)
{
	struct wire_message message = make_variant(), copy;
	int ends[2], file = memfd_create("test", MFD_CLOEXEC), received = -1;
	char text[4] = "";

	(void)state;
	make_channel(ends);
	assert_int_equal(write(file, "abc", 3), 3);
	assert_int_equal(channel_send(ends[0], &message, file, deadline_after_ms(1000), NULL), RC_OK);
	assert_int_equal(channel_receive(ends[1], deadline_after_ms(1000), &copy, &received, NULL), RC_OK);
	assert_string_equal(copy.body.variant.name, "w320");
	assert_int_equal(pread(received, text, 3, 0), 3);
	assert_string_equal(text, "abc");
	assert_true(fcntl(received, F_GETFD) & FD_CLOEXEC);
	close(received);
	close(file);
	close(ends[0]);
	assert_int_equal(channel_receive(ends[1], deadline_after_ms(1000), &copy, &received, NULL), RC_UNAVAILABLE);
	assert_int_equal(channel_send(ends[1], &message, -1, deadline_after_ms(1000), NULL), RC_UNAVAILABLE);
	close(ends[1]);
}

static void test_channel_keeps_its_deadline(void **state)
{
	struct wire_message message = make_job(), copy;
	int ends[2], received;
	int64_t before = clock_monotonic_us();
	enum rc rc = RC_OK;

	(void)state;
	make_channel(ends);
	assert_int_equal(channel_receive(ends[0], deadline_after_ms(30), &copy, &received, NULL), RC_TIMEOUT);
	for (int i = 0; i < 10000 && rc == RC_OK; i++) // until nobody takes any more
		rc = channel_send(ends[0], &message, -1, deadline_after_ms(30), NULL);
	assert_int_equal(rc, RC_TIMEOUT);
	assert_in_range(clock_monotonic_us() - before, 60000, 5000000);
	close(ends[0]);
	close(ends[1]);
}

static int count_descriptors(void)
{
	int count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

// Send raw bytes with several descriptors, as a hostile child could.
static void send_raw(int socket, const void *bytes, size_t length, const int *fds, size_t count)
{
	struct iovec part = { .iov_base = (void *)bytes, .iov_len = length };
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(8 * sizeof(int))];
	} control = { .room = { 0 } };
	struct msghdr packet = { .msg_iov = &part, .msg_iovlen = 1 };

	if (count > 0) {
		packet.msg_control = control.room;
		packet.msg_controllen = CMSG_SPACE(count * sizeof(int));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(&control.header), fds, count * sizeof(int));
	}
	assert_int_equal(sendmsg(socket, &packet, 0), length);
}

static void test_channel_leaks_no_descriptor(void **state)
{
	struct wire_message message = make_variant(), copy;
	uint8_t bytes[WIRE_PACKET_BYTES];
	size_t length = wire_encode(&message, bytes);
	const size_t counts[] = { 1, 2, 4, 8 };
	int ends[2], fds[8], received, before;

	(void)state;
	make_channel(ends);
	for (size_t i = 0; i < 8; i++)
		fds[i] = ends[0];
	before = count_descriptors();
	send_raw(ends[0], "garbage", 7, fds, 1);
	assert_int_equal(channel_receive(ends[1], deadline_after_ms(1000), &copy, &received, NULL), RC_CORRUPT);
	send_raw(ends[0], "", 0, fds, 1);
	assert_int_equal(channel_receive(ends[1], deadline_after_ms(1000), &copy, &received, NULL), RC_CORRUPT);
	for (size_t i = 1; i < 4; i++) {
		send_raw(ends[0], bytes, length, fds, counts[i]);
		assert_int_equal(channel_receive(ends[1], deadline_after_ms(1000), &copy, &received, NULL), RC_CORRUPT);
	}
	assert_int_equal(count_descriptors(), before);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_messages_survive),
		cmocka_unit_test(test_fields_arrive),
		cmocka_unit_test(test_exact_length_is_required),
		cmocka_unit_test(test_header_is_checked),
		cmocka_unit_test(test_bad_jobs_are_refused),
		cmocka_unit_test(test_bad_answers_are_refused),
		cmocka_unit_test(test_text_is_made_harmless),
		cmocka_unit_test(test_any_byte_may_be_wrong),
		cmocka_unit_test(test_plan_is_the_presets),
		cmocka_unit_test(test_layers_have_names),
		cmocka_unit_test(test_channel_carries_message_and_file),
		cmocka_unit_test(test_channel_keeps_its_deadline),
		cmocka_unit_test(test_channel_leaks_no_descriptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
