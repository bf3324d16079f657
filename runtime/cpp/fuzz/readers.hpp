// What the library does with the bytes of a document, from its parser to the first use of what was parsed. Each raises
// an error of ours where the bytes are no such document.
#pragma once

#include <cstdlib>
#include <string>

#include "base/files.hpp"
#include "bundle/contract.hpp"
#include "bundle/onnx_file.hpp"
#include "plans/plan.hpp"
#include "schedules/file.hpp"
#include "text/tokenizer.hpp"

namespace fuzz {

constexpr std::int64_t steps = 4;
constexpr double half = 0.5;

inline void manifest(const std::string &bytes) {
  accel::core::check_contract(accel::core::parse_manifest(bytes, "accel.json"));
}

// Of a memoryless scheduler that draws nothing, as ddim is.
inline accel::core::ScheduleTable plain_schedule() {
  accel::core::ScheduleTable table{"ddim", steps, 0, 1, {}};
  for (std::int64_t call = 0; call < steps; ++call) {
    table.rows.push_back({static_cast<double>(steps - call), 1, {1}, {-half}, 0, false, call > 0, {}});
  }
  return table;
}

// Compiled, as for a request.
inline void plan(const std::string &bytes) {
  static const accel::core::ScheduleTable schedule = plain_schedule();
  const accel::core::PlanSpec spec = accel::core::parse_plan(bytes, "plan.json");
  accel::core::compile_plan(spec, schedule, {7.5, 0, accel::core::GuidanceBy::halves});
}

// A table from noise and one from an image.
inline void schedules(const std::string &bytes) {
  const auto file = accel::core::ScheduleFile::decode(bytes, "schedule");
  file.table(steps, 0);
  file.table(steps, accel::core::first_call(steps, half, file.order()));
}

inline accel::core::Tokenizer tokenizer_of(const std::string &table) {
  accel::core::TextSpec spec;
  spec.max_length = 77;
  return accel::core::Tokenizer(accel::core::TokenizerTable::decode(table, "table"), spec);
}

// A prompt with marks, Hangul, words and what is special.
inline void tokenizer(const std::string &bytes) {
  tokenizer_of(bytes).encode("A caf\u00e9, e\u0301\u0327 <cat> 12\u00bd \ud55c\uae00 it's<|endoftext|>");
}

// Any prompt, on the table of $ACCEL_FUZZ_TABLE.
inline void prompt(const std::string &bytes) {
  static const accel::core::Tokenizer made = [] {
    const char *path = std::getenv("ACCEL_FUZZ_TABLE");
    return tokenizer_of(
        accel::core::read_document(path == nullptr ? "table.safetensors" : path, accel::core::Status::bundle));
  }();
  made.encode(bytes);
}

inline void onnx(const std::string &bytes) { accel::core::parse_onnx(bytes); }

}  // namespace fuzz
