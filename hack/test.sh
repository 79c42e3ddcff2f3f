#!/usr/bin/env bash
# Copyright The Muster Authors.
# SPDX-License-Identifier: Apache-2.0

# hack/test.sh
#
# Runs every test of the module, in two lots: the packages that only compute run
# under the race detector, which costs them seconds; the rest link etcd and the
# API server, which take minutes to compile a second time for the detector, and
# run without it. Set RACE=all to run everything under it.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

computing='/pkg/registry/(manifest|record|index|targeting|derive|view)(/|$)'
if [[ ${RACE:-} == all ]]; then
	computing='.'
fi

race=-race
if [[ $(go env CGO_ENABLED) != 1 ]]; then
	echo "test.sh: no C compiler found, so the tests run without the race detector" >&2
	race=
fi

echo "fetching modules (the first time only) ..." >&2
go mod download || exit 1
all=$(go list ./...) || exit 1
raced=$(grep -E "$computing" <<<"$all")
plain=$(grep -Ev "$computing" <<<"$all")

code=0
if [[ -n $raced ]]; then
	echo "== tests under the race detector: $(wc -l <<<"$raced") packages"
	# shellcheck disable=SC2086 # one word per package, and $race may be none
	go test $race $raced || code=1
fi
# The sessions in test/kubectl are typed with this one. It is built here, because
# go test would not show that it takes its time.
hack/tool.sh kubectl >/dev/null || code=1
if [[ -n $plain ]]; then
	echo "== tests: $(wc -l <<<"$plain") packages (the first time, this compiles etcd and the API server: some minutes)"
	# shellcheck disable=SC2086
	go test $plain || code=1
fi
if ((code != 0)); then
	echo "test.sh: some tests failed: see FAIL above" >&2
fi
exit "$code"
