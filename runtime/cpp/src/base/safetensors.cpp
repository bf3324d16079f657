#include "base/safetensors.hpp"

#include <algorithm>
#include <cstring>

#include "base/error.hpp"
#include "base/json.hpp"

namespace accel::core {
namespace {

constexpr std::size_t length_bytes = 8;
constexpr std::uint64_t largest_header = std::uint64_t{100} << 20;

std::size_t item_bytes(const std::string &dtype) {
  if (dtype == "F64" || dtype == "I64" || dtype == "U64") return 8;
  if (dtype == "F32" || dtype == "I32" || dtype == "U32") return 4;
  if (dtype == "F16" || dtype == "BF16" || dtype == "I16" || dtype == "U16") return 2;
  if (dtype == "I8" || dtype == "U8" || dtype == "BOOL") return 1;
  throw Malformed("unknown type '" + dtype.substr(0, 20) + "'");
}

std::string_view bytes_of(const Json &entry, const RawArray &array, std::string_view data) {
  const auto most = static_cast<std::int64_t>(data.size());
  const auto offsets = entry.at("data_offsets").elements(2, 2);
  const std::int64_t first = offsets[0].integer(0, most);
  const std::int64_t last = offsets[1].integer(first, most);
  std::uint64_t expected = item_bytes(array.dtype);
  for (const std::int64_t size : array.shape) {
    if (size != 0 && expected > data.size() / static_cast<std::uint64_t>(size)) entry.refuse("larger than the file");
    expected *= static_cast<std::uint64_t>(size);
  }
  if (expected != static_cast<std::uint64_t>(last - first)) entry.refuse("its offsets do not fit its shape");
  return data.substr(static_cast<std::size_t>(first), static_cast<std::size_t>(last - first));
}

// Every byte belongs to one array: what lay between them would be read by nobody.
void check_covered(const Safetensors &file, std::string_view data) {
  std::vector<std::string_view> parts;
  for (const auto &[name, array] : file.arrays) parts.push_back(array.bytes);
  std::sort(parts.begin(), parts.end(), [](std::string_view one, std::string_view other) {
    return std::make_pair(one.data(), one.size()) < std::make_pair(other.data(), other.size());
  });
  const char *end = data.data();
  for (const std::string_view part : parts) {
    if (part.data() != end) throw Malformed("arrays overlap, or leave a gap");
    end += part.size();
  }
  if (end != data.data() + data.size()) throw Malformed("bytes that belong to no array");
}

template <typename Element>
std::vector<Element> elements(const RawArray &array) {
  std::vector<Element> all(array.bytes.size() / sizeof(Element));
  if (!all.empty()) std::memcpy(all.data(), array.bytes.data(), array.bytes.size());
  return all;
}

const RawArray &checked(const Safetensors &file, const std::string &name, const std::string &dtype, std::size_t rank) {
  const RawArray &array = file.at(name);
  if (array.dtype == dtype && array.shape.size() == rank) return array;
  throw Malformed(join(name, ": expected ", dtype, " of rank ", rank, ", got ", array.dtype, " ", shown(array.shape)));
}

}  // namespace

const RawArray &Safetensors::at(const std::string &name) const {
  const auto found = arrays.find(name);
  if (found == arrays.end()) throw Malformed(name + ": missing");
  return found->second;
}

std::vector<double> Safetensors::doubles(const std::string &name, std::size_t rank) const {
  return elements<double>(checked(*this, name, "F64", rank));
}

std::vector<std::int64_t> Safetensors::integers(const std::string &name, std::size_t rank) const {
  return elements<std::int64_t>(checked(*this, name, "I64", rank));
}

std::vector<std::int64_t> Safetensors::small_integers(const std::string &name, const std::string &dtype,
                                                      std::size_t rank) const {
  const RawArray &array = checked(*this, name, dtype, rank);
  std::vector<std::int64_t> all;
  if (dtype == "U32") {
    for (const std::uint32_t element : elements<std::uint32_t>(array)) all.push_back(element);
  } else {
    for (const std::int32_t element : elements<std::int32_t>(array)) all.push_back(element);
  }
  return all;
}

Safetensors parse_safetensors(std::string_view data) {
  std::uint64_t length = 0;
  if (data.size() < length_bytes) throw Malformed("cut off");
  std::memcpy(&length, data.data(), length_bytes);
  if (length > largest_header || length > data.size() - length_bytes) throw Malformed("cut off in its header");
  const JsonDocument header(std::string(data.substr(length_bytes, static_cast<std::size_t>(length))));
  const std::string_view rest = data.substr(length_bytes + static_cast<std::size_t>(length));
  Safetensors file;
  header.root().each_member(10000, [&](const std::string &name, const Json &entry) {
    if (name == "__metadata__") {
      entry.each_member(
          1000, [&](const std::string &key, const Json &text) { file.metadata[key] = text.text(largest_header); });
      return;
    }
    entry.only({"dtype", "shape", "data_offsets"});
    RawArray array{entry.at("dtype").text(), {}, {}};
    for (const Json &size : entry.at("shape").elements(0, 8)) array.shape.push_back(size.integer(0, INT32_MAX));
    array.bytes = bytes_of(entry, array, rest);
    file.arrays[name] = array;
  });
  check_covered(file, rest);
  return file;
}

}  // namespace accel::core
