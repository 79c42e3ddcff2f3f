// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package drills plays the faults that an operator must expect, in a real cluster, and
// measures what clients see. It also tests the alert rules of artifacts: each must fire in
// the drill that it is for, and no other may.
//
// The cluster has three replicas, three members of etcd and two muster-controllers. Clients
// GET, LIST and PATCH through kube-apiserver five times a second each, in two sorts:
// client-go with its own retries, and raw HTTP, for which each answer counts. An informer
// follows all BundleDeployments. Drills are played one after the other (TestDrills), and
// each ends when all is well again. Whatever the time that it takes, no client may see an
// object as absent that exists, an API server's answer that may be retried says when, and
// clients that retry see no failure in a drill that must be free. The one exception is a
// write that meets the orderly end of a connection: see outcome.crossed.
//
// "make drills" also writes what was measured into results.json and the table of
// docs/operations.md, which the tests compare.
//
// # Alerts
//
// The replicas and controllers are scraped once a second, with the account and the labels
// that the ServiceMonitors give. test/e2e/programs/alerts stores the scrapes and evaluates
// the rules with Prometheus' own engine. For the rules, a round of scrapes takes 30 seconds,
// the usual interval, so that a minute of an alert's "for" takes two seconds of a drill. This
// makes faults look longer than they are, so that silence means more. An alert that waits for
// many minutes, and whose cause does not change meanwhile, is shown the last round again
// until it fires. After each drill one more round is scraped and repeated for more than an hour.
// Then no alert may fire or be pending, except the one that self-audits stop: no counter grows
// in a repeated round.
//
// kube-apiserver's metric of the APIService does not follow this clock: kube-apiserver looks
// at the APIService every 30 seconds, so one failed look would count as a quarter of an hour.
// It is scraped only in drills that no replica or every replica takes part in. Alerts on the
// speed of etcd and of the machine may fire in any drill. Rules that no drill can cause are
// tested with written samples (TestRules).
package drills
