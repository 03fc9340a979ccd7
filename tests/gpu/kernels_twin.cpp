// Holds each CUDA kernel against its CPU twin. The same source is built twice, once with each runtime:
//   kernels_twin --write FILE            runs every case and writes what the kernels wrote
//   kernels_twin --compare CPU CUDA      compares two such files; exit status 1 where a difference exceeds its tolerance
//   kernels_twin --covers KERNELS_H      runs every case; exit status 1 where a kernel of the header has no case
#include <cmath>
#include <cstdio>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>

#include "twin_lab.h"

namespace twin {
namespace {

void write_records(const std::string& path, const std::vector<Record>& records) {
  std::ofstream file(path, std::ios::binary);
  const auto put = [&](const auto& value) { file.write(reinterpret_cast<const char*>(&value), sizeof value); };
  for (const Record& record : records) {
    put(static_cast<uint64_t>(record.name.size()));
    file.write(record.name.data(), static_cast<std::streamsize>(record.name.size()));
    put(record.type);
    put(record.tolerance);
    put(static_cast<uint64_t>(record.data.size()));
    file.write(reinterpret_cast<const char*>(record.data.data()), static_cast<std::streamsize>(record.data.size()));
  }
  if (!file.flush()) netrt::fail("cannot write " + path);
}

std::vector<Record> read_records(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) netrt::fail("cannot read " + path);
  std::vector<Record> records;
  const auto get = [&](auto& value) { return static_cast<bool>(file.read(reinterpret_cast<char*>(&value), sizeof value)); };
  uint64_t length = 0, count = 0;
  while (get(length)) {
    Record record;
    record.name.resize(length);
    file.read(record.name.data(), static_cast<std::streamsize>(length));
    if (!get(record.type) || !get(record.tolerance) || !get(count)) netrt::fail(path + " is cut short");
    record.data.resize(count);
    if (!file.read(reinterpret_cast<char*>(record.data.data()), static_cast<std::streamsize>(count))) netrt::fail(path + " is cut short");
    records.push_back(std::move(record));
  }
  return records;
}

/// The largest difference relative to the largest value of `a`; infinite where only one of two values is finite.
template <class T>
double difference(const Record& a, const Record& b) {
  const size_t count = a.data.size() / sizeof(T);
  double worst = 0, largest = 0;
  for (size_t i = 0; i < count; ++i) {
    T x, y;
    std::memcpy(&x, a.data.data() + i * sizeof(T), sizeof(T));
    std::memcpy(&y, b.data.data() + i * sizeof(T), sizeof(T));
    if (std::isfinite(static_cast<double>(x)) != std::isfinite(static_cast<double>(y))) return INFINITY;
    worst = std::max(worst, std::abs(static_cast<double>(x) - static_cast<double>(y)));
    largest = std::max(largest, std::abs(static_cast<double>(x)));
  }
  return worst == 0 ? 0 : worst / std::max(largest, 1e-30);
}

double difference(const Record& a, const Record& b) {
  if (a.data.size() != b.data.size() || a.type != b.type) return INFINITY;
  switch (a.type) {
    case Type::float32: return difference<float>(a, b);
    case Type::float64: return difference<double>(a, b);
    case Type::bytes: break;
  }
  return difference<uint8_t>(a, b);
}

int compare(const std::string& first, const std::string& second) {
  const std::vector<Record> a = read_records(first), b = read_records(second);
  if (a.size() != b.size()) {
    std::printf("different cases: %zu and %zu records\n", a.size(), b.size());
    return 1;
  }
  std::map<std::string, double> worst;
  int wrong = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double found = a[i].name == b[i].name ? difference(a[i], b[i]) : INFINITY;
    double& kernel = worst[a[i].name.substr(0, a[i].name.find(' '))];
    kernel = std::max(kernel, found);
    if (found <= a[i].tolerance) continue;
    ++wrong;
    std::printf("FAIL %s: difference %.3g, allowed %.3g\n", a[i].name.c_str(), found, a[i].tolerance);
  }
  for (const auto& [kernel, found] : worst) std::printf("%-28s largest relative difference %.3g\n", kernel.c_str(), found);
  std::printf("%zu outputs compared, %d differ by more than allowed\n", a.size(), wrong);
  return wrong == 0 && !a.empty() ? 0 : 1;
}

/// Kernels that the header declares and no case ran; and outputs that a kernel left as they were or that are not finite.
int covers(const std::string& header) {
  std::ifstream file(header);
  if (!file) netrt::fail("cannot read " + header);
  std::stringstream text;
  text << file.rdbuf();
  Lab lab;
  run_all(lab);
  const std::string code = text.str();
  const std::regex declaration(R"(\nvoid (\w+)\(Context&)");
  int missing = 0, declared = 0;
  for (std::sregex_iterator at(code.begin(), code.end(), declaration), end; at != end; ++at, ++declared) {
    if (lab.kernels().count((*at)[1]) != 0) continue;
    ++missing;
    std::printf("no case runs %s\n", (*at)[1].str().c_str());
  }
  for (const Record& record : lab.records()) {
    for (size_t i = 0; record.type == Type::float32 && i < record.data.size(); i += sizeof(float)) {
      float value;
      std::memcpy(&value, record.data.data() + i, sizeof value);
      // channels_copy leaves the other channels alone: that is what it promises.
      if (std::isfinite(value) && (value != -77.0f || record.name.rfind("channels_copy", 0) == 0)) continue;
      ++missing;
      std::printf("%s: element %zu is %g\n", record.name.c_str(), i / sizeof(float), static_cast<double>(value));
      break;
    }
  }
  std::printf("%d kernels declared, %zu run, %zu outputs\n", declared, lab.kernels().size(), lab.records().size());
  return missing == 0 && declared > 0 ? 0 : 1;
}

}  // namespace
}  // namespace twin

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "--write" && argc == 3) {
    twin::Lab lab;
    twin::run_all(lab);
    twin::write_records(argv[2], lab.records());
    std::printf("%zu outputs of %zu kernels\n", lab.records().size(), lab.kernels().size());
    return 0;
  }
  if (mode == "--compare" && argc == 4) return twin::compare(argv[2], argv[3]);
  if (mode == "--covers" && argc == 3) return twin::covers(argv[2]);
  std::fprintf(stderr, "usage: kernels_twin --write FILE | --compare CPU CUDA | --covers KERNELS_H\n");
  return 2;
}
