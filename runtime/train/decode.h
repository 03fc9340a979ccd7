// Decoding picture files.
#pragma once

#include <string>

#include "data.h"

namespace netrt {

/// Reads a JPEG or PNG file (told by its content) as 1 (grey) or 3 (red, green, blue) channels. A JPEG much larger than
/// least_height x least_width may come at 1/2, 1/4 or 1/8 of its size, never smaller than that. Throws DataError.
void decode_image(const std::string& file, int64_t channels, int64_t least_height, int64_t least_width, Image& image);

}  // namespace netrt
