#!/usr/bin/env bash
# Copyright The Muster Authors.
# SPDX-License-Identifier: Apache-2.0

# hack/ci/verify-codegen.sh
#
# Generates into a copy, and fails if the result differs from this checkout. It does not
# change the checkout.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT

# The files that the generators write and read. A generator that starts to need more fails
# here.
mkdir -p "$copy/hack/ci" "$copy/pkg/apis"
cp "$root"/go.{mod,sum} "$copy"
cp "$root"/hack/ci/{boilerplate.go.txt,update-codegen.sh} "$copy/hack/ci"
cp -R "$root/pkg/apis/fleet" "$copy/pkg/apis"
cp -R "$root/pkg/generated" "$copy/pkg"

# The copy has no generated files: one that is no longer generated must not pass as
# generated.
find "$copy/pkg" -type f -name 'zz_generated.*' -delete

if ! output=$(CODEGEN_BIN=$root/.cache/bin/codegen "$copy/hack/ci/update-codegen.sh" 2>&1); then
	echo "$output" >&2
	echo "verify-codegen.sh: the generators failed; see above" >&2
	exit 1
fi

different=0
for path in pkg/apis/fleet pkg/generated; do
	diff -Nru "$root/$path" "$copy/$path" >"$copy/difference" || different=1
	# Print the paths as in the checkout, and no more than fits on a screen.
	sed -n -e "s|$copy/||g" -e "s|$root/||g" -e 1,60p "$copy/difference" >&2
done
if ((different)); then
	echo "verify-codegen.sh: generated code is not what its generators make; run: hack/ci/update-codegen.sh" >&2
	exit 1
fi
