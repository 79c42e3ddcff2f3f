#!/usr/bin/env bash
# Copyright The Muster Authors.
# SPDX-License-Identifier: Apache-2.0

# hack/tool.sh NAME
#
# Prints the path of a program that hack/tools/go.mod pins, or for kubectl
# test/kubectl/program/go.mod, and builds it first if this checkout has not built
# that version with this Go. Only the path goes to standard output; what it is
# doing goes to standard error.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
pins=$root/hack/tools
flags=

case "${1:-}" in
golangci-lint) package=github.com/golangci/golangci-lint/v2/cmd/golangci-lint module=github.com/golangci/golangci-lint/v2 ;;
gofumpt)       package=mvdan.cc/gofumpt module=mvdan.cc/gofumpt ;;
benchstat)     package=golang.org/x/perf/cmd/benchstat module=golang.org/x/perf ;;
kubectl)       package=. module=k8s.io/kubectl pins=$root/test/kubectl/program ;;
*)
	echo "tool.sh: say which tool: golangci-lint, gofumpt, benchstat or kubectl" >&2
	exit 2
	;;
esac

version=$(awk -v module="$module" '$1 == "require" { $0 = substr($0, 9) } $1 == module && $2 ~ /^v/ { print $2; exit }' "$pins/go.mod")
if [[ -z $version ]]; then
	echo "tool.sh: ${pins#"$root/"}/go.mod pins no version of $module" >&2
	exit 1
fi

# The Go version is part of the key: a linter built with an older Go refuses
# newer code.
binary=$root/.cache/bin/$1-$version-$(go env GOVERSION)
if [[ ! -x $binary ]]; then
	mkdir -p "$root/.cache/bin"
	building=$(mktemp "$binary.XXXXXX")
	trap 'rm -f "$building"' EXIT
	note="building $1 $version, once for this checkout"
	[[ $1 == golangci-lint ]] && note+=" (some minutes on a small machine)"
	# kubectl tells its version from the Kubernetes release: v0.37.2 is 1.37.2.
	[[ $1 == kubectl ]] && flags="-X k8s.io/component-base/version.gitVersion=v1${version#v0}"
	(cd "$pins" && "$root/hack/progress.sh" "$note" go build -ldflags "$flags" -o "$building" "$package") >&2
	# mktemp made the file unreadable to others; two builders may race, and the
	# rename makes the last of them win whole.
	chmod 0755 "$building"
	mv -f "$building" "$binary"
fi
echo "$binary"
