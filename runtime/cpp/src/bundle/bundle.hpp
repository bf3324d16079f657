// A bundle on disk, opened strictly: manifest and its digest, files within the folder, sizes, hashes, graphs.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/files.hpp"
#include "manifest/manifest.hpp"

namespace accel::core {

// `hashes` reads every byte once; `sizes` leaves out the weights, of which it looks at the sizes.
enum class Verification { hashes, sizes };

struct OpenOptions {
  Verification verification = Verification::hashes;
  std::string digest;  // required digest of the bundle; empty accepts any
};

// An opened bundle. It never changes, so any number of threads may use it.
class Bundle {
 public:
  // Raises a `BundleError` where something is missing, changed or malformed, or it is another bundle; names the file.
  static std::shared_ptr<const Bundle> open(const std::string &folder, const OpenOptions &options);

  const std::string &folder() const { return folder_; }
  const Manifest &manifest() const { return manifest_; }
  // The bytes of `accel.json`.
  const std::string &manifest_text() const { return manifest_text_; }
  // SHA-256 of `accel.json`; as that holds the hash of every file, it names the whole bundle.
  const std::string &digest() const { return digest_; }

  // Where a path of the manifest lies on disk.
  std::string path(const std::string &file) const { return folder_ + "/" + file; }

  // The bytes of a file, which are those that it was exported with. Raises a `BundleError` where they are not.
  std::string read(const std::string &file, std::uint64_t limit = largest_document) const;

  // Whether a graph, and what it reads, is what it was when the bundle was opened. Raises a `BundleError`.
  void check_graph(const std::string &file) const;
  // The same of all graphs.
  void check_graphs() const;

 private:
  explicit Bundle(std::string folder) : folder_(std::move(folder)) {}

  void read_manifest(const std::string &wanted);
  void look_at_files();
  void verify_hashes() const;
  void look_into_graphs();
  void check_seen(const std::string &file) const;
  void check_hash(const std::string &file, const std::string &digest) const;

  std::string folder_;
  std::string manifest_text_;
  std::string digest_;
  Manifest manifest_;
  std::map<std::string, Identity> seen_;
  std::map<std::string, std::vector<std::string>> reads_;  // graph → the files that it reads besides itself
};

}  // namespace accel::core
