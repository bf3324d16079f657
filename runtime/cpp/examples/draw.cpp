// draw_cpp BUNDLE ONNXRUNTIME PROMPT: a picture from C++, as image.ppm.
#include <accel/accel.hpp>
#include <fstream>
#include <iostream>

int main(int count, char **texts) try {
  if (count != 4) throw std::runtime_error("usage: draw_cpp BUNDLE ONNXRUNTIME PROMPT");
  const accel::Bundle bundle(texts[1]);
  const accel::Backend backend(texts[2]);
  const accel::Pipeline pipeline(bundle, backend);
  accel::Plan plan(bundle, "every:3");
  plan.steps(5).forecast("linear");
  accel::Request request(texts[3]);
  request.seed(7).guidance(4.0).on_progress([](const accel_progress &progress) {
    std::cerr << "call " << progress.index + 1 << " of " << progress.total << '\n';
    return true;
  });
  const accel::Result result = pipeline.generate(plan, request);
  std::ofstream file("image.ppm", std::ios::binary);
  file << "P6 " << result.shape.width << ' ' << result.shape.height << " 255\n";
  file.write(reinterpret_cast<const char *>(result.pixels.data()), static_cast<std::streamsize>(result.pixels.size()));
} catch (const std::exception &error) {
  std::cerr << "draw_cpp: " << error.what() << '\n';
  return 1;
}
