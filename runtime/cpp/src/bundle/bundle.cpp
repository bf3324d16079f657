#include "bundle/bundle.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/sha256.hpp"
#include "bundle/contract.hpp"
#include "bundle/graph_files.hpp"
#include "bundle/stated_digest.hpp"

namespace accel::core {
namespace {

constexpr const char *manifest_name = "accel.json";
constexpr std::uint64_t largest_manifest = std::uint64_t{16} << 20;
// Two files cannot be read as one: a writer may come in between, but not time and again.
constexpr int attempts = 3;

bool is_digest(const std::string &text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace

std::shared_ptr<const Bundle> Bundle::open(const std::string &folder, const OpenOptions &options) {
  if (!options.digest.empty() && !is_digest(options.digest)) {
    throw InputError("digest: expected the 64 hexadecimal digits that `accel inspect` shows, got " + options.digest);
  }
  const std::shared_ptr<Bundle> bundle(new Bundle(folder));
  bundle->read_manifest(options.digest);
  bundle->look_at_files();
  if (options.verification == Verification::hashes) bundle->verify_hashes();
  try {
    check_contract(bundle->manifest_);
  } catch (const Malformed &error) {
    throw BundleError(join(bundle->path(manifest_name), ": ", error.what()));
  }
  bundle->look_into_graphs();
  return bundle;
}

void Bundle::read_manifest(const std::string &wanted) {
  const std::string where = path(manifest_name);
  if (!exists(where)) throw BundleError(folder_ + ": not a bundle, it has no accel.json: make one with `accel export`");
  bool is_stated = false;
  for (int attempt = 0; attempt < attempts && !is_stated; ++attempt) {
    manifest_text_ = read_document(where, Status::bundle, largest_manifest);
    digest_ = sha256_of(manifest_text_);
    const std::vector<std::string> stated = stated_digests(path("accel.json.sha256"));
    is_stated = stated.empty() || std::find(stated.begin(), stated.end(), digest_) != stated.end();
  }
  if (!is_stated) {
    throw BundleError(join(where, ": not what accel.json.sha256 says: changed, got sha256 ", digest_.substr(0, 12),
                           "…: export the bundle again, or get it again from where it came"));
  }
  if (!wanted.empty() && wanted != digest_) {
    throw BundleError(join(folder_, ": another bundle: expected digest ", wanted, ", got ", digest_));
  }
  manifest_ = parse_manifest(manifest_text_, where);
}

void Bundle::look_at_files() {
  const std::string real_folder = real_path(folder_);
  for (const auto &[file, spec] : manifest_.files) {
    const std::string where = path(file);
    if (!is_file(where)) throw BundleError(where + ": missing, but listed in accel.json: export the bundle again");
    // What lies elsewhere may be changed by others.
    if (real_path(where) != real_folder + "/" + file) {
      throw BundleError(where + ": a link, but a bundle's files are its own: copy it with `cp -rL`");
    }
    seen_[file] = identity_of(where);
    if (seen_[file][2] != spec.size) {
      throw BundleError(join(where, ": expected ", spec.size, " bytes, got ", seen_[file][2],
                             ": truncated or changed, export the bundle again"));
    }
  }
}

void Bundle::verify_hashes() const {
  for (const auto &[file, spec] : manifest_.files) {
    check_hash(file, sha256_of_file(path(file)));
    check_seen(file);
  }
}

void Bundle::look_into_graphs() {
  reads_ = check_graph_files(manifest_, folder_, [this](const std::string &file) { return read(file); });
}

std::string Bundle::read(const std::string &file, std::uint64_t limit) const {
  std::string raw = read_document(path(file), Status::bundle, limit);
  check_hash(file, sha256_of(raw));
  return raw;
}

void Bundle::check_graph(const std::string &file) const {
  check_seen(file);
  const auto found = reads_.find(file);
  if (found == reads_.end()) return;
  for (const std::string &other : found->second) check_seen(other);
}

void Bundle::check_graphs() const {
  for (const auto &[graph, others] : reads_) check_graph(graph);
}

void Bundle::check_seen(const std::string &file) const {
  const auto found = seen_.find(file);
  if (found == seen_.end() || identity_of(path(file)) == found->second) return;
  throw BundleError(path(file) + ": changed since the bundle was opened: open it again");
}

void Bundle::check_hash(const std::string &file, const std::string &digest) const {
  const std::string &expected = manifest_.files.at(file).sha256;
  if (digest == expected) return;
  throw BundleError(join(path(file), ": content changed: expected sha256 ", expected.substr(0, 12), "…, got ",
                         digest.substr(0, 12), "…: export the bundle again"));
}

}  // namespace accel::core
