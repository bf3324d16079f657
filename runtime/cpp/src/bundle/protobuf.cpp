#include "bundle/protobuf.hpp"

#include "base/error.hpp"

namespace accel::core {
namespace {

class Reader {
 public:
  explicit Reader(std::string_view data) : data_(data) {}

  bool at_end() const { return data_.empty(); }

  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1)[0]);
      if (shift < 64) value |= std::uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) return value;
    }
    throw Malformed("a number without end");
  }

  std::string_view take(std::uint64_t count) {
    if (count > data_.size()) throw Malformed("cut off");
    const std::string_view taken = data_.substr(0, static_cast<std::size_t>(count));
    data_.remove_prefix(static_cast<std::size_t>(count));
    return taken;
  }

 private:
  std::string_view data_;
};

}  // namespace

std::vector<Field> read_fields(std::string_view message) {
  std::vector<Field> fields;
  Reader reader(message);
  while (!reader.at_end()) {
    const std::uint64_t tag = reader.varint();
    Field field;
    field.number = tag >> 3;
    switch (tag & 7) {
      case 0:
        field.value = reader.varint();
        break;
      case 1:
        field.wire = Wire::fixed64;
        field.bytes = reader.take(8);
        break;
      case 2:
        field.wire = Wire::bytes;
        field.bytes = reader.take(reader.varint());
        break;
      case 5:
        field.wire = Wire::fixed32;
        field.bytes = reader.take(4);
        break;
      default:
        throw Malformed(join("unknown wire type ", tag & 7));
    }
    fields.push_back(field);
  }
  return fields;
}

}  // namespace accel::core
