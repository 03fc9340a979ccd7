#include "estimate/gpus.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "estimate/library.h"

namespace netc {

namespace {

// Memory, bandwidth, rates and SM counts: NVIDIA's data sheets and architecture white papers. Consumer cards of compute capability 7.5 to
// 12.0 run float16 tensor products that accumulate in float32 at half the rate of the professional cards of the same generation.
constexpr Gpu kGpus[] = {
    // id, name, GiB, inline ECC, GB/s, fp32, tf32, fp16, SMs, capability, common
    {"gtx1060", "GeForce GTX 1060 6GB", 6, false, 192, 4.4, 0, 0, 10, 61, true},
    {"gtx1070", "GeForce GTX 1070", 8, false, 256, 6.5, 0, 0, 15, 61, false},
    {"gtx1080", "GeForce GTX 1080", 8, false, 320, 8.9, 0, 0, 20, 61, false},
    {"gtx1080ti", "GeForce GTX 1080 Ti", 11, false, 484, 11.3, 0, 0, 28, 61, true},
    {"titanxp", "Titan Xp", 12, false, 548, 12.1, 0, 0, 30, 61, false},
    {"p100", "Tesla P100 PCIe 16GB", 16, false, 732, 9.3, 0, 0, 56, 60, false},
    {"p40", "Tesla P40", 24, false, 346, 11.8, 0, 0, 30, 61, false},
    {"titanv", "Titan V", 12, false, 653, 14.9, 0, 119.0, 80, 70, false},
    {"v100-16gb", "Tesla V100 SXM2 16GB", 16, false, 900, 15.7, 0, 125.0, 80, 70, true},
    {"v100-32gb", "Tesla V100 SXM2 32GB", 32, false, 900, 15.7, 0, 125.0, 80, 70, true},
    {"gtx1650", "GeForce GTX 1650", 4, false, 128, 3.0, 0, 0, 14, 75, true},
    {"gtx1660ti", "GeForce GTX 1660 Ti", 6, false, 288, 5.4, 0, 0, 24, 75, false},
    {"rtx2060", "GeForce RTX 2060", 6, false, 336, 6.5, 0, 25.8, 30, 75, true},
    {"rtx2070", "GeForce RTX 2070", 8, false, 448, 7.5, 0, 29.9, 36, 75, false},
    {"rtx2080", "GeForce RTX 2080", 8, false, 448, 10.1, 0, 40.3, 46, 75, false},
    {"rtx2080ti", "GeForce RTX 2080 Ti", 11, false, 616, 13.4, 0, 53.8, 68, 75, true},
    {"titanrtx", "Titan RTX", 24, false, 672, 16.3, 0, 130.5, 72, 75, false},
    {"t4", "Tesla T4", 16, true, 320, 8.1, 0, 65.0, 40, 75, true},
    {"rtx3050", "GeForce RTX 3050 8GB", 8, false, 224, 9.1, 9.1, 18.2, 20, 86, true},
    {"rtx3060", "GeForce RTX 3060 12GB", 12, false, 360, 12.7, 12.7, 25.5, 28, 86, true},
    {"rtx3060ti", "GeForce RTX 3060 Ti", 8, false, 448, 16.2, 16.2, 32.4, 38, 86, false},
    {"rtx3070", "GeForce RTX 3070", 8, false, 448, 20.3, 20.3, 40.6, 46, 86, true},
    {"rtx3070ti", "GeForce RTX 3070 Ti", 8, false, 608, 21.7, 21.7, 43.5, 48, 86, false},
    {"rtx3080", "GeForce RTX 3080 10GB", 10, false, 760, 29.8, 29.8, 59.5, 68, 86, true},
    {"rtx3080-12gb", "GeForce RTX 3080 12GB", 12, false, 912, 30.6, 30.6, 61.3, 70, 86, false},
    {"rtx3080ti", "GeForce RTX 3080 Ti", 12, false, 912, 34.1, 34.1, 68.2, 80, 86, false},
    {"rtx3090", "GeForce RTX 3090", 24, false, 936, 35.6, 35.6, 71.2, 82, 86, true},
    {"rtx3090ti", "GeForce RTX 3090 Ti", 24, false, 1008, 40.0, 40.0, 80.0, 84, 86, false},
    {"a2", "A2", 16, true, 200, 4.5, 9.0, 18.0, 10, 86, false},
    {"a10", "A10", 24, true, 600, 31.2, 62.5, 125.0, 72, 86, false},
    {"a10g", "A10G", 24, true, 600, 31.5, 35.0, 70.0, 80, 86, true},
    {"a30", "A30", 24, false, 933, 10.3, 82.0, 165.0, 56, 80, false},
    {"a40", "A40", 48, true, 696, 37.4, 74.8, 149.7, 84, 86, false},
    {"a100-40gb", "A100 SXM4 40GB", 40, false, 1555, 19.5, 156.0, 312.0, 108, 80, true},
    {"a100-80gb", "A100 SXM4 80GB", 80, false, 2039, 19.5, 156.0, 312.0, 108, 80, true},
    {"rtxa2000", "RTX A2000 12GB", 12, false, 288, 8.0, 16.0, 31.9, 26, 86, false},
    {"rtxa4000", "RTX A4000", 16, false, 448, 19.2, 38.3, 76.7, 48, 86, false},
    {"rtxa5000", "RTX A5000", 24, false, 768, 27.8, 55.6, 111.1, 64, 86, false},
    {"rtxa6000", "RTX A6000", 48, true, 768, 38.7, 77.4, 154.8, 84, 86, true},
    {"rtx4060", "GeForce RTX 4060", 8, false, 272, 15.1, 15.1, 30.2, 24, 89, true},
    {"rtx4060ti", "GeForce RTX 4060 Ti 8GB", 8, false, 288, 22.1, 22.1, 44.1, 34, 89, false},
    {"rtx4060ti-16gb", "GeForce RTX 4060 Ti 16GB", 16, false, 288, 22.1, 22.1, 44.1, 34, 89, true},
    {"rtx4070", "GeForce RTX 4070", 12, false, 504, 29.1, 29.1, 58.3, 46, 89, true},
    {"rtx4070super", "GeForce RTX 4070 SUPER", 12, false, 504, 35.5, 35.5, 71.0, 56, 89, false},
    {"rtx4070ti", "GeForce RTX 4070 Ti", 12, false, 504, 40.1, 40.1, 80.2, 60, 89, false},
    {"rtx4070tisuper", "GeForce RTX 4070 Ti SUPER", 16, false, 672, 44.1, 44.1, 88.2, 66, 89, false},
    {"rtx4080", "GeForce RTX 4080", 16, false, 717, 48.7, 48.7, 97.5, 76, 89, true},
    {"rtx4080super", "GeForce RTX 4080 SUPER", 16, false, 736, 52.2, 52.2, 104.4, 80, 89, false},
    {"rtx4090", "GeForce RTX 4090", 24, false, 1008, 82.6, 82.6, 165.2, 128, 89, true},
    {"rtx6000ada", "RTX 6000 Ada", 48, true, 960, 91.1, 182.1, 364.2, 142, 89, false},
    {"l4", "L4", 24, true, 300, 30.3, 60.0, 121.0, 58, 89, true},
    {"l40", "L40", 48, true, 864, 90.5, 90.5, 181.0, 142, 89, false},
    {"l40s", "L40S", 48, true, 864, 91.6, 183.0, 362.0, 142, 89, true},
    {"h100-pcie", "H100 PCIe 80GB", 80, false, 2000, 51.0, 378.0, 756.0, 114, 90, false},
    {"h100", "H100 SXM5 80GB", 80, false, 3350, 67.0, 495.0, 989.0, 132, 90, true},
    {"h100-nvl", "H100 NVL 94GB", 94, false, 3938, 60.0, 417.5, 835.0, 132, 90, false},
    {"h200", "H200 SXM 141GB", 141, false, 4800, 67.0, 495.0, 989.0, 132, 90, true},
    {"b200", "B200 SXM 180GB", 180, false, 8000, 75.0, 1125.0, 2250.0, 148, 100, true},
    {"rtx5060", "GeForce RTX 5060", 8, false, 448, 19.2, 19.2, 38.4, 30, 120, false},
    {"rtx5060ti", "GeForce RTX 5060 Ti 8GB", 8, false, 448, 23.7, 23.7, 47.4, 36, 120, false},
    {"rtx5060ti-16gb", "GeForce RTX 5060 Ti 16GB", 16, false, 448, 23.7, 23.7, 47.4, 36, 120, true},
    {"rtx5070", "GeForce RTX 5070", 12, false, 672, 30.9, 30.9, 61.7, 48, 120, true},
    {"rtx5070ti", "GeForce RTX 5070 Ti", 16, false, 896, 43.9, 43.9, 87.9, 70, 120, false},
    {"rtx5080", "GeForce RTX 5080", 16, false, 960, 56.3, 56.3, 112.6, 84, 120, true},
    {"rtx5090", "GeForce RTX 5090", 32, false, 1792, 104.8, 104.8, 209.5, 170, 120, true},
    {"rtxpro6000", "RTX PRO 6000 Blackwell", 96, true, 1792, 125.0, 250.0, 500.0, 188, 120, true},
};

/// Lower case letters and digits of `text`.
std::string plain(std::string_view text) {
  std::string result;
  for (char c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) result += c;
  }
  return result;
}

/// Levenshtein distance.
size_t distance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = above;
    }
  }
  return row[b.size()];
}

std::string rate(double tflops) { return tflops > 0 ? fmt::format("{:.1f}", tflops) : "-"; }

}  // namespace

std::span<const Gpu> gpu_table() { return kGpus; }

const Gpu* find_gpu(std::string_view id) {
  const std::string wanted = plain(id);
  for (const Gpu& gpu : kGpus) {
    if (plain(gpu.id) == wanted) return &gpu;
  }
  return nullptr;
}

const Gpu& reference_gpu() { return *find_gpu("rtx3060"); }

std::string_view nearest_gpu(std::string_view id) {
  const std::string wanted = plain(id);
  const Gpu* best = nullptr;
  size_t best_distance = std::max<size_t>(2, wanted.size() / 2);
  for (const Gpu& gpu : kGpus) {
    size_t d = distance(plain(gpu.id), wanted);
    if (!wanted.empty() && plain(gpu.id).find(wanted) != std::string::npos) d = 0;  // "4070", "a100"
    if (d < best_distance) {
      best = &gpu;
      best_distance = d;
    }
  }
  return best ? best->id : std::string_view();
}

int64_t usable_bytes(const Gpu& gpu) {
  const int64_t nominal = static_cast<int64_t>(gpu.gib) << 30;
  return nominal - nominal / 1000 * (gpu.inline_ecc ? 85 : 25);
}

Rates sustained_rates(const Gpu& gpu) { return {kSustainedArithmetic * gpu.fp32 * 1e12, kSustainedBandwidth * gpu.bandwidth * 1e9}; }

int threads_per_sm(const Gpu& gpu) {
  switch (gpu.capability) {
    case 75:
      return 1024;
    case 86:
    case 89:
    case 120:
      return 1536;
    default:
      return 2048;
  }
}

std::string gpus_text() {
  std::string text = fmt::format("{:<15} {:<26} {:>7} {:>11} {:>7} {:>8} {:>8} {:>8} {:>4} {:>4} {:>9}\n", "id", "card", "memory", "usable", "GB/s",
                                 "fp32", "tf32", "fp16", "SMs", "cc", "library");
  for (const Gpu& gpu : kGpus) {
    text += fmt::format("{:<15} {:<26} {:>3} GiB {:>7.2f} GiB {:>7} {:>8} {:>8} {:>8} {:>4} {:>4} {:>5} MiB\n", gpu.id, gpu.name, gpu.gib,
                        static_cast<double>(usable_bytes(gpu)) / (1 << 30), gpu.bandwidth, rate(gpu.fp32), rate(gpu.tf32), rate(gpu.fp16), gpu.sms,
                        fmt::format("{}.{}", gpu.capability / 10, gpu.capability % 10), library_bytes(gpu) >> 20);
  }
  text +=
      "\nRates in TFLOP/s: the vendor's peak without sparsity, tf32 and fp16 on tensor cores. usable: what a program can expect to get.\n"
      "library: context and loaded kernels, an estimate and not measured.\n";
  return text;
}

}  // namespace netc
