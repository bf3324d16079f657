"""Execution providers of ONNX Runtime as data: which wheel has them, what they need, what can be set.

Names of options were read from the wheels named beside them; ONNX Runtime ignores some wrong names in silence, so they
are checked here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final, Literal

from accel_runtime.errors import InputError

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Provider:
    """One execution provider.

    Attributes:
        name: ONNX Runtime's name of it.
        extra: The extra of ours whose wheel has it.
        library: The file of that wheel which links the vendor's libraries; None where there are none.
        driver: The library that comes with the card's driver; None where nothing tells.
        memory: ONNX Runtime's name of its memory, for binding buffers.
        allocates: Who makes buffers there: ONNX Runtime when `asked`, or a `graph`, as its output.
        capture: The option that records a call once and replays it; None where it has none.
        known: Options that it takes.
        options: Those that are set where the user sets nothing.
        plugin: The package that brings it to any ONNX Runtime from 1.24 on, and that calls options otherwise.
        plugin_options: Our name of an option → the plug-in's, where they differ.
        plugin_takes: Which of its devices a session gets: the `first`, or `all`.
    """

    name: str
    extra: str
    library: str | None = None
    driver: str | None = None
    memory: str = "cpu"
    allocates: Literal["asked", "graph"] = "asked"
    capture: str | None = None
    known: frozenset[str] = frozenset()
    options: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    plugin: str | None = None
    plugin_options: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    plugin_takes: Literal["first", "all"] = "all"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# onnxruntime-gpu 1.31.1
_CUDA = _words("""
    arena_extend_strategy cudnn_conv1d_pad_to_nc1d cudnn_conv_algo_search cudnn_conv_use_max_workspace device_id
    do_copy_in_default_stream enable_cuda_graph enable_cudnn enable_skip_layer_norm_strict_mode fuse_conv_bias
    gpu_external_alloc gpu_external_empty_cache gpu_external_free gpu_mem_limit has_user_compute_stream prefer_nhwc
    sdpa_kernel tunable_op_enable tunable_op_max_tuning_duration_ms tunable_op_tuning_enable use_ep_level_unified_stream
    use_tf32 user_compute_stream
""")
# onnxruntime-rocm 1.22.2
_ROCM = _words("""
    arena_extend_strategy device_id do_copy_in_default_stream enable_hip_graph gpu_external_alloc
    gpu_external_empty_cache gpu_external_free gpu_mem_limit has_user_compute_stream miopen_conv_exhaustive_search
    miopen_conv_use_max_workspace tunable_op_enable tunable_op_max_tuning_duration_ms tunable_op_tuning_enable
    user_compute_stream
""")
# onnxruntime-migraphx 1.27.1
_MIGRAPHX = _words("""
    device_id migraphx_arena_extend_strategy migraphx_bf16_enable migraphx_exhaustive_tune
    migraphx_external_alloc migraphx_external_empty_cache migraphx_external_free migraphx_fp16_enable
    migraphx_fp8_enable migraphx_int8_calibration_table_name migraphx_int8_enable
    migraphx_int8_use_native_calibration_table migraphx_mem_limit migraphx_model_cache_dir
""")
# onnxruntime-gpu 1.31.1; those that serve an image pipeline
_TENSORRT = _words("""
    device_id has_user_compute_stream trt_auxiliary_streams trt_bf16_enable trt_builder_optimization_level
    trt_context_memory_sharing_enable trt_cuda_graph_enable trt_detailed_build_log trt_dump_ep_context_model
    trt_engine_cache_enable trt_engine_cache_path trt_engine_cache_prefix trt_ep_context_embed_mode
    trt_ep_context_file_path trt_fp16_enable trt_layer_norm_fp32_fallback trt_max_workspace_size
    trt_op_types_to_exclude trt_profile_max_shapes trt_profile_min_shapes trt_profile_opt_shapes
    trt_timing_cache_enable trt_timing_cache_path user_compute_stream
""")
# onnxruntime-openvino 1.24.1
_OPENVINO = _words("""
    cache_dir device_type disable_dynamic_shapes enable_opencl_throttling enable_qdq_optimizer load_config
    model_priority num_of_threads num_streams precision reshape_input
""")

# onnxruntime-webgpu 1.27.0; those that a user may set
_WEBGPU = _words("""
    dawnBackendType defaultBufferCacheMode deviceId enableGraphCapture enableInt64 forceCpuNodeNames
    maxStorageBufferBindingSize powerPreference preferredLayout queryResolveBufferCacheMode storageBufferCacheMode
    uniformBufferCacheMode validationMode
""")

# Short name → provider. ROCm's wheel calls its memory "cuda".
PROVIDERS: Final[Mapping[str, Provider]] = MappingProxyType(
    {
        "cpu": Provider("CPUExecutionProvider", "cpu"),
        "cuda": Provider(
            "CUDAExecutionProvider",
            "cuda",
            library="libonnxruntime_providers_cuda.so",
            driver="libcuda.so.1",
            memory="cuda",
            capture="enable_cuda_graph",
            known=_CUDA,
        ),
        "rocm": Provider(
            "ROCMExecutionProvider",
            "rocm",
            library="libonnxruntime_providers_rocm.so",
            memory="cuda",
            capture="enable_hip_graph",
            known=_ROCM,
            # Without tuning this provider finds no kernel for some shapes (ONNX Runtime's Stable Diffusion README).
            options={"tunable_op_enable": "1", "tunable_op_tuning_enable": "1"},
        ),
        "migraphx": Provider(
            "MIGraphXExecutionProvider",
            "migraphx",
            library="libonnxruntime_providers_migraphx.so",
            known=_MIGRAPHX,
            plugin="onnxruntime_ep_migraphx",
            plugin_options={
                name: name.removeprefix("migraphx_").replace("model_cache_dir", "cache_dir") for name in _MIGRAPHX
            },
        ),
        "tensorrt": Provider(
            "TensorrtExecutionProvider",
            "cuda",
            library="libonnxruntime_providers_tensorrt.so",
            driver="libcuda.so.1",
            memory="cuda",
            capture="trt_cuda_graph_enable",
            known=_TENSORRT,
        ),
        "webgpu": Provider(
            "WebGpuExecutionProvider",
            "webgpu",
            memory="webgpu",
            allocates="graph",
            capture="enableGraphCapture",
            known=_WEBGPU,
            plugin="onnxruntime_ep_webgpu",
            plugin_takes="first",
        ),
        "ort-openvino": Provider(
            "OpenVINOExecutionProvider",
            "ort-openvino",
            library="libonnxruntime_providers_openvino.so",
            known=_OPENVINO,
            plugin="onnxruntime_ep_openvino",
        ),
    }
)


# WebGPU on an adapter that is a program on the processor, for tests: never taken unless asked for.
SOFTWARE_GPU: Final = "webgpu:software"


def short_name(name: str) -> str:
    """Our name of a provider that may be written as ONNX Runtime writes it; other names come back as they are.

    >>> short_name("CUDAExecutionProvider"), short_name("openvino:GPU")
    ('cuda', 'openvino:GPU')
    """
    return next((short for short, provider in PROVIDERS.items() if provider.name.lower() == name.lower()), name)


def check_options(provider: Provider, options: Mapping[str, str]) -> Mapping[str, str]:
    """The options to set: the provider's own, and over them the user's.

    Raises:
        InputError: The provider has no such option; says which comes nearest.
    """
    for name in options:
        if name not in provider.known:
            near = get_close_matches(name, provider.known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"it takes {', '.join(sorted(provider.known)) or 'none'}"
            raise InputError(f"{provider.name} has no option {name!r}: {hint}")
    return {**provider.options, **options}
