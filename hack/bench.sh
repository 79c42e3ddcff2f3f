#!/usr/bin/env bash
# Copyright The Muster Authors.
# SPDX-License-Identifier: Apache-2.0

# hack/bench.sh [FLAG...]
#
# Builds the benchmarks of test/e2e/bench and runs them with the flags. The report goes to
# results/, which git ignores.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export CGO_ENABLED=0
mkdir -p .cache/bin
(cd test/e2e && ../../hack/progress.sh "building the benchmarks" go build -o ../../.cache/bin/bench ./bench)
if [[ " $* " != *" --update "* ]]; then
	# Built here, because a progress bar would hide the builds.
	for tool in etcd etcdctl etcdutl kube-apiserver kube-controller-manager kubectl; do
		hack/tool.sh "$tool" >/dev/null
	done
fi
exec .cache/bin/bench "$@"
