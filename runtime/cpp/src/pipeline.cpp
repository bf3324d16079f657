#include "pipeline.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "bundle/forms.hpp"
#include "denoising/conditioning.hpp"
#include "denoising/encoding.hpp"
#include "denoising/start.hpp"

namespace accel::core {
namespace {

// Each 0.2 MB in SD1.5: enough for any batch, and a service never grows by more.
constexpr std::size_t prompts_kept = 256;
// diffusers' default.
constexpr double usual_guidance = 7.5;
// Parameters of a UNet from which memory counts more than the seconds that loading it again takes.
constexpr std::int64_t large = 250'000'000;

Stay stay_of(Memory memory, const Manifest &manifest, const Backend &backend) {
  const bool is_large = backend.name() == "cpu" && manifest.deep().parameters >= large;
  const bool is_low = memory == Memory::low || (memory == Memory::by_model && is_large);
  return is_low ? Stay::in_use : Stay::all;
}

}  // namespace

std::optional<EncodedPrompts::Outputs> EncodedPrompts::find(const std::string &encoder, const std::string &prompt) {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry &entry) {
    return entry.encoder == encoder && entry.prompt == prompt;
  });
  if (found == entries_.end()) return std::nullopt;
  entries_.splice(entries_.begin(), entries_, found);
  return entries_.front().outputs;
}

void EncodedPrompts::keep(const std::string &encoder, const std::string &prompt, const Outputs &outputs) {
  const std::lock_guard lock(mutex_);
  entries_.push_front({encoder, prompt, outputs});
  if (entries_.size() > prompts_kept) entries_.pop_back();
}

Pipeline::Pipeline(std::shared_ptr<const Contents> contents, std::shared_ptr<const Backend> backend,
                   const std::string &form, Memory memory)
    : contents_(std::move(contents)),
      components_(contents_->shared_bundle(), backend, choose_form(contents_->bundle(), backend->name(), form),
                  stay_of(memory, contents_->bundle().manifest(), *backend)) {}

Array Pipeline::denoise(const Request &request, const PlanSpec &spec, const OnStep &on_step) {
  const Manifest &manifest = contents_->bundle().manifest();
  const OutputShape shape = output_shape(request, manifest.state);
  const Plan plan = compile(request, spec);
  check_request(request, manifest, plan.guided());
  std::vector<TorchGenerator> generators;
  for (const std::uint64_t seed : image_seeds(request, shape.images)) generators.emplace_back(seed);
  Start started = start(components_, request, shape, plan.schedule, generators);
  const Encode encode_prompt = [this](const std::string &encoder, const std::string &prompt) {
    return encode(encoder, prompt);
  };
  const std::map<std::string, Array> controls = embed_controls(components_, request);
  const Inpainting *inpainting = started.inpainting ? &*started.inpainting : nullptr;
  const Told told = {plan.guided(), plan.guidance_input, plan.calls.size(), inpainting, &controls};
  const Conditioning conditioning = condition(request, manifest, shape, encode_prompt, told);
  UNet unet(components_, started.latents.shape, plan.branches(), conditioning, plan.guided());
  Passes passes(unet, plan);
  const Blend *blend = inpainting != nullptr && inpainting->blend ? &*inpainting->blend : nullptr;
  const Array latents =
      accel::core::denoise(passes, plan, std::move(started.latents), generators, blend, on_step);
  // Libraries map weights into memory: what overwrites the file while an image is drawn changes the image.
  contents_->bundle().check_graphs();
  return latents;
}

void Pipeline::decode(const Array &latents, std::uint8_t *pixels) {
  components_.decode(latents, pixels);
  contents_->bundle().check_graphs();
}

Plan Pipeline::compile(const Request &request, const PlanSpec &spec) const {
  if (!spec.steps) throw InputError("plan: expected a number of steps, got none: set one");
  const auto strength = request.image ? std::optional(request.strength) : std::nullopt;
  const ScheduleTable schedule = contents_->schedule(*spec.steps, spec.scheduler, strength);
  const GuidanceBy by = contents_->bundle().manifest().denoiser.guidance;
  const double scale = request.guidance.value_or(by == GuidanceBy::none ? 1 : usual_guidance);
  return compile_plan(spec, schedule, {scale, request.guidance_rescale, by});
}

std::map<std::string, Array> Pipeline::encode(const std::string &encoder, const std::string &prompt) {
  if (auto found = prompts_.find(encoder, prompt)) return *found;
  auto outputs = components_.embed(encoder, contents_->tokenizer(encoder).encode(prompt).ids);
  prompts_.keep(encoder, prompt, outputs);
  return outputs;
}

}  // namespace accel::core
