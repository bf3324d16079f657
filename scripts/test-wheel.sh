#!/bin/sh
# Test what users install: build the wheel, install it with the `cpu` extra alone in an empty
# environment, and use it as an outsider, in an empty folder, without torch.
# usage: scripts/test-wheel.sh PYTHON   (a python that has `build`)
set -eu
python=$1
case $python in /*) ;; *) python=$PWD/$python ;; esac
root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$python" -m build --wheel --outdir "$work/dist" "$root" >"$work/build.log" 2>&1 || { cat "$work/build.log"; exit 1; }
"$python" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --constraint "$root/constraints.txt" "$(ls "$work"/dist/*.whl)[cpu]" "mypy"
"$python" -m accel_bench export --branches 0 --max-steps 4 --output "$work/bundle"

cd "$work"
cat >outsider.py <<'PY'
"""A user of the installed package: typed, and far from the checkout."""

import sys

from accel_runtime import Plan, Request, open_bundle

pipeline = open_bundle("bundle")
plan: Plan = pipeline.plan(4, "every:2")
result = pipeline.generate(Request(("a cat",)), plan)
assert result.images.shape == (1, 64, 64, 3)
assert not {"torch", "diffusers", "transformers", "onnx"} & set(sys.modules)
PY
venv/bin/python outsider.py
venv/bin/mypy --strict outsider.py
venv/bin/accel verify bundle
venv/bin/accel generate bundle "a cat" --steps 4 --plan every:2 --output cat.png
venv/bin/accel bench bundle --steps 4 --rounds 1 --plan every:2
if venv/bin/accel evaluate bundle --branch 0 --steps 4 2>error.txt; then echo "evaluate without its extra must fail"; exit 1; fi
grep -q "accel-sd\[quality\]" error.txt
if venv/bin/accel export --output other 2>error.txt; then echo "export without its extra must fail"; exit 1; fi
grep -q "accel-sd\[export\]" error.txt
venv/bin/accel profiles mi250 >/dev/null
site=$(venv/bin/python -c 'import accel_bench, pathlib; print(pathlib.Path(accel_bench.__file__).parents[1])')
for file in unet/diffusion_pytorch_model vae/diffusion_pytorch_model text_encoder/model; do
    test -f "$site/accel_exporter/sources/architectures/tiny/$file.fp16.safetensors"
done
test -f "$site/accel_exporter/sources/architectures/tiny/LICENSES.md"
for file in captions.json emoji_clip.onnx tokenizer.json; do test -f "$site/accel_bench/quality/data/$file"; done
echo "the wheel works outside the checkout"
