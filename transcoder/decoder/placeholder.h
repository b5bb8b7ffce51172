// What stands in a picture's place until its thumbnail has come: ThumbHash, BlurHash and dominant
// colour; and the hash by which pictures that look alike are found.
#pragma once

#include <stdbool.h>
#include <vips/vips.h>

#include "transcoder/decoder/failure.h"
#include "transcoder/wire/wire.h"

// Fill thumbhash, thumbhash_length, blurhash, likeness and dominant_rgb of facts from a held sRGB picture (3 bands, or
// 4 with alpha) of any size.
bool placeholder_make(VipsImage *image, struct wire_facts *facts, struct failure *failure);
