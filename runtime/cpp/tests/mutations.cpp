// test_mutations FOLDER COUNT [SEED]: so many changes of a bundle, in place, each taken back. Half of them are sealed
// again. A change that is not sealed must be an error of the bundle; one that is must be that or a bundle that opens.
#include <algorithm>
#include <filesystem>
#include <random>
#include <vector>

#include "accel/accel.h"
#include "expect.hpp"
#include "reseal.hpp"

namespace {

using Random = std::mt19937_64;

// What parsers stumble over.
constexpr char stumbled_over[] = "\0\xff\x7f\x80{}[]\",:0-9e";

std::size_t below(Random &random, std::size_t limit) { return static_cast<std::size_t>(random() % limit); }

// Every file of a bundle, by its path in the folder.
std::vector<std::string> files_of(const std::string &folder, std::size_t largest) {
  std::vector<std::string> files;
  for (const auto &entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file() || entry.file_size() > largest) continue;
    files.push_back(entry.path().lexically_relative(folder).string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

// Another text of the same length: bytes flipped, copied from elsewhere, or set to what parsers trip over.
std::string overwritten(std::string bytes, Random &random) {
  const std::size_t changes = 1 + below(random, 4);
  for (std::size_t change = 0; change < changes; ++change) {
    const std::size_t at = below(random, bytes.size());
    const std::size_t kind = below(random, 4);
    if (kind == 0) bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(random, 8)));
    if (kind == 1) bytes[at] = static_cast<char>(random());
    if (kind == 2) bytes[at] = stumbled_over[below(random, sizeof stumbled_over - 1)];
    if (kind == 3) {
      const std::size_t length = std::min(1 + below(random, 16), bytes.size() - at);
      bytes.replace(at, length, bytes.substr(below(random, bytes.size() - length + 1), length));
    }
  }
  return bytes;
}

// The same, and pieces left out or doubled.
std::string mutated(const std::string &bytes, Random &random) {
  std::string changed = overwritten(bytes, random);
  const std::size_t at = below(random, changed.size());
  const std::size_t length = std::min(1 + below(random, 64), changed.size() - at);
  const std::size_t kind = below(random, 4);
  if (kind == 0) changed.erase(at, length);
  if (kind == 1) changed.insert(at, changed.substr(at, length));
  if (kind == 2) changed.resize(at);
  return changed;
}

accel_status open(const std::string &folder, std::int32_t verification, accel_error &error) {
  accel_bundle *bundle = nullptr;
  const accel_bundle_options options = {sizeof options, verification, nullptr};
  const accel_status status = accel_bundle_open(folder.c_str(), &options, &bundle, &error);
  test::expect((bundle != nullptr) == (status == ACCEL_OK), "a bundle or an error");
  test::expect((error.text[0] == '\0') == (status == ACCEL_OK), "a text with every error");
  accel_bundle_close(bundle);
  return status;
}

class Mutations {
 public:
  explicit Mutations(std::string folder)
      : folder_(std::move(folder)),
        manifest_(test::read_file(folder_ + "/accel.json")),
        digest_(test::read_file(folder_ + "/accel.json.sha256")) {}

  void unsealed(const std::string &file, Random &random) {
    change(file, random, [&] {
      accel_error error;
      const accel_status status = open(folder_, ACCEL_VERIFY_HASHES, error);
      test::expect(status == ACCEL_BUNDLE_ERROR, file + " changed: an error of the bundle, got: " + error.text);
    });
  }

  // Whether the bundle opens all the same.
  bool sealed(const std::string &file, Random &random) {
    accel_status status = ACCEL_INTERNAL_ERROR;
    change(file, random, [&] {
      if (file == "accel.json") {
        test::reseal_manifest(folder_);
      } else {
        test::reseal(folder_, file);
      }
      accel_error error;
      status = open(folder_, ACCEL_VERIFY_SIZES, error);
      const bool is_told = status == ACCEL_OK || status == ACCEL_BUNDLE_ERROR;
      test::expect(is_told, file + " changed and sealed: an error of the bundle, got: " + error.text);
    });
    return status == ACCEL_OK;
  }

 private:
  template <typename Look>
  void change(const std::string &file, Random &random, Look look) {
    const std::string path = folder_ + "/" + file;
    const std::string before = test::read_file(path);
    const bool may_change_size = file == "accel.json" || file == "accel.json.sha256";
    const std::string after = may_change_size ? mutated(before, random) : overwritten(before, random);
    if (after == before) return;
    test::write_file(path, after);
    look();
    test::write_file(path, before);
    test::write_file(folder_ + "/accel.json", manifest_);
    test::write_file(folder_ + "/accel.json.sha256", digest_);
  }

  std::string folder_;
  std::string manifest_;
  std::string digest_;
};

}  // namespace

int main(int count, char **texts) {
  test::expect(count == 3 || count == 4, "test_mutations FOLDER COUNT [SEED]");
  const std::string folder = texts[1];
  const std::size_t total = std::stoul(texts[2]);
  Random random(count == 4 ? std::stoul(texts[3]) : 0);
  Mutations mutations(folder);
  std::vector<std::string> all = files_of(folder, std::size_t{1} << 40);
  // A digest of the manifest may be written in more ways than one.
  all.erase(std::remove(all.begin(), all.end(), "accel.json.sha256"), all.end());
  std::vector<std::string> read = {"accel.json", "accel.json", "accel.json"};
  for (const std::string &file : files_of(folder, std::size_t{1} << 21)) {
    const auto begins = [&](const char *start) { return file.rfind(start, 0) == 0; };
    const bool is_graph = file.size() > 5 && file.substr(file.size() - 5) == ".onnx";
    if (begins("schedules/") || begins("plans/") || is_graph || file == "tokenizer/table.safetensors")
      read.push_back(file);
  }
  std::size_t opened = 0;
  for (std::size_t at = 0; at < total; ++at) {
    if (at % 10 == 0) {
      mutations.unsealed(all[below(random, all.size())], random);
    } else {
      opened += mutations.sealed(read[below(random, read.size())], random) ? 1U : 0U;
    }
  }
  std::printf("%zu changes, %zu of them sealed again and of no harm\n", total, opened);
  accel_error error;
  test::expect(open(folder, ACCEL_VERIFY_HASHES, error) == ACCEL_OK, "the bundle as it was");
  return 0;
}
