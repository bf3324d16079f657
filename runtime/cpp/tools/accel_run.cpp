// accel-run BUNDLE "prompt" -o out.png: a picture without Python.
#include <cstdio>
#include <stdexcept>
#include <string_view>

#include "accel/accel.hpp"
#include "arguments.hpp"
#include "png.hpp"
#include "steering.hpp"

namespace {

constexpr std::int32_t default_steps = 20;

accel::Plan make_plan(const accel::Bundle &bundle, const tool::Arguments &arguments) {
  accel::Plan plan(bundle, arguments.plan);
  if (arguments.scheduler) plan.scheduler(*arguments.scheduler);
  if (arguments.steps || accel_plan_steps(plan.get()) == 0) plan.steps(arguments.steps.value_or(default_steps));
  if (arguments.branch) plan.branch(*arguments.branch);
  if (arguments.forecast) plan.forecast(*arguments.forecast);
  return plan;
}

accel::Request make_request(const tool::Arguments &arguments) {
  accel::Request request;
  request.prompt(arguments.prompt).negative(arguments.negative).seed(arguments.seed);
  if (arguments.guidance) request.guidance(*arguments.guidance);
  if (arguments.label) request.class_labels({*arguments.label});
  tool::set_start(request, arguments);
  tool::add_controls(request, arguments);
  if (arguments.height.has_value() != arguments.width.has_value()) {
    throw std::invalid_argument("--height and --width: expected both or none");
  }
  if (arguments.height) request.size(*arguments.height, *arguments.width);
  if (!arguments.is_quiet) {
    request.on_progress([](const accel_progress &progress) {
      std::fprintf(stderr, "\rcall %zu of %zu", progress.index + 1, progress.total);
      if (progress.index + 1 == progress.total) std::fputc('\n', stderr);
      return true;
    });
  }
  return request;
}

std::int32_t memory_of(const tool::Arguments &arguments) {
  if (!arguments.low_memory) return ACCEL_MEMORY_BY_MODEL;
  return *arguments.low_memory ? ACCEL_LOW_MEMORY : ACCEL_KEEP_LOADED;
}

void draw(const tool::Arguments &arguments) {
  const int verification = arguments.trusts_weights ? ACCEL_VERIFY_SIZES : ACCEL_VERIFY_HASHES;
  const accel::Bundle bundle(arguments.bundle, {sizeof(accel_bundle_options), verification, nullptr});
  const accel::Plan plan = make_plan(bundle, arguments);
  const accel::Request request = make_request(arguments);
  const accel::Backend backend(arguments.library, arguments.provider, arguments.options, arguments.threads);
  const accel::Pipeline pipeline(bundle, backend, arguments.form, memory_of(arguments));
  const accel::Result result = pipeline.generate(plan, request);
  tool::write_png(arguments.output, {result.pixels, static_cast<std::int32_t>(result.shape.height),
                                     static_cast<std::int32_t>(result.shape.width)});
  if (!arguments.is_quiet) std::printf("%s: %s\n", arguments.output.c_str(), backend.description().c_str());
}

}  // namespace

int main(int count, char **texts) {
  try {
    if (count == 2 && std::string_view(texts[1]) == "--version") {
      std::printf("accel %s, ABI %u\n", accel_version(), accel_abi_version());
      return 0;
    }
    const auto arguments = tool::parse_arguments(count, texts);
    if (arguments) {
      draw(*arguments);
    } else {
      std::fputs(tool::help, stdout);
    }
    return 0;
  } catch (const accel::Failure &failure) {
    std::fprintf(stderr, "accel-run: %s\n", failure.what());
    return failure.status() == ACCEL_INPUT_ERROR ? 2 : 1;
  } catch (const std::invalid_argument &error) {
    std::fprintf(stderr, "accel-run: %s\n", error.what());
    return 2;
  } catch (const std::exception &error) {
    std::fprintf(stderr, "accel-run: %s\n", error.what());
    return 1;
  }
}
