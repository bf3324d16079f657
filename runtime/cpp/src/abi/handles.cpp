#include "abi/handles.hpp"

namespace accel::core::abi {

void tell(accel_error *error, const char *text) noexcept {
  if (error == nullptr) return;
  std::size_t length = std::min(std::strlen(text), sizeof error->text - 1);
  // No character is cut in two.
  while (length > 0 && text[length] != '\0' && (static_cast<unsigned char>(text[length]) & 0xC0) == 0x80) --length;
  for (std::size_t at = 0; at < length; ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    error->text[at] = byte < 0x20 || byte == 0x7F ? ' ' : text[at];
  }
  error->text[length] = '\0';
}

}  // namespace accel::core::abi
