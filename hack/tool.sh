#!/usr/bin/env bash
# Copyright The Muster Authors.
# SPDX-License-Identifier: Apache-2.0

# hack/tool.sh [--built] NAME
#
# Prints the path of a program that one of the nested modules pins. It builds the program
# first, unless this checkout has already built that version with this Go. With --built it
# fails instead, and prints nothing:
#
#   hack/tools              golangci-lint gofumpt benchstat
#   test/e2e                kube-apiserver kube-controller-manager kubectl
#   test/e2e/programs/etcd  etcd etcdctl etcdutl
#   test/e2e/programs/helm  helm
#   test/e2e/programs/kine  kine (needs a C compiler: it links SQLite)
#
# Four programs are of this checkout: muster-agent, in cmd/muster-agent; and steve, argo and
# alerts, in test/e2e/programs, which link the parts of Rancher and of Argo CD that follow an
# API server, and the part of Prometheus that evaluates alert rules. They are built each
# time, which costs a second or two if nothing has changed.
#
# Only the path goes to standard output; messages go to standard error.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
pins=$root/hack/tools
flags=
patience=
built=
if [[ ${1:-} == --built ]]; then
	built=1
	shift
fi

case "${1:-}" in
golangci-lint) package=github.com/golangci/golangci-lint/v2/cmd/golangci-lint module=github.com/golangci/golangci-lint/v2 patience="some minutes on a small machine" ;;
gofumpt)       package=mvdan.cc/gofumpt module=mvdan.cc/gofumpt ;;
benchstat)     package=golang.org/x/perf/cmd/benchstat module=golang.org/x/perf ;;
kube-apiserver | kube-controller-manager | kubectl)
	package=k8s.io/kubernetes/cmd/$1 module=k8s.io/kubernetes pins=$root/test/e2e
	;;
etcd)            package=go.etcd.io/etcd/server/v3 module=$package pins=$root/test/e2e/programs/etcd patience="about a minute" ;;
etcdctl|etcdutl) package=go.etcd.io/etcd/$1/v3 module=$package pins=$root/test/e2e/programs/etcd patience="about a minute" ;;
helm)            package=helm.sh/helm/v4/cmd/helm module=helm.sh/helm/v4 pins=$root/test/e2e/programs/helm patience="some 3 minutes on a small machine" ;;
kine)            package=github.com/k3s-io/kine module=$package pins=$root/test/e2e/programs/kine patience="some 3 minutes on a small machine: it compiles SQLite" ;;
muster-agent | steve | argo | alerts)
	case "$1" in
	muster-agent) source=$root/cmd/muster-agent patience="this compiles the Helm SDK: some 3 minutes on a small machine" ;;
	steve)        source=$root/test/e2e/programs/steve patience="this compiles SQLite: some 2 minutes on a small machine" ;;
	argo)         source=$root/test/e2e/programs/argo patience="some 2 minutes on a small machine" ;;
	alerts)       source=$root/test/e2e/programs/alerts patience="some 2 minutes on a small machine" ;;
	esac
	if [[ -n $built ]]; then
		[[ -x $root/bin/$1 ]] || exit 1
		echo "$root/bin/$1"
		exit
	fi
	export CGO_ENABLED=0
	(cd "$source" && "$root/hack/progress.sh" "building bin/$1 (the first time, $patience)" \
		go build -o "$root/bin/$1" .) >&2
	echo "$root/bin/$1"
	exit
	;;
*)
	echo "tool.sh: say which tool: golangci-lint, gofumpt, benchstat, kube-apiserver, kube-controller-manager, kubectl, etcd, etcdctl, etcdutl, helm, kine, muster-agent, steve, argo or alerts" >&2
	exit 2
	;;
esac

version=$(awk -v module="$module" '$1 == "require" { $0 = substr($0, 9) } $1 == module && $2 ~ /^v/ { print $2; exit }' "$pins/go.mod")
if [[ -z $version ]]; then
	echo "tool.sh: ${pins#"$root/"}/go.mod pins no version of $module" >&2
	exit 1
fi

# Built like everything else (see the Makefile), so that shared code is compiled once.
export CGO_ENABLED=0
[[ $1 == kine ]] && CGO_ENABLED=1

case "$1" in
kube-apiserver)                    patience="some 7 minutes on a small machine with an empty build cache" ;;
kube-controller-manager | kubectl) patience="some 3 minutes on a small machine" ;;
esac
# Programs of Kubernetes print the version that they are linked with.
[[ $module == k8s.io/kubernetes ]] && flags="-X k8s.io/component-base/version.gitVersion=$version"

# The Go version is part of the key: a linter that an older Go built refuses newer code.
binary=$root/.cache/bin/$1-$version-$(go env GOVERSION)
if [[ ! -x $binary ]]; then
	[[ -z $built ]] || exit 1
	mkdir -p "$root/.cache/bin"
	# Packages under test at the same time may ask for the same program: one of them builds
	# it, the others wait. If the builder dies, the system releases its lock.
	if [[ ${TOOL_LOCKED:-} != "$1" ]] && command -v flock >/dev/null; then
		TOOL_LOCKED=$1 exec flock "$root/.cache/bin/.$1.lock" "${BASH_SOURCE[0]}" "$@"
	fi
	building=$(mktemp "$binary.XXXXXX")
	trap 'rm -f "$building"' EXIT
	note="building $1 $version, once for this checkout"
	[[ -n $patience ]] && note+=" ($patience)"
	(cd "$pins" && "$root/hack/progress.sh" "$note" go build -ldflags "$flags" -o "$building" "$package") >&2
	# mktemp made the file unreadable to others. Without flock two builders may race, and
	# the rename makes the last one win with a whole file.
	chmod 0755 "$building"
	mv -f "$building" "$binary"
fi
echo "$binary"
