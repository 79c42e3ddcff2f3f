#!/usr/bin/env bash
# Copyright The Muster Authors.
# SPDX-License-Identifier: Apache-2.0

# hack/bench.sh
#
# Runs the benchmarks and keeps what they print in results/, which git ignores.
# ARGS goes to the headline benchmark, for example ARGS="--edits 20"; COUNT is how
# often each microbenchmark runs (benchstat wants 6 or more).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

mkdir -p results .cache/bin
stamp=$(date -u +%Y%m%dT%H%M%SZ)

echo "== label edits through the API"
go build -o .cache/bin/labelchange ./test/bench/labelchange
# shellcheck disable=SC2086 # ARGS is a list of words
.cache/bin/labelchange --server bin/muster ${ARGS:-} | tee "results/labelchange-$stamp.md"

echo
echo "== the index and derive alone"
previous=$(find results -name 'micro-*.txt' | sort | tail -n 1)
current=results/micro-$stamp.txt
if ! go test -run='^$' -bench=. -benchmem -count="${COUNT:-1}" -timeout=60m ./pkg/registry/index ./pkg/registry/derive | tee "$current.part"; then
	rm -f "$current.part"
	exit 1
fi
mv "$current.part" "$current"
if [[ -n $previous ]]; then
	echo
	echo "== compared with $previous"
	benchstat=$(hack/tool.sh benchstat)
	"$benchstat" "$previous" "$current"
fi
