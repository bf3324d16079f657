// Bundles, backends and pipelines of accel.h.
#include "abi/handles.hpp"

using accel::core::abi::guarded;
using accel::core::abi::known_part;
using accel::core::abi::required;
using accel::core::abi::required_text;

namespace {

const char *name_at(const std::vector<std::string> &names, std::size_t number) {
  return number < names.size() ? names[number].c_str() : nullptr;
}

const std::string &text_encoder_at(const accel::core::Manifest &manifest, std::size_t number) {
  static const std::string none;
  for (const auto &[name, text] : manifest.texts) {
    if (number-- == 0) return name;
  }
  return none;
}

accel::core::BackendOptions read_options(const accel_backend_options *given) {
  const accel_backend_options said = known_part(given);
  accel::core::BackendOptions options;
  if (said.library != nullptr) options.library = said.library;
  if (said.provider != nullptr) options.provider = said.provider;
  options.threads = said.threads;
  if (said.option_count == 0) return options;
  const char *const *names = &required(said.option_names, "option_names");
  const char *const *values = &required(said.option_values, "option_values");
  for (std::size_t at = 0; at < said.option_count; ++at) {
    options.options[required_text(names[at], "option_names")] = required_text(values[at], "option_values");
  }
  return options;
}

}  // namespace

std::uint32_t accel_abi_version(void) { return ACCEL_ABI_VERSION; }

const char *accel_version(void) { return ACCEL_VERSION; }

accel_status accel_bundle_open(const char *folder, const accel_bundle_options *options, accel_bundle **bundle,
                               accel_error *error) {
  return guarded(error, [&] {
    accel_bundle *&target = required(bundle, "bundle");
    target = nullptr;
    const accel_bundle_options said = known_part(options);
    if (said.verification != ACCEL_VERIFY_HASHES && said.verification != ACCEL_VERIFY_SIZES) {
      throw accel::core::InputError(accel::core::join("verification: expected 0 or 1, got ", said.verification));
    }
    const bool hashes = said.verification == ACCEL_VERIFY_HASHES;
    const accel::core::OpenOptions open = {
        hashes ? accel::core::Verification::hashes : accel::core::Verification::sizes,
        said.digest == nullptr ? "" : said.digest};
    auto opened = accel::core::Bundle::open(required_text(folder, "folder"), open);
    target = new accel_bundle{std::make_shared<const accel::core::Contents>(std::move(opened))};
  });
}

void accel_bundle_close(accel_bundle *bundle) { delete bundle; }

const char *accel_bundle_digest(const accel_bundle *bundle) {
  return bundle == nullptr ? nullptr : bundle->contents->bundle().digest().c_str();
}

const char *accel_bundle_manifest(const accel_bundle *bundle) {
  return bundle == nullptr ? nullptr : bundle->contents->bundle().manifest_text().c_str();
}

const char *accel_bundle_scheduler(const accel_bundle *bundle, std::size_t number) {
  return bundle == nullptr ? nullptr : name_at(bundle->contents->schedulers(), number);
}

const char *accel_bundle_plan(const accel_bundle *bundle, std::size_t number) {
  return bundle == nullptr ? nullptr : name_at(bundle->contents->plans(), number);
}

const char *accel_bundle_text_encoder(const accel_bundle *bundle, std::size_t number) {
  if (bundle == nullptr || number >= bundle->contents->bundle().manifest().texts.size()) return nullptr;
  return text_encoder_at(bundle->contents->bundle().manifest(), number).c_str();
}

accel_status accel_bundle_tokenize(const accel_bundle *bundle, const char *text_encoder, const char *prompt,
                                   std::int64_t *ids, std::size_t capacity, std::size_t *length, std::size_t *count,
                                   accel_error *error) {
  return guarded(error, [&] {
    const accel::core::Contents &contents = *required(bundle, "bundle").contents;
    const accel::core::Manifest &manifest = contents.bundle().manifest();
    if (manifest.texts.empty()) throw accel::core::InputError("prompt: the model takes none");
    const std::string encoder = text_encoder == nullptr ? text_encoder_at(manifest, 0) : text_encoder;
    if (manifest.texts.count(encoder) == 0)
      throw accel::core::InputError("no text encoder '" + encoder + "' in the bundle");
    const accel::core::Tokens tokens = contents.tokenizer(encoder).encode(required_text(prompt, "prompt"));
    if (ids == nullptr && capacity > 0) required(ids, "ids");
    std::copy_n(tokens.ids.begin(), std::min(capacity, tokens.ids.size()), ids);
    if (length != nullptr) *length = tokens.ids.size();
    if (count != nullptr) *count = tokens.count;
  });
}

accel_status accel_backend_open(const accel_backend_options *options, accel_backend **backend, accel_error *error) {
  return guarded(error, [&] {
    accel_backend *&target = required(backend, "backend");
    target = nullptr;
    auto opened = accel::core::Backend::open(read_options(options));
    const std::string description = opened->describe();
    target = new accel_backend{std::move(opened), description};
  });
}

void accel_backend_close(accel_backend *backend) { delete backend; }

const char *accel_backend_description(const accel_backend *backend) {
  return backend == nullptr ? nullptr : backend->description.c_str();
}

accel_status accel_pipeline_create(const accel_bundle *bundle, const accel_backend *backend, accel_pipeline **pipeline,
                                   accel_error *error) {
  return accel_pipeline_create_with(bundle, backend, nullptr, pipeline, error);
}

accel_status accel_pipeline_create_with(const accel_bundle *bundle, const accel_backend *backend,
                                        const accel_pipeline_options *options, accel_pipeline **pipeline,
                                        accel_error *error) {
  return guarded(error, [&] {
    accel_pipeline *&target = required(pipeline, "pipeline");
    target = nullptr;
    const accel_pipeline_options asked = known_part(options);
    const std::string form = asked.form == nullptr ? "" : asked.form;
    if (asked.memory < ACCEL_KEEP_LOADED || asked.memory > ACCEL_MEMORY_BY_MODEL) {
      throw accel::core::InputError(accel::core::join("memory: expected 0 to 2, got ", asked.memory));
    }
    const auto memory = static_cast<accel::core::Memory>(asked.memory);
    target =
        new accel_pipeline{{required(bundle, "bundle").contents, required(backend, "backend").backend, form, memory}};
  });
}

const char *accel_pipeline_form(const accel_pipeline *pipeline) {
  return pipeline == nullptr ? nullptr : pipeline->pipeline.form().c_str();
}

std::int32_t accel_pipeline_has_low_memory(const accel_pipeline *pipeline) {
  return pipeline != nullptr && pipeline->pipeline.has_low_memory() ? 1 : 0;
}

void accel_pipeline_close(accel_pipeline *pipeline) { delete pipeline; }
