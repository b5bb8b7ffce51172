// What a picture's EXIF says that we keep: when, with what, how, and where if the job asked for that. Part of FACTS.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct packet;

#define WIRE_EXIF_MAKER_SIZE 65 // with its NUL
#define WIRE_EXIF_LENS_SIZE 129
#define WIRE_EXIF_LEAST_SECONDS (-4417977600) // 1830
#define WIRE_EXIF_MOST_SECONDS 7258118400     // 2200
#define WIRE_EXIF_OFFSET_MOST (14 * 60)       // minutes; no place on earth is further from UTC
#define WIRE_EXIF_LATITUDE_MOST 90000000      // millionths of a degree
#define WIRE_EXIF_LONGITUDE_MOST 180000000
#define WIRE_EXIF_ALTITUDE_MOST 100000000 // millimetres

// A fraction; below is 0 when the file does not say.
struct wire_ratio {
	uint32_t above;
	uint32_t below;
};

struct wire_exif {
	bool has_time;
	int64_t local_seconds; // of the camera's own clock, as if that were UTC, since 1970
	bool has_offset;       // only with has_time
	int offset_minutes;    // of that clock from UTC, east positive
	// Printable ASCII; "" when the file does not say.
	char make[WIRE_EXIF_MAKER_SIZE];
	char model[WIRE_EXIF_MAKER_SIZE];
	char lens[WIRE_EXIF_LENS_SIZE];
	struct wire_ratio exposure;     // seconds
	struct wire_ratio f_number;     // focal length / aperture
	struct wire_ratio focal_length; // millimetres
	uint32_t focal_length_35mm;     // millimetres, as of a 36 x 24 mm sensor; 0: unknown
	uint32_t iso;                   // 0: unknown
	bool has_position;
	int latitude_e6; // millionths of a degree, north and east positive
	int longitude_e6;
	bool has_altitude; // only with has_position
	int altitude_mm;   // above sea level
};

// As packet.h's: getting fails the packet for anything out of range.
void wire_put_exif(struct packet *packet, const struct wire_exif *exif);
void wire_get_exif(struct packet *packet, struct wire_exif *ret_exif);
