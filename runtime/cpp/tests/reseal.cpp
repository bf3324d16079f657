#include "reseal.hpp"

#include <fstream>
#include <sstream>

#include "base/sha256.hpp"
#include "expect.hpp"

namespace test {

std::string read_file(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

void write_file(const std::string &path, const std::string &bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << bytes;
  expect(file.good(), path + " written");
}

void reseal(const std::string &folder, const std::string &file) {
  const std::string path = folder + "/accel.json";
  std::string manifest = read_file(path);
  const std::string key = "\"sha256\": \"";
  const std::size_t entry = manifest.find("\"" + file + "\": {");
  const std::size_t hash = manifest.find(key, entry) + key.size();
  expect(entry != std::string::npos, file + " in the manifest");
  manifest.replace(hash, 64, accel::core::sha256_of_file(folder + "/" + file));
  write_file(path, manifest);
  reseal_manifest(folder);
}

void reseal_manifest(const std::string &folder) {
  write_file(folder + "/accel.json.sha256", accel::core::sha256_of_file(folder + "/accel.json") + "  accel.json\n");
}

}  // namespace test
