#!/usr/bin/env bash
# Copyright The Muster Authors.
# SPDX-License-Identifier: Apache-2.0

# hack/run/run.sh
#
# Starts bin/muster unless it runs, loads artifacts/examples, starts agents that report on
# them, and shows what a label edit does. One of the agents deploys into a cluster
# (downstream.sh) if kube-apiserver is built or DOWNSTREAM=1 asks for it; DOWNSTREAM=0
# prevents that. It may be run repeatedly. DATA_DIR and PORT replace .muster and 7443;
# RESET=1 undoes edits of the examples.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source hack/run/process.sh
source hack/run/downstream.sh

ready_within=60 # seconds

fail() {
	echo "run.sh: $1" >&2
	if [[ -s $log_file ]]; then
		echo "--- the end of $log_file" >&2
		tail -n 20 "$log_file" >&2
		if grep -q -- --secure-port "$log_file"; then
			echo "(with make: make run PORT=...)" >&2
		fi
	fi
	exit 1
}

command -v kubectl >/dev/null || fail "kubectl is not installed, but this demonstration needs it"
[[ -x bin/muster ]] || fail "bin/muster is not built; run: make build"

if pid=$(running_pid); then
	echo "muster already runs (process $pid); after a new build: make stop run"
else
	mkdir -p "$data_dir"
	chmod 0700 "$data_dir"
	nohup bin/muster --data-dir "$data_dir" --secure-port "$port" >"$log_file" 2>&1 </dev/null &
	pid=$!
	echo "$pid" >"$pid_file"
	echo "started muster (process $pid, log $log_file)"
fi

k() { kubectl --kubeconfig "$kubeconfig" "$@"; }

started=$SECONDS
answer="no $kubeconfig yet"
until [[ -s $kubeconfig ]] && answer=$(k get --raw '/readyz?verbose' --request-timeout=2s 2>&1); do
	if ! kill -0 "$pid" 2>/dev/null; then
		rm -f "$pid_file"
		fail "muster ended before it was ready"
	fi
	if ((SECONDS - started >= ready_within)); then
		echo "$answer" >&2
		fail "muster is not ready after $ready_within s; it still runs as process $pid (make stop ends it)"
	fi
	sleep 0.2
done

deploys=
fleet=(-f artifacts/examples)
what="a GitRepo with its Bundles, and six Clusters"
simulated=
stop_agents
if downstream_wanted; then
	start_downstream
	deploys=1
	fleet+=(-f artifacts/examples/downstream)
	what="a GitRepo with its Bundles, and seven Clusters"
	simulated="--cluster-selector management.cattle.io/cluster-display-name!=$downstream_cluster"
else
	stop_downstream
fi

# Edits since the last run belong to their authors: server-side apply reports the
# conflict, and continues with the other objects.
kept=
if ! loaded=$(k apply --server-side ${RESET:+--force-conflicts} "${fleet[@]}" 2>&1); then
	if ! grep -q 'Apply failed with' <<<"$loaded" || grep -E '^(error:|Error from server)' <<<"$loaded" | grep -qv 'Apply failed with'; then
		echo "$loaded" >&2
		fail "the examples could not be loaded"
	fi
	kept="; your edits remain (make run RESET=1 undoes them)"
fi
echo "loaded $(grep -c 'serverside-applied$' <<<"$loaded") objects from artifacts/examples: $what$kept"

# Start them anew each time: they play the Clusters that exist when they start.
# shellcheck disable=SC2086 # words, or none
nohup bin/agent-simulator --kubeconfig "$kubeconfig" --cluster-wide-watch $simulated --delay 300ms --dependency-retry 1s --first-heartbeat 200ms \
	>"$agents_log_file" 2>&1 </dev/null &
echo "$!" >"$agents_pid_file"
echo "started simulated agents (process $!, log $agents_log_file): one for each Cluster, which deploys nothing and reports that it did"
if [[ -n $deploys ]]; then
	start_downstream_agent
	echo "except $downstream_cluster, which has a kube-apiserver of its own, with bin/muster-agent (logs in $downstream_dir)"
fi
echo
.cache/bin/labeldemo --kubeconfig "$kubeconfig"
echo
[[ -z $deploys ]] || show_deployment
echo "what the agents have reported, rolled up:"
echo
k wait -n fleet-default gitrepo/platform --for=jsonpath='{.status.summary.ready}'="$(k get bundledeployments -A -o name | wc -l)" --timeout=20s >/dev/null ||
	echo "run.sh: some BundleDeployments are not ready after 20 s; see $agents_log_file" >&2
k get bundles,clusters,gitrepos -n fleet-default
echo
if [[ -n $deploys ]]; then
	show_uninstall
elif [[ ${DOWNSTREAM:-} != 0 ]]; then
	echo "nothing was deployed, because there is no cluster to deploy to: make run DOWNSTREAM=1 starts one (and builds kube-apiserver once, some 7 minutes on a small machine)"
fi
cat <<TEXT

Try it yourself:

  export KUBECONFIG=$(cd "$data_dir" && pwd)/kubeconfig
  kubectl get clusters,clustergroups,bundles
  kubectl get bundledeployments --all-namespaces
  kubectl label cluster edge-rotterdam gpu=nvidia && kubectl get bundledeployments -A -l fleet.cattle.io/cluster=edge-rotterdam
  kubectl get bundledeployments -A -l fleet.cattle.io/bundle-name=platform-storefront -o jsonpath='{range .items[*]}{.metadata.namespace}{"\t"}{.spec.options.helm.values.ingress.host}{"\n"}{end}'
  kubectl explain bundle.spec.targets

With Fleet's CLI:

  fleet apply -n fleet-default hello artifacts/examples/hello

make stop ends it; what you stored stays in $data_dir.
TEXT
