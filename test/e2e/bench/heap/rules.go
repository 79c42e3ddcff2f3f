// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package heap

// rules are all groups, in the order in which they are shown. Within a stack the
// function nearest to the allocation decides, so helpers of other packages (trees, maps,
// JSON) count for their callers; for one function the first rule that knows it does.
// Functions that come to these packages fall to the last rules of their package: a group
// then is larger than it says, and none is lost.
var rules = []rule{
	{"BundleDeployments: their trees, in two orders", []string{"view.(*pairs).*", "view.fullPairs*", "view.fullTree*", "view.inOrder*", "view.newPairs"}},
	{"BundleDeployments: the pairs themselves", []string{"engine.(*work).wanted", "engine.(*work).publishReport"}},
	{"reports on BundleDeployments, as they are kept", []string{"record.Keep", "view.NewReport", "engine.(*work).takeBundleDeploymentReport", "engine.(*hiddenReports).*"}},
	{"other reports, decoded", []string{"record.DecodeReport", "record.(*Report).*"}},
	{"versions of Bundles, and which Clusters have them", []string{
		"engine.(*version).*", "engine.(*work).evaluateOn", "engine.setMember*", "engine.(*state).resolve", "engine.(*state).meet", "engine.(*work).match*", "engine.(*first).match*", "engine.(*bundle).cutPartitions", "engine.compile*", "engine.faceOfBundle", "engine.shownLabels", "derive.*", "targeting.*",
	}},
	{"Clusters, as the engine knows them", []string{
		"engine.(*work).addCluster", "engine.(*work).adopt", "engine.(*work).editCluster", "engine.(*state).place", "engine.faceOfCluster", "engine.newClusterRoll", "engine.with",
	}},
	{"roll-ups: their trees", []string{"summary.(*Ranked*", "summary.NewRanked*", "summary.(*node*", "engine.newMembers", "engine.newGroupMembers", "engine.(*work).rollPair", "engine.(*first).enroll*", "engine.(*first).gather*", "engine.(*bundle).enterPartitions"}},
	{"roll-ups: the statuses made of them", []string{
		"summary.*", "engine.entries*", "engine.(*bundle).*", "engine.(*clusterStatus).*", "engine.(*listing).*", "engine.(*work).roll*", "engine.member.*", "engine.stored", "engine.(*work).bundleStatus", "engine.(*origin).*", "engine.shareEntries", "view.withConditions",
	}},
	{"the selector index", []string{"index.*"}},
	{"codecs' buffers", []string{"record.newReportCodec", "record.(*reportCodec).*", "github.com/klauspost/compress/*", "compress/*"}},
	{"objects, decoded", []string{"record.Decode*", "engine.(*work).take*"}},
	{"objects, joined with what is derived", []string{"view.Copy", "view.(*Object).*", "view.Derived.*", "view.(*BundleStatus).*", "view.(*ClusterStatus).*", "view.(*GroupStatus).*", "view.(*OriginStatus).*", "engine.(*work).deriveCluster"}},
	{"other objects' trees", []string{"view.(*objects).*", "view.newTable"}},
	{"the log of changes", []string{"view.*"}},
	{"the rest of the engine", []string{"engine.*", "rollout.*"}},
	{"records as they came from etcd, and its client", []string{"etcd.*", "go.etcd.io/*", "google.golang.org/grpc*"}},
	{"requests, watches and their connections", []string{
		"storage.*", "endpoints.*", "kinds.*", "golang.org/x/net/http2*", "net/http.*", "net/textproto.*", "crypto/*", "net.*", "vendor/golang.org/x/net/http*",
		"k8s.io/apiserver/pkg/endpoints/handlers*", "k8s.io/apiserver/pkg/endpoints/filters*", "k8s.io/apiserver/pkg/server/filters*", "k8s.io/apiserver/pkg/endpoints/request*",
		"k8s.io/apiserver/pkg/audit*", "k8s.io/apiserver/pkg/registry*", "k8s.io/apiserver/pkg/authentication*", "k8s.io/apiserver/pkg/authorization*", "k8s.io/apimachinery/pkg/runtime/serializer*",
	}},
}

// libraries are asked where no rule knows any function of a stack: what they hold is
// theirs, and does not grow with a fleet.
var libraries = []rule{
	{"OpenAPI documents", []string{"k8s.io/kube-openapi/*", "github.com/musterfleet/muster/pkg/generated/openapi*", "github.com/google/gnostic-models/*", "github.com/go-openapi/*"}},
	{"Kubernetes' server libraries", []string{"k8s.io/*", "sigs.k8s.io/*", "server.*", "metrics.*", "github.com/*", "go.opentelemetry.io/*", "go.uber.org/*", "google.golang.org/*"}},
	{"Go's runtime and packages' tables", []string{"runtime.*", "regexp*", "encoding/*", "mime.*", "unicode.*", "os.*", "sync.*", "context.*", "main.*"}},
}
