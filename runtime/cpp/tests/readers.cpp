// test_readers TARGET FILE…: what a fuzz target does with files, without libFuzzer: prints a line for each, `read` or
// why it is refused.
#include <map>

#include "../fuzz/readers.hpp"
#include "../fuzz/refused.hpp"
#include "expect.hpp"

int main(int count, char **texts) {
  using Reader = void (*)(const std::string &);
  const std::map<std::string, Reader> readers = {{"manifest", fuzz::manifest},   {"plan", fuzz::plan},
                                                 {"schedules", fuzz::schedules}, {"tokenizer", fuzz::tokenizer},
                                                 {"onnx", fuzz::onnx},           {"prompt", fuzz::prompt}};
  test::expect(count >= 2 && readers.count(texts[1]) == 1, "test_readers TARGET FILE…");
  for (int at = 2; at < count; ++at) {
    const std::string bytes = accel::core::read_document(texts[at], accel::core::Status::input);
    std::printf("%s\n", fuzz::refused(bytes, readers.at(texts[1])).value_or("read").c_str());
  }
  return 0;
}
