#!/bin/sh
# libFuzzer on libaccel's readers, which takes clang: fuzz-cpp.sh PYTHON [TARGET…]. Each begins with small documents and
# goes on with what it found before; RUNS and SECONDS_EACH end it. What it says goes to build/cpp/fuzz/TARGET.log.
set -eu
python=$1
shift
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
build=build/cpp/fuzz
(cd runtime/cpp && cmake --preset fuzz -G Ninja && cmake --build --preset fuzz)
"$python" -m tests.cpp.seeds "$build/seeds"

# Only these two read what an exporter made.
make_bundle() {
    bundle=${bundle:-$("$python" -c "from tests.cpp.bundles import many_schedulers; print(many_schedulers())")}
}
bundle=${ACCEL_FUZZ_BUNDLE:-}
seed_from_bundle() {
    mkdir -p "$build/seeds/$1"
    case $1 in
        onnx) make_bundle && cp "$bundle"/unet/shallow_0.onnx "$bundle"/loop/*.onnx "$build/seeds/onnx" ;;
        prompt) make_bundle && export ACCEL_FUZZ_TABLE="$bundle/tokenizer/table.safetensors" ;;
    esac
}

# Bytes of the longest input: a little more than the longest seed.
longest() {
    case $1 in
        manifest | tokenizer | onnx) echo 4096 ;;
        schedules) echo 2048 ;;
        plan) echo 512 ;;
        prompt) echo 256 ;;
    esac
}

sources() {
    case $1 in
        manifest) echo runtime/cpp/src/manifest/*.cpp ;;
        plan) echo runtime/cpp/src/plans/*.cpp ;;
        schedules) echo runtime/cpp/src/schedules/file.cpp runtime/cpp/src/base/safetensors.cpp ;;
        tokenizer) echo runtime/cpp/src/text/table.cpp runtime/cpp/src/base/safetensors.cpp ;;
    esac
}

# The words that a reader knows, as libFuzzer takes them: with their quotation marks, and numbers at the edges of types.
write_dictionary() {
    if [ -n "$(sources "$1")" ]; then
        grep -oh '"[A-Za-z_][A-Za-z0-9_:.-]*"' $(sources "$1") | sort -u | sed 's/^"\(.*\)"$/"\\"\1\\""/'
    fi
    printf '"%s"\n' null true false -1 0.5 1e300 2147483648 9223372036854775807 18446744073709551616 '{}' '[]' '\"' , :
}

# Little is freed late and the stack of an allocation is short, which makes AddressSanitizer twice as quick: a crash is run
# again without these.
export ASAN_OPTIONS="quarantine_size_mb=4:malloc_context_size=0:${ASAN_OPTIONS:-}"
for target in ${*:-manifest plan schedules tokenizer onnx prompt}; do
    seed_from_bundle "$target"
    mkdir -p "$build/corpus/$target"
    write_dictionary "$target" > "$build/$target.dict"
    echo "fuzzing: $target"
    "$build/fuzz/fuzz_$target" -runs="${RUNS:-10000000}" -max_total_time="${SECONDS_EACH:-3600}" -timeout=10 \
        -rss_limit_mb=2500 -max_len="$(longest "$target")" -dict="$build/$target.dict" -print_final_stats=1 -print_pcs=0 \
        -print_funcs=0 -reload=0 -artifact_prefix="$build/" "$build/corpus/$target" "$build/seeds/$target" \
        > "$build/$target.log" 2>&1 || { tail -60 "$build/$target.log"; exit 1; }
    grep -E "DONE|stat::number_of_executed|stat::average|^Done" "$build/$target.log"
done
