// Every position of our view of ONNX Runtime's table, held against ONNX Runtime's own header. It only has to compile.
#include <onnxruntime_c_api.h>

#include <cstddef>

#include "ort/api.hpp"

namespace {

namespace ort = accel::core::ort;

// The compiler's offset is right for a struct of pointers alone, which OrtApi is.
#pragma GCC diagnostic ignored "-Winvalid-offsetof"
#define IS_AT(ours, theirs) static_assert(ort::ours::position * sizeof(void *) == offsetof(OrtApi, theirs))

IS_AT(GetErrorMessage, GetErrorMessage);
IS_AT(CreateEnv, CreateEnv);
IS_AT(CreateSession, CreateSession);
IS_AT(CreateSessionOptions, CreateSessionOptions);
IS_AT(DisableMemPattern, DisableMemPattern);
IS_AT(SetSessionLogSeverityLevel, SetSessionLogSeverityLevel);
IS_AT(SetIntraOpNumThreads, SetIntraOpNumThreads);
IS_AT(CreateTensorWithDataAsOrtValue, CreateTensorWithDataAsOrtValue);
IS_AT(CreateCpuMemoryInfo, CreateCpuMemoryInfo);
IS_AT(ReleaseEnv, ReleaseEnv);
IS_AT(ReleaseStatus, ReleaseStatus);
IS_AT(ReleaseMemoryInfo, ReleaseMemoryInfo);
IS_AT(ReleaseSession, ReleaseSession);
IS_AT(ReleaseValue, ReleaseValue);
IS_AT(ReleaseSessionOptions, ReleaseSessionOptions);
IS_AT(AddFreeDimensionOverrideByName, AddFreeDimensionOverrideByName);
IS_AT(GetAvailableProviders, GetAvailableProviders);
IS_AT(ReleaseAvailableProviders, ReleaseAvailableProviders);
IS_AT(AddSessionConfigEntry, AddSessionConfigEntry);
IS_AT(RunWithBinding, RunWithBinding);
IS_AT(CreateIoBinding, CreateIoBinding);
IS_AT(ReleaseIoBinding, ReleaseIoBinding);
IS_AT(BindInput, BindInput);
IS_AT(BindOutput, BindOutput);
IS_AT(CreateAndRegisterAllocator, CreateAndRegisterAllocator);
IS_AT(CreateArenaCfg, CreateArenaCfg);
IS_AT(ReleaseArenaCfg, ReleaseArenaCfg);
IS_AT(AppendRocm, SessionOptionsAppendExecutionProvider_ROCM);
IS_AT(AppendTensorRt, SessionOptionsAppendExecutionProvider_TensorRT_V2);
IS_AT(CreateTensorRtOptions, CreateTensorRTProviderOptions);
IS_AT(UpdateTensorRtOptions, UpdateTensorRTProviderOptions);
IS_AT(ReleaseTensorRtOptions, ReleaseTensorRTProviderOptions);
IS_AT(AppendCuda, SessionOptionsAppendExecutionProvider_CUDA_V2);
IS_AT(CreateCudaOptions, CreateCUDAProviderOptions);
IS_AT(UpdateCudaOptions, UpdateCUDAProviderOptions);
IS_AT(ReleaseCudaOptions, ReleaseCUDAProviderOptions);
IS_AT(AppendProvider, SessionOptionsAppendExecutionProvider);
IS_AT(CreateRocmOptions, CreateROCMProviderOptions);
IS_AT(UpdateRocmOptions, UpdateROCMProviderOptions);
IS_AT(ReleaseRocmOptions, ReleaseROCMProviderOptions);

static_assert(ort::element_float32 == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT);
static_assert(ort::element_float16 == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16);
static_assert(ort::element_int32 == ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32);
static_assert(ort::element_int64 == ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64);
static_assert(ort::arena_allocator == OrtArenaAllocator && ort::device_allocator == OrtDeviceAllocator);
static_assert(ort::default_memory == OrtMemTypeDefault && ort::api_version <= ORT_API_VERSION);

}  // namespace
