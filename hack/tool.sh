#!/usr/bin/env bash
# Copyright The Muster Authors.
# SPDX-License-Identifier: Apache-2.0

# hack/tool.sh NAME
#
# Prints the path of a program that hack/tools/go.mod pins, and builds it first
# if this checkout has not built that version with this Go. Only the path goes to
# standard output; what it is doing goes to standard error.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
tools=$root/hack/tools

case "${1:-}" in
golangci-lint) package=github.com/golangci/golangci-lint/v2/cmd/golangci-lint module=github.com/golangci/golangci-lint/v2 ;;
gofumpt)       package=mvdan.cc/gofumpt module=mvdan.cc/gofumpt ;;
benchstat)     package=golang.org/x/perf/cmd/benchstat module=golang.org/x/perf ;;
*)
	echo "tool.sh: say which tool: golangci-lint, gofumpt or benchstat" >&2
	exit 2
	;;
esac

version=$(awk -v module="$module" '$1 == "require" { $0 = substr($0, 9) } $1 == module && $2 ~ /^v/ { print $2; exit }' "$tools/go.mod")
if [[ -z $version ]]; then
	echo "tool.sh: hack/tools/go.mod pins no version of $module" >&2
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
	(cd "$tools" && "$root/hack/progress.sh" "$note" go build -o "$building" "$package") >&2
	# mktemp made the file unreadable to others; two builders may race, and the
	# rename makes the last of them win whole.
	chmod 0755 "$building"
	mv -f "$building" "$binary"
fi
echo "$binary"
