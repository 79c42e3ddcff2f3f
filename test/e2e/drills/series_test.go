// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package drills

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

// series are samples for a rule, by round of scrapes: those of a fault, and those of a state
// that resembles it and must not alert.
type series struct {
	alert  string
	rounds int
	fault  func(n int) string
	sound  func(n int) string
}

func constant(text string) func(int) string { return func(int) string { return text } }

// counting shows a counter that grows by one in each step of so many rounds, up to a bound.
func counting(name string, step, most int) func(int) string {
	return func(n int) string { return fmt.Sprintf("%s %d", name, min(n/step, most)) }
}

// starting shows a process that starts again after so many rounds, up to a number of times. Each
// process loads once.
func starting(each, most int) func(int) string {
	return func(n int) string {
		return fmt.Sprintf("muster_loads_total 1\nprocess_start_time_seconds %d", 1_800_000_000+min(n/each, most))
	}
}

// histogram shows ten observations a round, all of them in the bucket of a bound.
func histogram(name string, bound string, bounds ...string) func(int) string {
	return func(n int) string {
		text, reached := "", 0
		for _, each := range bounds {
			if each == bound {
				reached = 10 * n
			}
			text += fmt.Sprintf("%s_bucket{le=%q} %d\n", name, each, reached)
		}
		return text + fmt.Sprintf("%s_bucket{le=\"+Inf\"} %d\n%s_count %d", name, 10*n, name, 10*n)
	}
}

func writes(committed, replanned int) func(int) string {
	return func(n int) string {
		return fmt.Sprintf("muster_writes_total{resource=\"clusters\",result=\"committed\"} %d\nmuster_writes_total{resource=\"clusters\",result=\"replanned\"} %d", n*committed, n*replanned)
	}
}

func rollouts(records, conflicts int) func(int) string {
	return func(n int) string {
		return fmt.Sprintf("muster_rollout_records_total %d\nmuster_rollout_conflicts_total %d", n*records, n*conflicts)
	}
}

func database(size, quota int) func(int) string {
	return constant(fmt.Sprintf("muster_etcd_db_size_bytes %d\nmuster_etcd_db_quota_bytes %d", size, quota))
}

// expiry shows a certificate with so many days left.
func expiry(days int) func(int) string {
	return constant(fmt.Sprintf("muster_certificate_expiration_timestamp_seconds{certificate=\"serving\"} %d", time.Now().AddDate(0, 0, days).Unix()))
}

// versions shows a version that differs from the other replica's for so many rounds.
func versions(rounds int) func(int) string {
	return func(n int) string {
		if n < rounds {
			return `muster_build_info{version="v1"} 1`
		}
		return `muster_build_info{version="v2"} 1`
	}
}

func turns(name string, each int, texts ...string) func(int) string {
	return func(n int) string { return name + " " + texts[n/each%len(texts)] }
}

// written are the rules that no drill of this package causes: the real cause would be a
// fault of Muster itself, or take hours.
func written() []series {
	slow := []string{"0.064", "0.512", "4"}
	return []series{
		{alert: "MusterSelfAuditDifference", rounds: 20, fault: counting("muster_self_audit_differences_total", 10, 1), sound: constant("muster_self_audit_differences_total 0")},
		{alert: "MusterEtcdAlmostFull", rounds: 30, fault: database(70, 100), sound: database(50, 100)},
		{alert: "MusterEtcdAlmostFull", rounds: 30, fault: database(70, 100), sound: database(70, 0)}, // before etcd 3.6
		{alert: "MusterCertificateExpires", rounds: 30, fault: expiry(1), sound: expiry(3)},
		{alert: "MusterCertificateExpiresSoon", rounds: 130, fault: expiry(29), sound: expiry(31)},
		{alert: "MusterVersionsDiffer", rounds: 130, fault: versions(1000), sound: versions(60)},
		{alert: "MusterReadinessFlaps", rounds: 60, fault: turns("muster_ready", 4, "1", "0"), sound: turns("muster_ready", 20, "1", "0", "1")},
		{alert: "MusterLoadsAgain", rounds: 120, fault: counting("muster_loads_total", 20, 5), sound: counting("muster_loads_total", 20, 2)},
		{alert: "MusterLoadsAgain", rounds: 120, fault: starting(20, 3), sound: starting(20, 2)},
		{alert: "MusterViewOld", rounds: 40, fault: constant("muster_view_age_seconds 3"), sound: turns("muster_view_age_seconds", 1, "3", "0.5")},
		{alert: "MusterViewBehind", rounds: 30, fault: func(n int) string { return fmt.Sprint("muster_view_lag_revisions ", 1+n) }, sound: turns("muster_view_lag_revisions", 1, "9", "0")},
		{alert: "MusterViewBehind", rounds: 30, fault: constant("muster_view_lag_revisions 9\nmuster_closed 0"), sound: constant("muster_view_lag_revisions 9\nmuster_closed 1")},
		{alert: "MusterEtcdSlow", rounds: 40, fault: histogram("muster_etcd_pulse_duration_seconds", "0.512", slow...), sound: histogram("muster_etcd_pulse_duration_seconds", "0.064", slow...)},
		{alert: "MusterEditsSlow", rounds: 40, fault: histogram("muster_apply_duration_seconds", "4", slow...), sound: histogram("muster_apply_duration_seconds", "0.512", slow...)},
		{alert: "MusterWatchesExpire", rounds: 80, fault: counting(`muster_watches_expired_total{resource="bundles"}`, 2, 100), sound: counting(`muster_watches_expired_total{resource="bundles"}`, 2, 10)},
		{alert: "MusterSelfAuditsStop", rounds: 400, fault: constant("muster_self_audits_total 1"), sound: counting("muster_self_audits_total", 20, 100)},
		{alert: "MusterWritersContend", rounds: 40, fault: writes(1, 2), sound: writes(2, 1)},
		{alert: "MusterReportsQueue", rounds: 40, fault: histogram("muster_report_group_size", "64", "32", "64"), sound: histogram("muster_report_group_size", "32", "32", "64")},
		{alert: "MusterControllerRestarts", rounds: 40, fault: counting(`muster_controller_restarts_total{controller="sweep"}`, 4, 100), sound: counting(`muster_controller_restarts_total{controller="sweep"}`, 15, 2)},
		{alert: "MusterRolloutsContend", rounds: 60, fault: rollouts(1, 100), sound: rollouts(1, 5)},
	}
}

func TestRules(t *testing.T) {
	for _, each := range written() {
		t.Run(each.alert, func(t *testing.T) {
			t.Parallel()
			require.ElementsMatch(t, []string{each.alert}, each.evaluate(t, each.fault), "the alerts of the fault")
			require.Empty(t, each.evaluate(t, each.sound), "alerts without a fault")
		})
	}
}

// evaluate returns the alerts that fire. A second replica is always ready.
func (s series) evaluate(t *testing.T, samples func(n int) string) []string {
	t.Helper()
	pod := func(name, text string) target {
		return target{Labels: map[string]string{"job": cluster.ServerName, "namespace": cluster.Namespace, "pod": name, "instance": name}, Up: true, Text: text}
	}
	e := newEvaluator(t)
	fired := map[string]bool{}
	for n := range s.rounds {
		ready := "muster_ready 1\n"
		if s.alert == "MusterReadinessFlaps" {
			ready = ""
		}
		v, err := e.rounds([]target{pod("a", ready+samples(n)), pod("b", "muster_ready 1\nmuster_build_info{version=\"v2\"} 1")}, 1)
		require.NoError(t, err)
		for _, name := range v.Fired {
			fired[name] = true
		}
	}
	e.end(t)
	return slices.Sorted(maps.Keys(fired))
}

func TestEachRuleIsCausedByADrillOrBySamples(t *testing.T) {
	t.Parallel()
	caused := map[string]bool{}
	for _, d := range drills() {
		for _, name := range d.fires {
			caused[name] = true
		}
	}
	for _, each := range written() {
		caused[each.alert] = true
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(rules(t))), slices.Collect(maps.Keys(caused)))
}
