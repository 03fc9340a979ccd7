// Small data sets on disk for the tests of the readers, the checkpoints and the training loop.
#pragma once

#include <jpeglib.h>
#include <png.h>
#include <zlib.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "train/data.h"

namespace samples {

/// A folder that goes away with the object.
class TempDir {
 public:
  TempDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "netc_test_XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline void write_file(const std::string& file, const std::string& bytes) {
  std::filesystem::create_directories(std::filesystem::path(file).parent_path());
  std::ofstream(file, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

inline std::string read_file(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

inline std::string gzip(const std::string& bytes, const std::string& temporary) {
  gzFile out = gzopen(temporary.c_str(), "wb");
  gzwrite(out, bytes.data(), static_cast<unsigned>(bytes.size()));
  gzclose(out);
  const std::string packed = read_file(temporary);
  std::filesystem::remove(temporary);
  return packed;
}

inline std::string big_endian(uint32_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16 & 255), static_cast<char>(value >> 8 & 255), static_cast<char>(value & 255)};
}

/// Byte `i` of a test picture: looks random, differs from picture to picture.
inline uint8_t pixel(int64_t i) { return static_cast<uint8_t>(i * 37 + i / 251); }

inline std::string pixels(int64_t count) {
  std::string bytes;
  for (int64_t i = 0; i < count; ++i) bytes += static_cast<char>(pixel(i));
  return bytes;
}

inline std::string idx_images(uint32_t count, uint32_t h, uint32_t w) {
  return big_endian(0x803) + big_endian(count) + big_endian(h) + big_endian(w) + pixels(int64_t{count} * h * w);
}

/// Labels 0, 1, ..., classes - 1, 0, ...
inline std::string idx_labels(uint32_t count, int classes) {
  std::string bytes = big_endian(0x801) + big_endian(count);
  for (uint32_t i = 0; i < count; ++i) bytes += static_cast<char>(static_cast<int>(i) % classes);
  return bytes;
}

/// Both splits of an IDX data set with 20 and 10 samples of 4x5x1 in 10 classes.
inline void write_idx(const std::string& dir) {
  write_file(dir + "/train-images-idx3-ubyte", idx_images(20, 4, 5));
  write_file(dir + "/train-labels-idx1-ubyte", idx_labels(20, 10));
  write_file(dir + "/t10k-images-idx3-ubyte", idx_images(10, 4, 5));
  write_file(dir + "/t10k-labels-idx1-ubyte", idx_labels(10, 10));
}

template <class T>
std::string npy(const std::string& descr, const std::string& shape, const std::vector<T>& numbers, const std::string& order = "False") {
  std::string header = "{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }";
  header.resize((header.size() + 11 + 63) / 64 * 64 - 11, ' ');
  header += '\n';
  std::string bytes = "\x93NUMPY";
  bytes += '\1';
  bytes += '\0';
  bytes += static_cast<char>(header.size() & 255);
  bytes += static_cast<char>(header.size() >> 8);
  bytes += header;
  return bytes + std::string(reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(T));
}

/// A PNG of a plain colour, 8 bits a channel.
inline void write_png(const std::string& file, unsigned h, unsigned w, bool grey, uint8_t r, uint8_t g, uint8_t b) {
  std::filesystem::create_directories(std::filesystem::path(file).parent_path());
  std::vector<uint8_t> bytes;
  for (unsigned i = 0; i < h * w; ++i) {
    bytes.push_back(r);
    if (!grey) bytes.insert(bytes.end(), {g, b});
  }
  png_image png;
  std::memset(&png, 0, sizeof png);
  png.version = PNG_IMAGE_VERSION;
  png.width = w;
  png.height = h;
  png.format = grey ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  png_image_write_to_file(&png, file.c_str(), 0, bytes.data(), 0, nullptr);
}

/// A JPEG of a plain colour with some texture in its last row, quality 95.
inline void write_jpeg(const std::string& file, unsigned h, unsigned w, uint8_t r, uint8_t g, uint8_t b) {
  std::filesystem::create_directories(std::filesystem::path(file).parent_path());
  std::FILE* out = std::fopen(file.c_str(), "wb");
  jpeg_compress_struct info;
  jpeg_error_mgr errors;
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  jpeg_stdio_dest(&info, out);
  info.image_width = w;
  info.image_height = h;
  info.input_components = 3;
  info.in_color_space = JCS_RGB;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, 95, TRUE);
  jpeg_start_compress(&info, TRUE);
  for (unsigned y = 0; y < h; ++y) {
    std::vector<uint8_t> row;
    for (unsigned x = 0; x < w; ++x) row.insert(row.end(), {r, g, y + 1 == h ? static_cast<uint8_t>(x * 16) : b});
    JSAMPROW pointer = row.data();
    jpeg_write_scanlines(&info, &pointer, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  std::fclose(out);
}

inline netrt::DataSpec data_spec(const char* reader, int64_t h, int64_t w, int64_t c, int64_t classes) {
  return {reader, "", h, w, c, classes, 1, 0, netrt::TargetKind::class_index, {}};
}

/// Sequences of `length` ids below `vocabulary`, each position's target the next id.
inline netrt::DataSpec token_spec(const char* reader, int64_t length, int64_t vocabulary) {
  return {reader, "", 1, 1, length, vocabulary, length, 0, netrt::TargetKind::class_index, {}, vocabulary};
}

/// What the data error of an action says; "" if there was none.
template <class Action>
std::string data_error(Action action) {
  try {
    action();
  } catch (const netrt::DataError& error) {
    return error.what();
  }
  return "";
}

/// The error that opening a split and reading all of it gives.
inline std::string reading_error(const netrt::DataSpec& spec, const std::string& dir, netrt::Split split = netrt::Split::train) {
  return data_error([&] {
    const auto data = netrt::open_dataset(spec, dir, split, 1);
    std::vector<float> input(static_cast<size_t>(spec.h * spec.w * spec.c));  // or as many int32
    std::vector<float> target(static_cast<size_t>(netrt::target_bytes(spec) / 4));
    for (int64_t i = 0; i < data->size(); ++i) data->sample(i, 0, input.data(), target.data());
  });
}

}  // namespace samples
