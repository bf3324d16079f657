/* draw BUNDLE ONNXRUNTIME PROMPT: a picture from C, as image.ppm. */
#include <accel/accel.h>
#include <stdio.h>
#include <stdlib.h>

static int on_progress(void *user, const accel_progress *progress) {
  (void)user;
  return fprintf(stderr, "call %zu of %zu\n", progress->index + 1, progress->total) < 0;
}

int main(int count, char **texts) {
  accel_error error = {""};
  accel_bundle *bundle = NULL;
  accel_backend *backend = NULL;
  accel_pipeline *pipeline = NULL;
  accel_plan *plan = NULL;
  accel_request *request = NULL;
  accel_backend_options options = {.size = sizeof options, .library = count == 4 ? texts[2] : NULL};
  accel_shape shape = {.size = sizeof shape};
  uint8_t *pixels = NULL;
  int failed = count != 4 || accel_bundle_open(texts[1], NULL, &bundle, &error) ||
               accel_backend_open(&options, &backend, &error) ||
               accel_pipeline_create(bundle, backend, &pipeline, &error) ||
               accel_plan_open(bundle, "every:3", &plan, &error) || accel_plan_set_steps(plan, 5, &error) ||
               accel_request_create(&request, &error) || accel_request_add_prompt(request, texts[3], &error) ||
               accel_request_on_progress(request, on_progress, NULL, &error) ||
               accel_request_shape(request, pipeline, &shape, &error) ||
               !(pixels = malloc(shape.height * shape.width * 3)) ||
               accel_generate(pipeline, plan, request, pixels, shape.height * shape.width * 3, NULL, 0, &error);
  FILE *file = failed ? NULL : fopen("image.ppm", "wb");
  if (file) fprintf(file, "P6 %zu %zu 255\n", shape.width, shape.height);
  if (file) fwrite(pixels, 3, shape.height * shape.width, file), fclose(file);
  if (!file) fprintf(stderr, "draw: %s\n", error.text[0] ? error.text : "usage: draw BUNDLE ONNXRUNTIME PROMPT");
  free(pixels), accel_request_close(request), accel_plan_close(plan);
  accel_pipeline_close(pipeline), accel_backend_close(backend), accel_bundle_close(bundle);
  return file ? 0 : 1;
}
