#!/bin/sh
# Run a command where Vulkan finds a graphics adapter: the machine's own, else SwiftShader, which Chromium brings.
#   sh scripts/with-software-gpu.sh COMMAND …
# Installs Debian's packages `chromium` and `libvulkan1` where they are missing and may be installed.
set -eu

# A render node is what Vulkan's drivers of real cards open.
if ls /dev/dri/renderD* > /dev/null 2>&1; then
    exec "$@"
fi
icd=/usr/lib/chromium/vk_swiftshader_icd.json
if { [ ! -e "$icd" ] || ! ldconfig -p | grep -q libvulkan.so.1; } && command -v apt-get > /dev/null; then
    apt-get update -qq && apt-get install -y -qq chromium libvulkan1 > /dev/null
fi
if [ ! -e "$icd" ]; then
    echo "no graphics adapter, and no SwiftShader: install Debian's package chromium" >&2
    exit 1
fi
XDG_RUNTIME_DIR=$(mktemp -d)
export XDG_RUNTIME_DIR VK_ICD_FILENAMES="$icd"
trap 'rm -rf "$XDG_RUNTIME_DIR"' EXIT
"$@"
