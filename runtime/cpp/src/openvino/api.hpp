// The part of OpenVINO's C API that we call, as we see it: functions by their names, which every release from 2023.0 to
// 2026.4 has with these arguments. Its numbers of element types differ among releases, so none is written here.
#pragma once

#include <cstddef>
#include <cstdint>

namespace accel::core::openvino {

struct Core;
struct Model;
struct Compiled;
struct Request;
struct Tensor;
struct Port;

struct Version {
  const char *build;
  const char *description;
};

struct Dims {
  std::int64_t rank;
  std::int64_t *sizes;
};

// A range, which is a number where its ends are one.
struct Extent {
  std::int64_t least;
  std::int64_t most;
};

struct PartialShape {
  Extent rank;
  Extent *sizes;
};

using Code = int;          // 0 where all went well
using ElementType = int;   // as a port tells it

// clang-format off
struct Api {
  const char *(*get_last_err_msg)();
  void (*free)(const char *);
  Code (*get_openvino_version)(Version *);
  void (*version_free)(Version *);
  Code (*core_create)(Core **);
  void (*core_free)(Core *);
  Code (*core_read_model)(const Core *, const char *path, const char *weights, Model **);
  Code (*core_read_model_from_memory_buffer)(const Core *, const char *text, std::size_t length, const Tensor *weights, Model **);
  Code (*core_compile_model)(const Core *, const Model *, const char *device, std::size_t texts, Compiled **, ...);
  void (*model_free)(Model *);
  Code (*model_reshape)(const Model *, const char **names, const PartialShape *, std::size_t count);
  Code (*compiled_model_get_property)(const Compiled *, const char *key, char **value);
  Code (*compiled_model_input_by_name)(const Compiled *, const char *name, Port **);
  Code (*compiled_model_output_by_name)(const Compiled *, const char *name, Port **);
  Code (*compiled_model_create_infer_request)(const Compiled *, Request **);
  void (*compiled_model_free)(Compiled *);
  Code (*port_get_element_type)(const Port *, ElementType *);
  Code (*const_port_get_shape)(const Port *, Dims *);
  void (*output_const_port_free)(Port *);
  Code (*shape_free)(Dims *);
  Code (*tensor_create_from_host_ptr)(ElementType, Dims, void *, Tensor **);
  Code (*tensor_get_byte_size)(const Tensor *, std::size_t *);
  void (*tensor_free)(Tensor *);
  Code (*infer_request_set_tensor)(Request *, const char *name, const Tensor *);
  Code (*infer_request_infer)(Request *);
  void (*infer_request_free)(Request *);
};
// clang-format on

}  // namespace accel::core::openvino
