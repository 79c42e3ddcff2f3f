// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package heap

// rules are all groups, in the order in which they are shown. Within a stack the function
// nearest to the allocation decides, so helpers of other packages (trees, maps, JSON) count
// for their callers. For one function the first rule that knows it decides. New functions
// of these packages fall to the last rule of their package: a group may then be larger than
// its name says, but no memory is lost.
var rules = []rule{
	{"BundleDeployments: their trees, in two orders", []string{"view.(*pairs).*", "view.fullPairs*", "view.fullTree*", "view.inOrder*", "view.newPairs"}},
	{"BundleDeployments: the pairs themselves", []string{"state.(*work).wanted", "state.(*work).publishReport"}},
	{"reports on BundleDeployments, as they are kept", []string{"record.Keep", "view.NewReport", "state.(*work).takeBundleDeploymentReport", "state.(*hiddenReports).*"}},
	{"other reports, decoded", []string{"record.DecodeReport", "record.(*Report).*"}},
	{"versions of Bundles, and which Clusters have them", []string{
		"state.(*version).*", "state.(*bundle).*", "state.(*work).evaluateOn", "state.setMember*", "state.(*State).resolve", "state.(*State).meet", "state.(*State).match*", "state.(*work).match*", "state.(*first).match*", "state.compile*", "state.(*State).compile*", "view.NewBundleFace", "view.shownLabels", "derive.*", "targeting.*",
	}},
	{"Clusters, as the engine knows them", []string{
		"state.(*work).addCluster", "state.(*work).adopt", "state.(*work).editCluster", "state.(*State).place", "view.NewClusterFace", "ledger.(*Ledger).AddCluster",
	}},
	{"roll-ups: their trees", []string{"summary.(*Ranked*", "summary.NewRanked*", "summary.(*node*", "ledger.newMembers", "ledger.newGroupMembers", "ledger.(*Bundle).enterPartitions", "ledger.(*Ledger).Pair", "state.(*first).enroll*", "state.(*first).gather*"}},
	{"roll-ups: the statuses made of them", []string{"summary.*", "reports.*", "ledger.*", "view.withConditions"}},
	{"the selector index", []string{"index.*"}},
	{"codecs' buffers", []string{"record.newReportCodec", "record.(*reportCodec).*", "github.com/klauspost/compress/*", "compress/*"}},
	{"objects, decoded", []string{"record.Decode*", "state.(*work).take*"}},
	{"objects, joined with what is derived", []string{"record.Copy", "view.(*Object).*", "view.Derived.*", "view.(*BundleStatus).*", "view.(*ClusterStatus).*", "view.(*GroupStatus).*", "view.(*SourceStatus).*", "state.(*work).deriveCluster"}},
	{"other objects' trees", []string{"view.(*objects).*", "view.newTable"}},
	{"the log of changes", []string{"view.*"}},
	{"the rest of the engine", []string{"state.*", "engine.*", "freshness.*", "audit.*", "rollout.*"}},
	{"records as they came from etcd, and its client", []string{"etcd.*", "go.etcd.io/*", "google.golang.org/grpc*"}},
	{"requests, watches and their connections", []string{
		"storage.*", "endpoints.*", "kinds.*", "golang.org/x/net/http2*", "net/http.*", "net/textproto.*", "crypto/*", "net.*", "vendor/golang.org/x/net/http*",
		"k8s.io/apiserver/pkg/endpoints/handlers*", "k8s.io/apiserver/pkg/endpoints/filters*", "k8s.io/apiserver/pkg/server/filters*", "k8s.io/apiserver/pkg/endpoints/request*",
		"k8s.io/apiserver/pkg/audit*", "k8s.io/apiserver/pkg/registry*", "k8s.io/apiserver/pkg/authentication*", "k8s.io/apiserver/pkg/authorization*", "k8s.io/apimachinery/pkg/runtime/serializer*",
	}},
}

// libraries apply where no rule knows any function of a stack: this memory belongs to
// libraries, and does not grow with a fleet.
var libraries = []rule{
	{"OpenAPI documents", []string{"k8s.io/kube-openapi/*", "github.com/musterfleet/muster/pkg/generated/openapi*", "github.com/google/gnostic-models/*", "github.com/go-openapi/*"}},
	{"Kubernetes' server libraries", []string{"k8s.io/*", "sigs.k8s.io/*", "server.*", "metrics.*", "github.com/*", "go.opentelemetry.io/*", "go.uber.org/*", "google.golang.org/*"}},
	{"Go's runtime and packages' tables", []string{"runtime.*", "regexp*", "encoding/*", "mime.*", "unicode.*", "os.*", "sync.*", "context.*", "main.*"}},
}
