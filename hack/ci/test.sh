#!/usr/bin/env bash
# Copyright The Muster Authors.
# SPDX-License-Identifier: Apache-2.0

# hack/ci/test.sh
#
# Runs every test, in three lots. pkg/registry, pkg/garbage and pkg/invariants run under
# the race detector, which also turns on the checks of package invariants. The rest of the
# module runs without it, and once more what is tested in smaller sizes under the
# detector; RACE=all runs all of the module under it. hack/image, a module of its own,
# belongs to the second lot. The third lot is test/e2e, a module of its own that runs
# Muster in a real cluster, and cmd/muster-agent, the agent that it uses. Its packages run
# one after the other, because each has a cluster to itself. LOTS=unit skips the third
# lot, LOTS=e2e runs nothing else.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

concurrent='/pkg/(invariants|garbage|registry)(/|$)'
smaller='/pkg/registry/(state|storage|etcd|server)$'
if [[ ${RACE:-} == all ]]; then
	concurrent='.'
fi

# Without C, all tests except those under the race detector share one build cache (see the
# Makefile).
export CGO_ENABLED=0
race=(env CGO_ENABLED=1 go test -race)
if [[ $(env -u CGO_ENABLED go env CGO_ENABLED) != 1 ]]; then
	echo "test.sh: no C compiler found, so the tests run without the race detector" >&2
	race=(go test)
fi

lots=${LOTS:-all}
case "$lots" in
all | unit | e2e) ;;
*)
	echo "test.sh: LOTS is $lots: say all, unit or e2e" >&2
	exit 2
	;;
esac

echo "fetching modules (the first time only) ..." >&2
go mod download || exit 1
all=$(go list ./...) || exit 1
raced=$(grep -E "$concurrent" <<<"$all")
plain=$(grep -Ev "$concurrent" <<<"$all"; grep -E "$smaller" <<<"$all")

if [[ $lots == e2e ]]; then
	raced='' plain=''
fi

# The logs of servers can bury the failures of a test, so they are printed again at the end.
output=$(mktemp)
trap 'rm -f "$output"' EXIT
noted() {
	"$@" 2>&1 | tee -a "$output"
	return "${PIPESTATUS[0]}"
}
found() {
	awk '/^ *--- FAIL|^FAIL|^panic:|WARNING: DATA RACE/ { print; next }
		/Error Trace:/ { inside = 1 }
		!/^ +\t/ { inside = 0 }
		inside { print }' "$output" | cut -c1-400 | head -n 150
}

code=0
if [[ -n $raced ]]; then
	echo "== tests under the race detector: $(wc -l <<<"$raced") packages"
	# shellcheck disable=SC2086 # one word per package
	noted "${race[@]}" -timeout 30m $raced || code=1
fi
# The sessions in test/kubectl use this kubectl. It is built here, because go test would not
# show that the build takes long.
hack/tool.sh kubectl >/dev/null || code=1
if [[ -n $plain ]]; then
	echo "== tests: $(wc -l <<<"$plain") packages (the first time, this compiles etcd and the API server: some minutes)"
	# shellcheck disable=SC2086
	noted go test -timeout 30m $plain || code=1
fi
# A module of its own, whose tests need no cluster.
if [[ $lots != e2e ]]; then
	(cd hack/image && noted go test ./...) || code=1
fi
# The roll-out in one process is next to the one in a cluster, but needs no cluster.
if [[ $lots != e2e ]]; then
	rollouts=(go test)
	[[ ${RACE:-} == all ]] && rollouts=("${race[@]}")
	(cd test/e2e && noted "${rollouts[@]}" ./rollout/{history,inprocess}) || code=1
fi
# Built here for the same reason. The first build takes a quarter of an hour on a small
# machine, most of it for the API server of Kubernetes.
if [[ $lots != unit ]]; then
	built=1
	for tool in etcd etcdctl etcdutl kube-apiserver kube-controller-manager kubectl helm kine muster-agent steve argo alerts; do
		hack/tool.sh "$tool" >/dev/null || built=0
	done
	if ((built)); then
		echo "== tests of the agent that the next ones use"
		(cd cmd/muster-agent && noted go test ./...) || code=1
		(
			cd test/e2e || exit 1
			packages=$(go list ./... | grep -Ev '/rollout/(history|inprocess)$') || exit 1
			echo "== tests in a real cluster: $(wc -l <<<"$packages") packages"
			# Not cached: the cache does not know the programs that the tests run.
			# shellcheck disable=SC2086
			noted go test -count=1 -p 1 -timeout 45m $packages
		) || code=1
	else
		echo "test.sh: a program was not built, so nothing was tested in a real cluster" >&2
		code=1
	fi
fi
if ((code != 0)); then
	echo "== what failed, again:" >&2
	found >&2
	echo "test.sh: some tests failed: see above" >&2
fi
exit "$code"
