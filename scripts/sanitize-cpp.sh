#!/bin/sh
# libaccel's own programs under sanitizers: sanitize-cpp.sh PYTHON. ONNX Runtime itself is not instrumented. MUTATIONS and
# EXHAUSTED_EVERY ask for less: so many changed bundles, and memory that runs out at every so-many-th allocation.
set -eu
python=$1
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
bundle=$("$python" -c "from tests.cpp.bundles import many_schedulers; print(many_schedulers())")
small=$("$python" -c "from tests.bundles import family_bundle; print(family_bundle('sd21'))")
library=$("$python" -c "from tests.cpp.build import onnxruntime_library; print(onnxruntime_library())")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$bundle" "$work/bundle"

build() {
    (cd runtime/cpp && cmake --preset "$1" -G Ninja && cmake --build --preset "$1") > "$work/$1.log" 2>&1 ||
        { tail -40 "$work/$1.log"; exit 1; }
}

build sanitize
tests=build/cpp/sanitize/tests
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export LSAN_OPTIONS="suppressions=$root/runtime/cpp/tests/leaks.txt"
for name in cancel threads low_memory; do
    echo "address, undefined: $name"
    "$tests/test_$name" "$work/bundle" "$library"
done
echo "address, undefined: memory"
# What is freed would else be kept for a while, which looks like growth; so does what AddressSanitizer notes of every
# opened bundle, of which `make cpp` opens many.
ASAN_OPTIONS=quarantine_size_mb=1 "$tests/test_memory" "$work/bundle" "$library" 100 0
echo "address, undefined: exhaustion"
"$tests/test_exhaustion" "$small" "${EXHAUSTED_EVERY:-5}"
echo "address, undefined: mutations"
"$tests/test_mutations" "$work/bundle" "${MUTATIONS:-1000}"

build sanitize-thread
echo "thread: threads, cancel"
export TSAN_OPTIONS="suppressions=$root/runtime/cpp/tests/races.txt"
for name in threads cancel; do
    "build/cpp/sanitize-thread/tests/test_$name" "$work/bundle" "$library"
done
