#!/bin/sh
# libFuzzer on libaccel's readers, which takes clang: fuzz-cpp.sh PYTHON [TARGET…]. Each begins with the files of a bundle
# and goes on with what it found before; RUNS and SECONDS_EACH end it.
set -eu
python=$1
shift
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
bundle=$("$python" -c "from tests.cpp.bundles import many_schedulers; print(many_schedulers())")
build=build/cpp/fuzz
(cd runtime/cpp && cmake --preset fuzz -G Ninja && cmake --build --preset fuzz)

# The files of a bundle that a target reads.
seeds() {
    case $1 in
        manifest) echo "$bundle/accel.json" ;;
        plan) echo "$bundle"/plans/*.json ;;
        schedules) echo "$bundle"/schedules/*.safetensors ;;
        tokenizer) echo "$bundle/tokenizer/table.safetensors" ;;
        onnx) echo "$bundle"/unet/shallow_0.onnx "$bundle"/loop/*.onnx ;;
    esac
}

export ACCEL_FUZZ_TABLE="$bundle/tokenizer/table.safetensors"
for target in ${*:-manifest plan schedules tokenizer onnx prompt}; do
    corpus=$build/corpus/$target
    mkdir -p "$corpus"
    for file in $(seeds "$target"); do cp "$file" "$corpus"; done
    echo "fuzzing: $target"
    "$build/fuzz/fuzz_$target" -runs="${RUNS:-10000000}" -max_total_time="${SECONDS_EACH:-3600}" -timeout=60 -rss_limit_mb=3000 \
        -print_final_stats=1 -verbosity=0 -print_funcs=0 -artifact_prefix="$build/" "$corpus"
done
