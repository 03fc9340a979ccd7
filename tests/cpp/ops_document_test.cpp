// docs/ops.md is what the table says.
#include <catch2/catch.hpp>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "ops/document.h"
#include "ops/table.h"

TEST_CASE("docs/ops.md is up to date", "[ops]") {
  const std::string path = std::string(NETC_SOURCE_DIR) + "/docs/ops.md", text = netc::ops_markdown();
  if (std::getenv("NETC_UPDATE") != nullptr) {
    std::ofstream out(path, std::ios::binary);
    out << text;
    REQUIRE(out.good());
  }
  std::ifstream in(path, std::ios::binary);
  std::ostringstream on_disk;
  on_disk << in.rdbuf();
  INFO("NETC_UPDATE=1 rewrites it");
  CHECK(on_disk.str() == text);
}

TEST_CASE("help names every argument with its default", "[ops]") {
  for (const netc::OpDef* op : netc::op_table()) {
    const std::string help = netc::ops_help((op->is_loss ? "loss " : "") + std::string(op->name.value));
    for (const netc::ArgSpec& spec : op->args.value) {
      CHECK_FALSE(spec.help.empty());
      CHECK(help.find(spec.help) != std::string::npos);
      if (!spec.default_text.empty()) CHECK(help.find("default " + std::string(spec.default_text)) != std::string::npos);
    }
  }
  CHECK(netc::ops_help("up") == netc::ops_help("deconv"));
  CHECK(netc::ops_help("bce") == netc::ops_help("loss bce"));
  CHECK(netc::ops_help("no such op").empty());
}
