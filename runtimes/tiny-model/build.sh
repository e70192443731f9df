#!/bin/sh
# Makes plexus-tiny.gguf and plexus-tiny.json from nothing: corpus, tokenizer, training, export.
#   runtimes/tiny-model/build.sh            the shipped model, about half an hour of one core
#   STEPS=400 runtimes/tiny-model/build.sh  a rough model in a few minutes
# Intermediate files go to $BUILD_DIR, the results to $OUT_DIR.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-/usr/bin/python3}
build=${BUILD_DIR:-$here/build}
out=${OUT_DIR:-$here}
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1

mkdir -p "$build" "$out"
"$python" "$here/corpus.py" "$build/corpus.jsonl"
"$python" "$here/tokenizer.py" "$build/corpus.jsonl" "$build/merges.json"
nice -n 5 "$python" "$here/train.py" "$build/corpus.jsonl" "$build/merges.json" "$build/trained.pt" --steps "${STEPS:-2500}"
"$python" "$here/export.py" "$build/trained.pt" "$build/merges.json" "$out/plexus-tiny.gguf" "$out/plexus-tiny.json"
