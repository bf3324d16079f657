#!/usr/bin/env bash
# SD1.5's architecture on this machine's GPU: full, every:3 and every:5, by each way of running it that the GPU has.
#   sh scripts/measure-gpu.sh FOLDER [cuda | rocm | migraphx | webgpu]
# Leaves FOLDER/doctor.json, where every node of every form went (placement-*.json), a picture beside the CPU's, and
# one record per way with every raw sample; meant to take less than 15 minutes. Never run by us: no GPU was at hand.
set -eu
out=$1
provider=${2:-cuda}
mkdir -p "$out"
accel doctor --json > "$out/doctor.json"
accel doctor

# One export for all: plain, fused and native graphs in half precision, and packages where torch has the GPU.
bundle=$out/sd15-fp16
packages=
if [ "$provider" != webgpu ] && python -c 'import torch, sys; sys.exit(not torch.cuda.is_available())' 2> /dev/null; then
    packages="--artifact inductor --device cuda"
fi
# shellcheck disable=SC2086  # several words
[ -d "$bundle" ] || accel export sd15 --weights random --dtype fp16 --branches 0 --schedulers ddim \
    --form fused,native $packages --output "$bundle"

# Where the nodes of every graph go; what is refused is named, with its operators.
accel doctor --bundle "$bundle" --provider "$provider" --json > "$out/placement-$provider.json"
accel doctor --bundle "$bundle" --provider "$provider"

# The built-in model's picture on the GPU and on the CPU: same seed, so they must look the same.
[ -d "$out/tiny" ] || accel export --schedulers ddim --output "$out/tiny"
for where in "$provider" cpu; do
    accel generate "$out/tiny" "red apple on a blue background" --steps 20 --plan every:3 --forecast linear \
        --provider "$where" --output "$out/apple-$where.png" --force || echo "$where: no picture"
done

measure() {
    name=$1
    shift
    accel bench "$bundle" --scheduler ddim --steps 50 --plan every:3 --plan every:5 --rounds 3 \
        --output "$out/$name.json" --force "$@" || echo "$name: not measured"
}

case $provider in
    cuda) forms="plain fused native" capture=enable_cuda_graph=1 ;;
    rocm) forms="plain fused" capture=enable_hip_graph=1 ;;
    webgpu) forms=plain capture=enableGraphCapture=1 ;;
    *) forms=plain capture= ;;
esac
for form in $forms; do
    measure "$provider-$form" --provider "$provider" --form "$form"
    [ -z "$capture" ] || measure "$provider-$form-captured" --provider "$provider" --form "$form" --provider-option "$capture"
done
[ "$provider" != webgpu ] || exit 0
# The same pipeline in diffusers itself, in the same rounds.
[ -d "$out/sd15-weights" ] || accel peers weights sd15 --weights random --output "$out/sd15-weights"
measure "$provider-peers" --provider "$provider" --peer-weights "$out/sd15-weights" \
    --peer diffusers:cuda:f16 --peer torch-compile:cuda:f16 --peer deepcache:3:cuda:f16 --peer deepcache:5:cuda:f16
[ -z "$packages" ] || measure inductor --provider inductor-cuda
