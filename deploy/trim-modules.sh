#!/bin/sh
# Removes from ./node_modules what the image never reads: other systems' binaries, sources, declarations and source maps.
set -eu
cd node_modules
arch=$(node -p process.arch)
# The network runtime and the search index come with the binaries of every system, the index with its sources as well.
find onnxruntime-node/bin -mindepth 3 -maxdepth 3 ! -path "*/linux/$arch" -exec rm -r {} +
find usearch/prebuilds -mindepth 1 -maxdepth 1 ! -name "linux-$arch" -exec rm -r {} +
rm -rf usearch/numkong usearch/c usearch/cpp usearch/include
# The second build of the picture converter, for memories beyond 4 GB.
rm -rf @imagemagick/magick-wasm/dist/x64
# A compiler, which a client names as its peer.
rm -rf typescript @typescript
# Bindings for another runtime than Node.js.
rm -rf bare-*/prebuilds
# OpenTelemetry's builds for bundlers.
find @opentelemetry -type d \( -path '*/build/esm' -o -path '*/build/esnext' \) -prune -exec rm -r {} +
find . -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' \) -delete
