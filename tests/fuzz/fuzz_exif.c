// EXIF blocks, and the same bytes as a TIFF file: whatever they say, what is taken from them can be sent to the
// supervisor, which believes it.
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/buffer.h"
#include "transcoder/decoder/exif.h"
#include "transcoder/decoder/tiff_exif.h"
#include "transcoder/wire/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_as_block(const uint8_t *data, size_t size)
{
	struct wire_exif exif, without, copy;
	uint8_t bytes[1024], again[1024];
	struct packet packet = packet_writer(bytes, sizeof bytes), reader, second = packet_writer(again, sizeof again);
	exif_read(data, size, true, &exif);
	wire_put_exif(&packet, &exif);
	assert(!packet.failed);
	reader = packet_reader(bytes, packet.length);
	wire_get_exif(&reader, &copy);
	assert(packet_at_end(&reader));
	wire_put_exif(&second, &copy);
	assert(second.length == packet.length && memcmp(bytes, again, second.length) == 0);
	exif_read(data, size, false, &without);
	assert(!without.has_position && !without.has_altitude && without.latitude_e6 == 0 && without.longitude_e6 == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buffer block;
	char text[100];
	read_as_block(data, size);
	buffer_init(&block, TIFF_EXIF_BYTES_MOST);
	tiff_exif_append(data, size, &block);
	assert(buffer_ok(&block)); // it is never longer
	if (block.length > 0)
		read_as_block((const uint8_t *)block.data, block.length);
	buffer_done(&block);
	if (tiff_exif_read_text(data, size, 0x013b, text, sizeof text))
		assert(text[0] != '\0' && strlen(text) < sizeof text);
	return 0;
}
