#!/usr/bin/env bash
# Copyright The Muster Authors.
# SPDX-License-Identifier: Apache-2.0

# hack/progress.sh WHAT COMMAND [ARGUMENT...]
#
# Runs COMMAND and says on standard error every 20 seconds that it still runs, so that a
# long compilation on a small machine does not look like a hang.
set -uo pipefail

what=$1
shift
echo "$what ..." >&2
started=$SECONDS
"$@" &
child=$!
trap 'kill "$child" 2>/dev/null' INT TERM

# The ticker polls every second, so it ends soon after the command.
(
	next=20
	while kill -0 "$child" 2>/dev/null; do
		sleep 1
		if ((SECONDS - started >= next)); then
			echo "$what ... $next s" >&2
			next=$((next + 20))
		fi
	done
) &
ticker=$!

wait "$child"
code=$?
kill "$ticker" 2>/dev/null
wait "$ticker" 2>/dev/null
took=$((SECONDS - started))
if ((code != 0)); then
	echo "$what: failed after $took s" >&2
elif ((took >= 20)); then
	echo "$what: done in $took s" >&2
fi
exit "$code"
