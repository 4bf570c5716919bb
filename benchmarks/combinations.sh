#!/usr/bin/env bash
# Trains, exports, evaluates (on clips and streams) and compares the thesis's six combinations of extractor and classifier.
#
#   bash benchmarks/combinations.sh DATA OUTPUT
#
# Needs the extra 'train', and EfficientNet-Lite2 as the large network in the models folder (build it once; needs torch):
#
#   python models/scripts/build_efficientnet_lite.py lite2 --output ~/.local/share/edgevid/models
#
# The networks have the thesis's size. Its learning rate of 1e-5 is for about 10,000 clips. For a few hundred, all six use ten
# times that rate and half the patience. An interrupted run resumes.
set -euo pipefail
data=$1 output=$2
for extractor in mobilenet_v2_1.0_224_uint8 efficientnet_lite2_uint8; do
    for architecture in gru lstm single-frame; do
        name=$extractor-$architecture
        edgevid train "$data" -o "$output/runs/$name" --overwrite \
            --extractor "$extractor" --architecture "$architecture" --learning-rate 1e-4 --patience 10
        edgevid evaluate "$output/runs/$name" "$data" --streaming -o "$output/evaluations/$name"
    done
done
edgevid compare "$output"/evaluations/* -o "$output/comparison"
