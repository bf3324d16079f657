#!/bin/sh
# SD1.5's architecture on this machine's GPU: full, every:3 and every:5, by each way of running it that the GPU has.
#   sh scripts/measure-gpu.sh FOLDER [cuda | rocm | migraphx]
# Leaves FOLDER/doctor.json and one record per way, with every raw sample. Never run by us: no GPU was at hand.
set -eu
out=$1
provider=${2:-cuda}
mkdir -p "$out"
accel doctor --json > "$out/doctor.json"
accel doctor

# One export for all: plain, fused and native graphs in half precision, and packages where torch has the GPU.
bundle=$out/sd15-fp16
packages=
if python -c 'import torch, sys; sys.exit(not torch.cuda.is_available())' 2> /dev/null; then
    packages="--format inductor --device cuda"
fi
# shellcheck disable=SC2086  # several words
[ -d "$bundle" ] || accel export sd15 --weights random --dtype fp16 --branches 0 --schedulers ddim \
    --form fused,native $packages --output "$bundle"

measure() {
    name=$1
    shift
    accel bench "$bundle" --scheduler ddim --steps 50 --plan every:3 --plan every:5 --rounds 5 \
        --output "$out/$name.json" --force "$@" || echo "$name: not measured"
}

case $provider in
    cuda) forms="plain fused native" capture=enable_cuda_graph=1 ;;
    rocm) forms="plain fused" capture=enable_hip_graph=1 ;;
    *) forms=plain capture= ;;
esac
for form in $forms; do
    measure "$provider-$form" --provider "$provider" --form "$form"
    [ -z "$capture" ] || measure "$provider-$form-captured" --provider "$provider" --form "$form" --provider-option "$capture"
done
# The same pipeline in diffusers itself, in the same rounds.
[ -d "$out/sd15-weights" ] || accel peers weights sd15 --weights random --output "$out/sd15-weights"
measure "$provider-peers" --provider "$provider" --peer-weights "$out/sd15-weights" \
    --peer diffusers:cuda:f16 --peer torch-compile:cuda:f16 --peer deepcache:3:cuda:f16 --peer deepcache:5:cuda:f16
[ -z "$packages" ] || measure inductor --provider inductor-cuda
