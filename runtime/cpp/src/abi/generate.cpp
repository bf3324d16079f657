// accel_generate and what it is asked for.
#include "abi/handles.hpp"

using accel::core::abi::guarded;
using accel::core::abi::known_part;
using accel::core::abi::required;

namespace {

// Raises `Cancelled` where somebody asked for the end.
void report(const accel_request &request, const accel::core::Step &step) {
  if (request.on_progress != nullptr) {
    const std::vector<float> &latents = step.latents->values;
    const accel_progress progress = {sizeof(accel_progress),  step.index,     step.total,    step.timestep,
                                     step.is_shallow ? 1 : 0, latents.data(), latents.size()};
    if (request.on_progress(request.user, &progress) != 0) {
      throw accel::core::Cancelled(accel::core::join("cancelled by the callback after call ", step.index));
    }
  }
  if (request.is_cancelled) throw accel::core::Cancelled(accel::core::join("cancelled after call ", step.index));
}

void check_room(const char *name, const void *memory, std::size_t given, std::size_t needed) {
  if (memory == nullptr || given == needed) return;
  throw accel::core::InputError(accel::core::join(name, ": expected memory for ", needed, " elements, got ", given));
}

// The shape of latents that a caller says. Raises an `InputError` where the model has no such latents.
accel::core::Shape as_latents(const accel_shape &said, const accel::core::State &state) {
  const auto scale = static_cast<std::size_t>(state.scale);
  const auto longest = static_cast<std::size_t>(accel::core::longest_side);
  const bool fits = said.images >= 1 && said.images <= 1000 && said.height >= 1 && said.height <= longest &&
                    said.width >= 1 && said.width <= longest && said.height == said.latent_height * scale &&
                    said.width == said.latent_width * scale &&
                    said.channels == static_cast<std::size_t>(state.channels);
  if (!fits) throw accel::core::InputError("shape: expected what accel_request_shape tells of a request");
  const auto number = [](std::size_t value) { return static_cast<std::int64_t>(value); };
  return {number(said.images), number(said.channels), number(said.latent_height), number(said.latent_width)};
}

}  // namespace

accel_status accel_request_shape(const accel_request *request, const accel_pipeline *pipeline, accel_shape *shape,
                                 accel_error *error) {
  return guarded(error, [&] {
    const accel::core::Manifest &manifest = required(pipeline, "pipeline").pipeline.contents().bundle().manifest();
    const accel::core::OutputShape told =
        accel::core::output_shape(required(request, "request").request, manifest.state);
    const auto number = [](std::int64_t value) { return static_cast<std::size_t>(value); };
    accel_shape known = known_part(&required(shape, "shape"));
    const std::size_t size = known.size;
    known = {size,
             number(told.images),
             number(told.height),
             number(told.width),
             number(told.channels),
             number(told.latent_height),
             number(told.latent_width)};
    std::memcpy(static_cast<void *>(shape), &known, std::min(size, sizeof known));
  });
}

accel_status accel_generate(accel_pipeline *pipeline, const accel_plan *plan, accel_request *request,
                            std::uint8_t *pixels, std::size_t pixel_count, float *latents, std::size_t latent_count,
                            accel_error *error) {
  return guarded(error, [&] {
    accel::core::Pipeline &drawing = required(pipeline, "pipeline").pipeline;
    const accel_request &asked = required(request, "request");
    const accel::core::PlanSpec &spec = required(plan, "plan").spec;
    const accel::core::State &state = drawing.contents().bundle().manifest().state;
    const accel::core::OutputShape shape = accel::core::output_shape(asked.request, state);
    check_room("pixels", pixels, pixel_count, shape.pixels());
    check_room("latents", latents, latent_count, shape.latents());
    if (asked.is_cancelled) throw accel::core::Cancelled("cancelled before the first call");
    const accel::core::Array last =
        drawing.denoise(asked.request, spec, [&asked](const accel::core::Step &step) { report(asked, step); });
    if (latents != nullptr) std::copy(last.values.begin(), last.values.end(), latents);
    if (pixels != nullptr) drawing.decode(last, pixels);
  });
}

accel_status accel_decode(accel_pipeline *pipeline, const accel_shape *shape, const float *latents,
                          std::size_t latent_count, std::uint8_t *pixels, std::size_t pixel_count, accel_error *error) {
  return guarded(error, [&] {
    accel::core::Pipeline &drawing = required(pipeline, "pipeline").pipeline;
    const accel_shape said = known_part(&required(shape, "shape"));
    const accel::core::State &state = drawing.contents().bundle().manifest().state;
    accel::core::Array given{as_latents(said, state), {}};
    required(pixels, "pixels");
    check_room("latents", &required(latents, "latents"), latent_count, accel::core::count_of(given.shape));
    check_room("pixels", pixels, pixel_count, said.images * said.height * said.width * 3);
    given.values.assign(latents, latents + latent_count);
    drawing.decode(given, pixels);
  });
}
