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
[ -d "$out/sd15-fp16" ] || accel export sd15 --weights random --dtype fp16 --branches 0 --schedulers ddim --output "$out/sd15-fp16"
measure() {
    name=$1
    shift
    accel bench "$out/$bundle" --scheduler ddim --steps 50 --plan every:3 --plan every:5 --rounds 5 \
        --output "$out/$name.json" --force "$@" || echo "$name: not measured"
}
bundle=sd15-fp16
measure "$provider" --provider "$provider"
case $provider in
    cuda) measure cuda-graph --provider cuda --provider-option enable_cuda_graph=1 ;;
    rocm) measure hip-graph --provider rocm --provider-option enable_hip_graph=1 ;;
esac
if python -c 'import torch, sys; sys.exit(not torch.cuda.is_available())' 2> /dev/null; then
    bundle=sd15-inductor
    [ -d "$out/$bundle" ] || accel export sd15 --weights random --branches 0 --schedulers ddim --format inductor --device cuda --output "$out/$bundle"
    measure inductor --provider inductor-cuda
fi
