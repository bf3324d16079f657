// Any prompt, on the table of $ACCEL_FUZZ_TABLE.
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "refused.hpp"
#include "text/tokenizer.hpp"

namespace {

const accel::core::Tokenizer &tokenizer() {
  static const accel::core::Tokenizer made = [] {
    const char *path = std::getenv("ACCEL_FUZZ_TABLE");
    std::ifstream file(path == nullptr ? "table.safetensors" : path, std::ios::binary);
    std::ostringstream bytes;
    bytes << file.rdbuf();
    accel::core::TextSpec spec;
    spec.max_length = 77;
    return accel::core::Tokenizer(accel::core::TokenizerTable::decode(bytes.str(), "table"), spec);
  }();
  return made;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
  return fuzz::refused(data, size, [](const std::string &bytes) { tokenizer().encode(bytes); });
}
