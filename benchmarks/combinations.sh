#!/usr/bin/env bash
# The thesis's six combinations of extractor and classifier: trained, exported, evaluated as clips and as streams, compared.
#
#   bash benchmarks/combinations.sh DATA OUTPUT
#
# Needs the extra 'train', and EfficientNet-Lite2, which stands in for the large network, in the models folder (once; needs torch):
#
#   python models/scripts/build_efficientnet_lite.py lite2 --output ~/.local/share/edgevid/models
#
# The networks have the thesis's size. Its learning rate, 1e-5, is for about 10,000 clips; on a few hundred this one is ten times
# as large, and patience half as long, for all six alike. A run that was interrupted goes on.
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
