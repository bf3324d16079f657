#include "bundle/forms.hpp"

#include <algorithm>
#include <map>
#include <vector>

#include "base/error.hpp"

namespace accel::core {
namespace {

using Names = std::vector<std::string>;

constexpr std::size_t most_shown = 60;
const std::string plain = "plain";

const Names &all_forms() {
  static const Names forms = {plain, "fused", "attention", "native"};
  return forms;
}

// Backend → the forms that it can run, the preferred one first; all others run plain graphs only.
const Names &forms_of(const std::string &backend) {
  static const std::map<std::string, Names> order = {
      {"cpu", {"attention", plain, "native"}}, {"cuda", {"fused", plain, "native"}}, {"rocm", {"fused", plain}}};
  static const Names only_plain = {plain};
  const auto found = order.find(backend);
  return found == order.end() ? only_plain : found->second;
}

bool has(const Names &names, const std::string &name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

void check_precision(const Bundle &bundle, const std::string &backend) {
  static const Names in_bfloat16 = {"cuda", "openvino"};
  if (bundle.manifest().dtype != "bfloat16" || has(in_bfloat16, backend)) return;
  throw InputError(join(bundle.folder(), ": ", backend, " cannot compute in bfloat16, only ", listed(in_bfloat16),
                        ": choose another provider, or export with --dtype fp32"));
}

}  // namespace

std::string choose_form(const Bundle &bundle, const std::string &backend, const std::string &asked) {
  check_precision(bundle, backend);
  Names there = {plain};
  for (const auto &[form, graphs] : bundle.manifest().forms) there.push_back(form);
  const Names &able = forms_of(backend);
  if (asked.empty()) return *std::find_if(able.begin(), able.end(), [&](const auto &form) { return has(there, form); });
  if (!has(all_forms(), asked)) {
    throw InputError(join("form '", asked.substr(0, most_shown), "': expected one of ", listed(all_forms())));
  }
  if (!has(there, asked)) {
    throw BackendError(join(bundle.folder(), ": the bundle has no ", asked, " graphs, only ", listed(there),
                            ": export it with `accel export --form ", asked, "`"));
  }
  if (has(able, asked)) return asked;
  throw InputError(join("form ", asked, ": ", backend, " cannot run it, only ", listed(able), ": take plain"));
}

}  // namespace accel::core
