/* libaccel: bundles of accel drawn from C, without Python and without torch. docs/cpp.md has examples.
 *
 * Every function that can fail returns a status and, where it is given an `accel_error`, writes one line of text there.
 * No state is global. Handles may be closed in any order: what needs another keeps it. Texts are UTF-8.
 *
 * Threads: a bundle, a backend and a pipeline may be used by any number of threads at a time. A plan, a request and a
 * noise belong to one thread at a time, but for accel_request_cancel, which any thread may call at any time.
 *
 * A NULL handle, or an output that is NULL where nothing says that it may be, is an ACCEL_INPUT_ERROR. */
#ifndef ACCEL_ACCEL_H
#define ACCEL_ACCEL_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define ACCEL_API __attribute__((visibility("default")))
#else
#define ACCEL_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Version of this interface. A library with another one is another library: its file name says so too. */
#define ACCEL_ABI_VERSION 1

typedef int32_t accel_status;
enum {
  ACCEL_OK = 0,
  ACCEL_INPUT_ERROR = 1,    /* an argument that cannot be used */
  ACCEL_BUNDLE_ERROR = 2,   /* a bundle that is incomplete, changed or malformed */
  ACCEL_BACKEND_ERROR = 3,  /* what executes graphs: library, provider, graph */
  ACCEL_NUMERICS_ERROR = 4, /* NaN or infinity in latents or pixels */
  ACCEL_CANCELLED = 5,      /* by accel_request_cancel or a callback */
  ACCEL_OUT_OF_MEMORY = 6,
  ACCEL_INTERNAL_ERROR = 7 /* a bug of ours */
};

/* Belongs to the caller, who needs not clear it. */
typedef struct accel_error {
  char text[1024]; /* what, expected, got, what to do; empty after ACCEL_OK */
} accel_error;

typedef struct accel_bundle accel_bundle;
typedef struct accel_backend accel_backend;
typedef struct accel_pipeline accel_pipeline;
typedef struct accel_plan accel_plan;
typedef struct accel_request accel_request;
typedef struct accel_noise accel_noise;

/* Structs that this header may lengthen begin with their own size, which the caller sets to sizeof. */

/* The ABI version of the library that was loaded, and its release. */
ACCEL_API uint32_t accel_abi_version(void);
ACCEL_API const char *accel_version(void);

/* ---- Bundle ---- */

enum { ACCEL_VERIFY_HASHES = 0, ACCEL_VERIFY_SIZES = 1 };

typedef struct accel_bundle_options {
  size_t size;
  int32_t verification; /* hashes read every byte once; sizes trust the weights */
  const char *digest;   /* required digest of the bundle; NULL accepts any */
} accel_bundle_options;

/* Opens and verifies a bundle's folder. `options` may be NULL. */
ACCEL_API accel_status accel_bundle_open(const char *folder, const accel_bundle_options *options, accel_bundle **bundle,
                                         accel_error *error);
ACCEL_API void accel_bundle_close(accel_bundle *bundle);

/* These live as long as the bundle. The manifest is the JSON text of accel.json. */
ACCEL_API const char *accel_bundle_digest(const accel_bundle *bundle);
ACCEL_API const char *accel_bundle_manifest(const accel_bundle *bundle);
/* Names by number, in alphabetical order; NULL behind the last. */
ACCEL_API const char *accel_bundle_scheduler(const accel_bundle *bundle, size_t number);
ACCEL_API const char *accel_bundle_plan(const accel_bundle *bundle, size_t number);
ACCEL_API const char *accel_bundle_text_encoder(const accel_bundle *bundle, size_t number);

/* Token ids of a prompt for a text encoder, padded to its length; NULL takes the first encoder. `length` is how many
 * ids a prompt has, of which at most `capacity` are written; `count` (may be NULL) how many it had before it was cut or
 * padded. */
ACCEL_API accel_status accel_bundle_tokenize(const accel_bundle *bundle, const char *text_encoder, const char *prompt,
                                             int64_t *ids, size_t capacity, size_t *length, size_t *count,
                                             accel_error *error);

/* ---- Backend ---- */

typedef struct accel_backend_options {
  size_t size;
  const char *library;             /* of ONNX Runtime or of OpenVINO; NULL takes the one that the linker finds */
  const char *provider;            /* of ONNX Runtime: cpu, cuda, rocm, migraphx, tensorrt, ort-openvino, webgpu; NULL is
                                      cpu. Of OpenVINO's own: openvino, openvino:DEVICE, openvino:PRECISION or
                                      openvino:DEVICE:PRECISION, with bf16, f16 or f32 */
  const char *const *option_names; /* options of the provider, which are passed to it as they are; openvino has
                                      cache_dir */
  const char *const *option_values;
  size_t option_count;
  int32_t threads; /* inside an operator; 0 leaves the choice to the library */
} accel_backend_options;

/* Loads ONNX Runtime, 1.18 or newer, or OpenVINO's C API, 2023.0 or newer. A provider that is not there is an error, and
 * so is a graph that it would leave to the processor. `options` may be NULL. */
ACCEL_API accel_status accel_backend_open(const accel_backend_options *options, accel_backend **backend,
                                          accel_error *error);
ACCEL_API void accel_backend_close(accel_backend *backend);
/* What really runs, such as `onnxruntime 1.31.1, CPUExecutionProvider`. */
ACCEL_API const char *accel_backend_description(const accel_backend *backend);

/* ---- Plan ---- */

/* A plan by what `accel generate --plan` takes: a plan of the bundle, such as fast; full, every:N or calls:0,3,7; or
 * the path of a plan.json. */
ACCEL_API accel_status accel_plan_open(const accel_bundle *bundle, const char *text, accel_plan **plan,
                                       accel_error *error);
/* The same from the content of a plan.json. */
ACCEL_API accel_status accel_plan_parse(const char *json, size_t length, accel_plan **plan, accel_error *error);
ACCEL_API void accel_plan_close(accel_plan *plan);

/* What a plan leaves open. A plan that was solved refuses another scheduler and other steps than its own. */
ACCEL_API accel_status accel_plan_set_scheduler(accel_plan *plan, const char *scheduler, accel_error *error);
ACCEL_API accel_status accel_plan_set_steps(accel_plan *plan, int32_t steps, accel_error *error);
ACCEL_API accel_status accel_plan_set_branch(accel_plan *plan, int32_t branch, accel_error *error);
/* hold, linear or quadratic. */
ACCEL_API accel_status accel_plan_set_forecast(accel_plan *plan, const char *forecast, accel_error *error);
ACCEL_API accel_status accel_plan_set_guided_calls(accel_plan *plan, int32_t first, int32_t last, accel_error *error);
/* Denoising steps of the plan; 0 where it leaves them open. */
ACCEL_API int32_t accel_plan_steps(const accel_plan *plan);

/* ---- Request ---- */

ACCEL_API accel_status accel_request_create(accel_request **request, accel_error *error);
ACCEL_API void accel_request_close(accel_request *request);

/* One image for each prompt, or `images_per_prompt` of them, which lie next to each other. */
ACCEL_API accel_status accel_request_add_prompt(accel_request *request, const char *prompt, accel_error *error);
/* None, one for all, or one for each prompt. */
ACCEL_API accel_status accel_request_add_negative(accel_request *request, const char *prompt, accel_error *error);
ACCEL_API accel_status accel_request_set_images_per_prompt(accel_request *request, int32_t images, accel_error *error);
/* Image i draws its noise from seed + i, as torch.Generator().manual_seed does. */
ACCEL_API accel_status accel_request_set_seed(accel_request *request, uint64_t seed, accel_error *error);
ACCEL_API accel_status accel_request_set_seeds(accel_request *request, const uint64_t *seeds, size_t count,
                                               accel_error *error);
/* In pixels; without it the bundle's own size. */
ACCEL_API accel_status accel_request_set_size(accel_request *request, int32_t height, int32_t width,
                                              accel_error *error);
/* 7.5 without it, or 1 of a model that is never guided; 1 or less does not guide. */
ACCEL_API accel_status accel_request_set_guidance(accel_request *request, double scale, accel_error *error);
ACCEL_API accel_status accel_request_set_guidance_rescale(accel_request *request, double rescale, accel_error *error);
/* Unit-variance noise [images, channels, latent height, latent width] in place of the seed's; it is copied. */
ACCEL_API accel_status accel_request_set_latents(accel_request *request, const float *latents, size_t count,
                                                 accel_error *error);
/* Where to start instead of from noise alone: one image for all or one for each, [count, height, width, 3]; it is
 * copied. `strength` is the share of the schedule that is run, more than 0 and at most 1. */
ACCEL_API accel_status accel_request_set_image(accel_request *request, const uint8_t *pixels, size_t count,
                                               int32_t height, int32_t width, double strength, accel_error *error);

/* Where the image is drawn anew, from 128 on; the rest of it stays: one mask for all or one for each, [count, height,
 * width]; it is copied. */
ACCEL_API accel_status accel_request_set_mask(accel_request *request, const uint8_t *mask, size_t count, int32_t height,
                                              int32_t width, accel_error *error);

typedef struct accel_control {
  size_t size;
  const uint8_t *pixels; /* one image for all or one for each, [count, height, width, 3] */
  size_t count;
  int32_t height, width;
  double scale;      /* how strong it is */
  double start, end; /* shares of the calls, from 0 to 1, between which it counts */
} accel_control;

/* A control image for the next ControlNet of the model; it is copied. */
ACCEL_API accel_status accel_request_add_control(accel_request *request, const accel_control *control,
                                                 accel_error *error);

/* What SDXL is told of the picture, in pixels; zeros are what is drawn. */
typedef struct accel_framing {
  size_t size;
  int32_t original_height, original_width; /* before it was cropped */
  int32_t crop_top, crop_left;
  int32_t target_height, target_width; /* of the crop */
  int32_t has_aesthetic_score;         /* whether the refiner is told the score below, and not diffusers' default */
  double aesthetic_score;
} accel_framing;

ACCEL_API accel_status accel_request_set_framing(accel_request *request, const accel_framing *framing,
                                                 accel_error *error);
/* The same of the negative half of guided calls; diffusers' default without it. */
ACCEL_API accel_status accel_request_set_negative_framing(accel_request *request, const accel_framing *framing,
                                                          accel_error *error);
/* For models that draw classes: one for all, or one for each prompt. */
ACCEL_API accel_status accel_request_set_class_labels(accel_request *request, const int64_t *labels, size_t count,
                                                      accel_error *error);

typedef struct accel_progress {
  size_t size;
  size_t index; /* number of the UNet call, from 0 */
  size_t total; /* how many the plan runs */
  double timestep;
  int32_t is_shallow;
  const float *latents; /* [images, channels, latent height, latent width] after the call, until the callback returns */
  size_t latent_count;
} accel_progress;

/* Called after every UNet call, by the thread that generates. A result other than 0 stops with ACCEL_CANCELLED. It must
 * not throw. NULL takes it away. */
typedef int32_t (*accel_on_progress)(void *user, const accel_progress *progress);
ACCEL_API accel_status accel_request_on_progress(accel_request *request, accel_on_progress callback, void *user,
                                                 accel_error *error);

/* Stops whatever runs on the request after the current UNet call, and all that would run on it later. */
ACCEL_API void accel_request_cancel(accel_request *request);

/* ---- Pipeline ---- */

/* A bundle on a backend: graphs are loaded when first needed, and stay loaded unless options say otherwise. */
ACCEL_API accel_status accel_pipeline_create(const accel_bundle *bundle, const accel_backend *backend,
                                             accel_pipeline **pipeline, accel_error *error);
ACCEL_API void accel_pipeline_close(accel_pipeline *pipeline);

/* What stays in memory: every graph that was ever needed; only those in use, which run a batch entry by entry; or that
 * for large models on cpu, and all graphs otherwise, as `accel generate` does for its single image. */
enum { ACCEL_KEEP_LOADED = 0, ACCEL_LOW_MEMORY = 1, ACCEL_MEMORY_BY_MODEL = 2 };

typedef struct accel_pipeline_options {
  size_t size;
  const char *form; /* of the bundle's graphs: plain, fused, attention or native; NULL or empty takes what suits the
                       backend best among those of the bundle, as Python does */
  int32_t memory;
} accel_pipeline_options;

/* The same with a choice. `options` may be NULL. */
ACCEL_API accel_status accel_pipeline_create_with(const accel_bundle *bundle, const accel_backend *backend,
                                                  const accel_pipeline_options *options, accel_pipeline **pipeline,
                                                  accel_error *error);
/* The form that runs. */
ACCEL_API const char *accel_pipeline_form(const accel_pipeline *pipeline);
/* 1 where only the graphs in use stay loaded, else 0. */
ACCEL_API int32_t accel_pipeline_has_low_memory(const accel_pipeline *pipeline);

typedef struct accel_shape {
  size_t size;
  size_t images, height, width;                 /* pixels: images × height × width × 3 */
  size_t channels, latent_height, latent_width; /* latents: images × channels × latent_height × latent_width */
} accel_shape;

/* What comes of a request. */
ACCEL_API accel_status accel_request_shape(const accel_request *request, const accel_pipeline *pipeline,
                                           accel_shape *shape, accel_error *error);

/* Draws into the caller's memory: `pixels`, [images, height, width, 3] in 0…255, and `latents`, [images, channels,
 * latent height, latent width], of so many elements as accel_request_shape tells. Either may be NULL; without pixels
 * nothing is decoded. */
ACCEL_API accel_status accel_generate(accel_pipeline *pipeline, const accel_plan *plan, accel_request *request,
                                      uint8_t *pixels, size_t pixel_count, float *latents, size_t latent_count,
                                      accel_error *error);

/* Pixels of latents, as accel_generate decodes them; for previews, also from within a callback. The latents are
 * [images, channels, latent height, latent width] of `shape`. */
ACCEL_API accel_status accel_decode(accel_pipeline *pipeline, const accel_shape *shape, const float *latents,
                                    size_t latent_count, uint8_t *pixels, size_t pixel_count, accel_error *error);

/* ---- Noise ---- */

/* `torch.Generator("cpu").manual_seed(seed)`, for float32 normal draws. */
ACCEL_API accel_status accel_noise_create(uint64_t seed, accel_noise **noise, accel_error *error);
ACCEL_API void accel_noise_close(accel_noise *noise);
/* The next draw of so many numbers, as `torch.randn` makes it. */
ACCEL_API accel_status accel_noise_draw(accel_noise *noise, float *values, size_t count, accel_error *error);

#ifdef __cplusplus
}
#endif

#endif
