// NFC, runs of space to one blank, lower case: with the table's Unicode, which is that of the library that trained with
// it.
#pragma once

#include "text/table.hpp"

namespace accel::core {

CodePoints normalise(const TokenizerTable &table, const CodePoints &text);

}  // namespace accel::core
