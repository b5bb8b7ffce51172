// EXIF in packets: signed numbers travel as their distance from the least.
#include "transcoder/wire/exif.h"

#include "transcoder/wire/packet.h"

static void put_signed(struct packet *packet, int value, int most)
{
	packet_put_u32(packet, (uint32_t)(value + most));
}

static int get_signed(struct packet *packet, int most)
{
	return (int)packet_get_range(packet, 0, 2 * (uint32_t)most) - most;
}

static void put_ratio(struct packet *packet, const struct wire_ratio *ratio)
{
	packet_put_u32(packet, ratio->above);
	packet_put_u32(packet, ratio->below);
}

static void get_ratio(struct packet *packet, struct wire_ratio *ret_ratio)
{
	ret_ratio->above = packet_get_u32(packet);
	ret_ratio->below = packet_get_u32(packet);
	if (ret_ratio->below == 0 && ret_ratio->above != 0)
		packet->failed = true;
}

static void put_time(struct packet *packet, const struct wire_exif *exif)
{
	packet_put_bool(packet, exif->has_time);
	if (!exif->has_time)
		return;
	packet_put_u64(packet, (uint64_t)(exif->local_seconds - WIRE_EXIF_LEAST_SECONDS));
	packet_put_bool(packet, exif->has_offset);
	if (exif->has_offset)
		put_signed(packet, exif->offset_minutes, WIRE_EXIF_OFFSET_MOST);
}

static void get_time(struct packet *packet, struct wire_exif *ret_exif)
{
	uint64_t seconds;

	ret_exif->has_time = packet_get_bool(packet);
	if (!ret_exif->has_time)
		return;
	seconds = packet_get_u64(packet);
	if (seconds > WIRE_EXIF_MOST_SECONDS - WIRE_EXIF_LEAST_SECONDS) {
		packet->failed = true;
		return;
	}
	ret_exif->local_seconds = (int64_t)seconds + WIRE_EXIF_LEAST_SECONDS;
	ret_exif->has_offset = packet_get_bool(packet);
	if (ret_exif->has_offset)
		ret_exif->offset_minutes = get_signed(packet, WIRE_EXIF_OFFSET_MOST);
}

static void put_position(struct packet *packet, const struct wire_exif *exif)
{
	packet_put_bool(packet, exif->has_position);
	if (!exif->has_position)
		return;
	put_signed(packet, exif->latitude_e6, WIRE_EXIF_LATITUDE_MOST);
	put_signed(packet, exif->longitude_e6, WIRE_EXIF_LONGITUDE_MOST);
	packet_put_bool(packet, exif->has_altitude);
	if (exif->has_altitude)
		put_signed(packet, exif->altitude_mm, WIRE_EXIF_ALTITUDE_MOST);
}

static void get_position(struct packet *packet, struct wire_exif *ret_exif)
{
	ret_exif->has_position = packet_get_bool(packet);
	if (!ret_exif->has_position)
		return;
	ret_exif->latitude_e6 = get_signed(packet, WIRE_EXIF_LATITUDE_MOST);
	ret_exif->longitude_e6 = get_signed(packet, WIRE_EXIF_LONGITUDE_MOST);
	ret_exif->has_altitude = packet_get_bool(packet);
	if (ret_exif->has_altitude)
		ret_exif->altitude_mm = get_signed(packet, WIRE_EXIF_ALTITUDE_MOST);
}

void wire_put_exif(struct packet *packet, const struct wire_exif *exif)
{
	put_time(packet, exif);
	packet_put_text(packet, exif->make, sizeof(exif->make));
	packet_put_text(packet, exif->model, sizeof(exif->model));
	packet_put_text(packet, exif->lens, sizeof(exif->lens));
	put_ratio(packet, &exif->exposure);
	put_ratio(packet, &exif->f_number);
	put_ratio(packet, &exif->focal_length);
	packet_put_u32(packet, exif->focal_length_35mm);
	packet_put_u32(packet, exif->iso);
	put_position(packet, exif);
}

void wire_get_exif(struct packet *packet, struct wire_exif *ret_exif)
{
	*ret_exif = (struct wire_exif){ 0 };
	get_time(packet, ret_exif);
	packet_get_text(packet, ret_exif->make, sizeof(ret_exif->make));
	packet_get_text(packet, ret_exif->model, sizeof(ret_exif->model));
	packet_get_text(packet, ret_exif->lens, sizeof(ret_exif->lens));
	get_ratio(packet, &ret_exif->exposure);
	get_ratio(packet, &ret_exif->f_number);
	get_ratio(packet, &ret_exif->focal_length);
	ret_exif->focal_length_35mm = packet_get_u32(packet);
	ret_exif->iso = packet_get_u32(packet);
	get_position(packet, ret_exif);
}
