// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package fleetmetrics serves the metrics that Fleet's own controller serves (S 13.8), so that
// dashboards and alerts for Fleet work with Muster.
//
//	handler.go   the path, who answers it, and when it refuses
//	families.go  all families: names, labels, and where each value comes from
//	labels.go    the labels of each kind
//	options.go   the flag
//	text.go      Prometheus' text format, written as it is made
//
// A scrape reads one view, so all its series show one revision. Nothing is kept between
// scrapes: no series, no informer, no cache.
//
// # Which process answers
//
// A sum over these series must count each object once. Prometheus scrapes each Pod behind a
// Service, so series on every replica of muster-apiserver would be counted once for each. Fleet
// has the same problem and solves it with a leader, and so does Muster: all replicas of
// muster-controller answer, and only the leading one has series. The others answer with 200 and
// no series: they are healthy. If the leader is lost, the series are missing until the Lease
// has another holder. The all-in-one is one process and always answers.
//
// The path is not /metrics, because these series grow with the fleet: an operator chooses
// whether, how often and by which Prometheus they are scraped. Reading them requires the right
// to get the path.
//
// A process whose reads may be wrong answers 503, never zeros. To Prometheus the target is
// down, and the series are stale.
//
// # What differs from Fleet
//
// Fleet changes the series of an object when it has reconciled it; here they always show what
// the API shows at that revision. A restart loses no series. Series of GitRepos and HelmOps
// are not here: Fleet's gitjob and helmops serve them.
//
// # Costs
//
// A scrape renders each Bundle, Cluster and ClusterGroup once, and keeps a hundred bytes of
// each until it ends. A BundleDeployment is neither rendered nor kept: its state follows from
// the digest of the report. BenchmarkScrape has the numbers. Seven series for each
// BundleDeployment cost Prometheus more than Muster: above Options.BundleDeployments they are
// left out, and a metric says so.
//
// # Concurrency
//
// A Handler is safe for concurrent use.
package fleetmetrics
