// The part of ONNX Runtime's C API that we call, as we see it: a table of functions that only ever grows at its end, by
// their positions in it. Where ONNX Runtime's own header is there, tests/ort_header.cpp holds every position against
// it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace accel::core::ort {

struct Status;
struct Env;
struct Session;
struct SessionOptions;
struct RunOptions;
struct MemoryInfo;
struct Value;
struct IoBinding;
struct ArenaCfg;
struct CudaOptions;
struct RocmOptions;
struct TensorRtOptions;

// The lowest version of the API that has all positions below.
inline constexpr std::uint32_t api_version = 18;

// ONNX Runtime's numbers.
inline constexpr int arena_allocator = 1;
inline constexpr int device_allocator = 0;
inline constexpr int default_memory = 0;
inline constexpr int element_float32 = 1;
inline constexpr int element_int32 = 6;
inline constexpr int element_int64 = 7;
inline constexpr int element_float16 = 10;

// A function at a position of the table.
template <std::size_t Position, typename Signature>
struct Slot;

template <std::size_t Position, typename Result, typename... Arguments>
struct Slot<Position, Result(Arguments...)> {
  static constexpr std::size_t position = Position;
  using Function = Result (*)(Arguments...);
};

// clang-format off
using GetErrorMessage = Slot<2, const char *(const Status *)>;
using CreateEnv = Slot<3, Status *(int severity, const char *name, Env **)>;
using CreateSession = Slot<7, Status *(const Env *, const char *path, const SessionOptions *, Session **)>;
using CreateSessionOptions = Slot<10, Status *(SessionOptions **)>;
using DisableMemPattern = Slot<17, Status *(SessionOptions *)>;
using SetSessionLogSeverityLevel = Slot<22, Status *(SessionOptions *, int)>;
using SetIntraOpNumThreads = Slot<24, Status *(SessionOptions *, int)>;
using CreateTensorWithDataAsOrtValue = Slot<49, Status *(const MemoryInfo *, void *, std::size_t bytes, const std::int64_t *shape, std::size_t rank, int element, Value **)>;
using CreateCpuMemoryInfo = Slot<69, Status *(int allocator, int memory, MemoryInfo **)>;
using ReleaseEnv = Slot<92, void(Env *)>;
using ReleaseStatus = Slot<93, void(Status *)>;
using ReleaseMemoryInfo = Slot<94, void(MemoryInfo *)>;
using ReleaseSession = Slot<95, void(Session *)>;
using ReleaseValue = Slot<96, void(Value *)>;
using ReleaseSessionOptions = Slot<100, void(SessionOptions *)>;
using AddFreeDimensionOverrideByName = Slot<124, Status *(SessionOptions *, const char *, std::int64_t)>;
using GetAvailableProviders = Slot<125, Status *(char ***, int *)>;
using ReleaseAvailableProviders = Slot<126, Status *(char **, int)>;
using AddSessionConfigEntry = Slot<130, Status *(SessionOptions *, const char *, const char *)>;
using RunWithBinding = Slot<133, Status *(Session *, const RunOptions *, const IoBinding *)>;
using CreateIoBinding = Slot<134, Status *(Session *, IoBinding **)>;
using ReleaseIoBinding = Slot<135, void(IoBinding *)>;
using BindInput = Slot<136, Status *(IoBinding *, const char *, const Value *)>;
using BindOutput = Slot<137, Status *(IoBinding *, const char *, const Value *)>;
using CreateAndRegisterAllocator = Slot<144, Status *(Env *, const MemoryInfo *, const ArenaCfg *)>;
using CreateArenaCfg = Slot<156, Status *(std::size_t most, int extend, int first, int dead, ArenaCfg **)>;
using ReleaseArenaCfg = Slot<157, void(ArenaCfg *)>;

// Of single providers.
using AppendRocm = Slot<153, Status *(SessionOptions *, const RocmOptions *)>;
using AppendTensorRt = Slot<170, Status *(SessionOptions *, const TensorRtOptions *)>;
using CreateTensorRtOptions = Slot<171, Status *(TensorRtOptions **)>;
using UpdateTensorRtOptions = Slot<172, Status *(TensorRtOptions *, const char *const *, const char *const *, std::size_t)>;
using ReleaseTensorRtOptions = Slot<174, void(TensorRtOptions *)>;
using AppendCuda = Slot<204, Status *(SessionOptions *, const CudaOptions *)>;
using CreateCudaOptions = Slot<205, Status *(CudaOptions **)>;
using UpdateCudaOptions = Slot<206, Status *(CudaOptions *, const char *const *, const char *const *, std::size_t)>;
using ReleaseCudaOptions = Slot<208, void(CudaOptions *)>;
using AppendProvider = Slot<216, Status *(SessionOptions *, const char *, const char *const *, const char *const *, std::size_t)>;
using CreateRocmOptions = Slot<255, Status *(RocmOptions **)>;
using UpdateRocmOptions = Slot<256, Status *(RocmOptions *, const char *const *, const char *const *, std::size_t)>;
using ReleaseRocmOptions = Slot<258, void(RocmOptions *)>;
// clang-format on

// `OrtApiBase`, the one symbol that the library must have.
struct ApiBase {
  const void *(*get_api)(std::uint32_t version);
  const char *(*get_version)();
};

}  // namespace accel::core::ort
