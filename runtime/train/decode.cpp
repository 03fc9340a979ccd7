#include "decode.h"

#include <cerrno>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>

#include <jpeglib.h>
#include <jerror.h>
#include <png.h>

namespace netrt {

namespace {

constexpr int64_t kMostPixels = int64_t{1} << 28;  // what a picture may claim before it is taken for a decompression bomb

struct JpegErrors {
  jpeg_error_mgr manager;  // first: libjpeg knows only this part
  jmp_buf jump;
  char message[JMSG_LENGTH_MAX];
};

void jpeg_failed(j_common_ptr info) {
  JpegErrors* errors = reinterpret_cast<JpegErrors*>(info->err);
  info->err->format_message(info, errors->message);
  longjmp(errors->jump, 1);
}

/// libjpeg calls damage a warning and goes on with grey; for training data it is an error. Stray bytes between markers harm nothing.
void jpeg_message(j_common_ptr info, int level) {
  if (level < 0 && info->err->msg_code != JWRN_EXTRANEOUS_DATA) jpeg_failed(info);
}

void jpeg_scale(jpeg_decompress_struct& info, int64_t least_height, int64_t least_width) {
  info.scale_num = 1;
  for (unsigned denominator = 8; denominator > 1; denominator /= 2) {
    if (info.image_height / denominator >= least_height && info.image_width / denominator >= least_width) {
      info.scale_denom = denominator;
      return;
    }
  }
}

/// Adobe writes CMYK inverted, so each of red, green and blue is ink times black.
void cmyk_to_rgb(const std::vector<uint8_t>& from, std::vector<uint8_t>& to) {
  to.resize(from.size() / 4 * 3);
  for (size_t i = 0; i < from.size() / 4; ++i) {
    for (size_t c = 0; c < 3; ++c) to[3 * i + c] = static_cast<uint8_t>(from[4 * i + c] * from[4 * i + 3] / 255);
  }
}

/// Returns false, with errors.message set, on failure. All that has a destructor lives in the caller: longjmp would skip it.
bool decode_jpeg(const std::vector<uint8_t>& data, bool grey, int64_t least_height, int64_t least_width, JpegErrors& errors,
                 jpeg_decompress_struct& info, std::vector<uint8_t>& bytes) {
  info.err = jpeg_std_error(&errors.manager);
  errors.manager.error_exit = jpeg_failed;
  errors.manager.emit_message = jpeg_message;
  if (setjmp(errors.jump) != 0) {
    jpeg_destroy_decompress(&info);
    return false;
  }
  jpeg_create_decompress(&info);
  jpeg_mem_src(&info, data.data(), data.size());
  jpeg_read_header(&info, TRUE);
  if (static_cast<int64_t>(info.image_height) * info.image_width > kMostPixels) {
    std::snprintf(errors.message, sizeof errors.message, "%ux%u pixels are too many", info.image_height, info.image_width);
    jpeg_destroy_decompress(&info);
    return false;
  }
  const bool cmyk = info.jpeg_color_space == JCS_CMYK || info.jpeg_color_space == JCS_YCCK;
  info.out_color_space = cmyk ? JCS_CMYK : grey ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_scale(info, least_height, least_width);
  jpeg_start_decompress(&info);
  const size_t stride = static_cast<size_t>(info.output_width) * static_cast<size_t>(info.output_components);
  bytes.resize(stride * info.output_height);
  while (info.output_scanline < info.output_height) {
    JSAMPROW row = bytes.data() + info.output_scanline * stride;
    jpeg_read_scanlines(&info, &row, 1);
  }
  jpeg_finish_decompress(&info);
  jpeg_destroy_decompress(&info);
  return true;
}

void read_jpeg(const std::string& file, const std::vector<uint8_t>& data, int64_t channels, int64_t least_height, int64_t least_width,
               Image& image) {
  JpegErrors errors;
  jpeg_decompress_struct info;
  std::memset(&errors, 0, sizeof errors);
  std::memset(&info, 0, sizeof info);
  std::vector<uint8_t> bytes, rgb;
  if (!decode_jpeg(data, channels == 1, least_height, least_width, errors, info, bytes)) {
    throw DataError(file + ": corrupt JPEG: " + errors.message);
  }
  if (info.out_color_space == JCS_CMYK) {
    if (channels == 1) throw DataError(file + ": a CMYK JPEG cannot be read as one channel of grey");
    cmyk_to_rgb(bytes, rgb);
    bytes.swap(rgb);
  }
  image.h = info.output_height;
  image.w = info.output_width;
  image.c = channels;
  image.pixels.resize(bytes.size());
  bytes_to_floats(bytes.data(), static_cast<int64_t>(bytes.size()), image.pixels.data());
}

/// True if the chunks go on to the end chunk. The decoder stops at the last pixel and would not notice.
bool has_end_chunk(const std::vector<uint8_t>& data) {
  size_t at = 8;
  while (at + 12 <= data.size()) {
    const size_t length =
        static_cast<size_t>(data[at]) << 24 | static_cast<size_t>(data[at + 1]) << 16 | static_cast<size_t>(data[at + 2]) << 8 | data[at + 3];
    if (length > data.size() - at - 12) return false;
    if (std::memcmp(data.data() + at + 4, "IEND", 4) == 0) return true;
    at += 12 + length;
  }
  return false;
}

void read_png(const std::string& file, const std::vector<uint8_t>& data, int64_t channels, Image& image) {
  if (!has_end_chunk(data)) throw DataError(file + ": corrupt PNG: truncated at " + std::to_string(data.size()) + " bytes");
  png_image png;
  std::memset(&png, 0, sizeof png);
  png.version = PNG_IMAGE_VERSION;
  const auto failed = [&] {
    const std::string why = png.message;
    png_image_free(&png);
    throw DataError(file + ": corrupt PNG: " + why);
  };
  if (png_image_begin_read_from_memory(&png, data.data(), data.size()) == 0) failed();
  png.format = channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  if (static_cast<int64_t>(png.width) * png.height > kMostPixels) {
    png_image_free(&png);
    throw DataError(file + ": " + std::to_string(png.height) + "x" + std::to_string(png.width) + " pixels are too many");
  }
  std::vector<uint8_t> bytes(PNG_IMAGE_SIZE(png));
  const png_color black = {0, 0, 0};  // behind transparent pixels
  if (png_image_finish_read(&png, &black, bytes.data(), 0, nullptr) == 0 || PNG_IMAGE_FAILED(png)) failed();
  image.h = png.height;
  image.w = png.width;
  image.c = channels;
  image.pixels.resize(bytes.size());
  bytes_to_floats(bytes.data(), static_cast<int64_t>(bytes.size()), image.pixels.data());
  png_image_free(&png);
}

}  // namespace

void decode_image(const std::string& file, int64_t channels, int64_t least_height, int64_t least_width, Image& image) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) throw DataError(file + ": cannot be opened: " + std::strerror(errno));
  const std::vector<uint8_t> data((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
  if (stream.bad()) throw DataError(file + ": cannot be read");
  if (data.size() >= 8 && png_sig_cmp(data.data(), 0, 8) == 0) {
    read_png(file, data, channels, image);
  } else if (data.size() >= 3 && data[0] == 0xFF && data[1] == 0xD8 && data[2] == 0xFF) {
    read_jpeg(file, data, channels, least_height, least_width, image);
  } else {
    throw DataError(file + ": neither a JPEG nor a PNG file (" + std::to_string(data.size()) + " bytes)");
  }
}

}  // namespace netrt
