// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/component-base/metrics/testutil"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
	"github.com/musterfleet/muster/pkg/registry/metrics/fleetmetrics"
	"github.com/musterfleet/muster/test/oracle"
	"github.com/musterfleet/muster/test/replay"
)

// series holds the numbers of a scrape: the value of each series, by its name and labels.
type series map[string]float64

// put adds a series with labels given as key, value, key, value, ...
func (s series) put(t *testing.T, value int, name string, labels ...string) {
	t.Helper()
	key := name + fmt.Sprint(pairs(labels)) // a map is printed in the order of its keys
	require.NotContains(t, s, key, "two series have the same labels")
	s[key] = float64(value)
}

// scrapeFleet returns the series of Fleet's metrics, and the revision that they show.
func (s *server) scrapeFleet(t *testing.T) (all series, revision int64) {
	t.Helper()
	text, err := s.raw(t).Get().AbsPath(fleetmetrics.Path).DoRaw(t.Context())
	require.NoError(t, err)
	families, err := testutil.TextToMetricFamilies(bytes.NewReader(text))
	require.NoError(t, err)
	all = series{}
	for name, family := range families {
		require.NotEmpty(t, family.GetHelp(), name)
		for _, m := range family.GetMetric() {
			require.NotNil(t, m.GetGauge(), name)
			if name == "muster_fleet_metrics_revision" {
				revision = int64(m.GetGauge().GetValue())
				continue
			}
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName(), l.GetValue())
			}
			all.put(t, int(m.GetGauge().GetValue()), name, labels...)
		}
	}
	require.Positive(t, revision)
	return all, revision
}

// ranked are the states of a deployment, the best first.
var ranked = []v1alpha1.BundleState{
	v1alpha1.Ready, v1alpha1.NotReady, v1alpha1.Pending, v1alpha1.OutOfSync, v1alpha1.Modified, v1alpha1.WaitApplied, v1alpha1.ErrApplied,
}

// worstOf returns the worst state among the entries of a summary, "" without entries.
func worstOf(s v1alpha1.BundleSummary) string {
	worst := -1
	for _, entry := range s.NonReadyResources {
		worst = max(worst, slices.Index(ranked, entry.State))
	}
	if worst < 0 {
		return ""
	}
	return string(ranked[worst])
}

// states adds a series for each state that a family knows.
func (s series) states(t *testing.T, current, name string, known []v1alpha1.BundleState, labels ...string) {
	t.Helper()
	for _, state := range known {
		value := 0
		if string(state) == current {
			value = 1
		}
		s.put(t, value, name, append(labels[:len(labels):len(labels)], "state", string(state))...)
	}
}

// counts adds the series of deployed objects.
func (s series) counts(t *testing.T, c v1alpha1.ResourceCounts, prefix, desired string, labels ...string) {
	t.Helper()
	for suffix, value := range map[string]int{
		desired: c.DesiredReady, "missing": c.Missing, "modified": c.Modified, "notready": c.NotReady,
		"orphaned": c.Orphaned, "ready": c.Ready, "unknown": c.Unknown, "waitapplied": c.WaitApplied,
	} {
		s.put(t, value, prefix+suffix, labels...)
	}
}

// seriesAt returns the series that follow, by the tables of S 13.8, from what the API lists at
// a revision.
func seriesAt(t *testing.T, c versioned.Interface, revision int64) series {
	t.Helper()
	out, at := series{}, metav1.ListOptions{ResourceVersion: whole(revision), ResourceVersionMatch: metav1.ResourceVersionMatchExact}
	out.put(t, 0, "muster_fleet_metrics_bundledeployments_left_out")
	for _, b := range listOf(t, c.FleetV1alpha1().Bundles(""), at).Items {
		of := []string{
			"name", b.Name, "namespace", b.Namespace, "generation", strconv.FormatInt(b.Generation, 10),
			"commit", b.Labels["fleet.cattle.io/commit"], "repo", b.Labels["fleet.cattle.io/repo-name"],
		}
		state, s := worstOf(b.Status.Summary), b.Status.Summary
		for suffix, value := range map[string]int{
			"not_ready": s.NotReady, "wait_applied": s.WaitApplied, "err_applied": s.ErrApplied, "out_of_sync": s.OutOfSync,
			"modified": s.Modified, "ready": s.Ready, "pending": s.Pending, "desired_ready": s.DesiredReady,
		} {
			out.put(t, value, "fleet_bundle_"+suffix, append(of, "state", state)...)
		}
		out.states(t, state, "fleet_bundle_state", ranked, of...)
	}
	for _, bd := range listOf(t, c.FleetV1alpha1().BundleDeployments(""), at).Items {
		out.states(t, string(oracle.State(&bd)), "fleet_bundledeployment_state", ranked,
			"name", bd.Name, "namespace", bd.Namespace, "generation", strconv.FormatInt(bd.Generation, 10),
			"cluster_name", bd.Labels["fleet.cattle.io/cluster"], "cluster_namespace", bd.Labels["fleet.cattle.io/cluster-namespace"],
			"repo", bd.Labels["fleet.cattle.io/repo-name"], "commit", bd.Labels["fleet.cattle.io/commit"],
			"bundle", bd.Labels["fleet.cattle.io/bundle-name"], "bundle_namespace", bd.Labels["fleet.cattle.io/bundle-namespace"])
	}
	for _, cl := range listOf(t, c.FleetV1alpha1().Clusters(""), at).Items {
		if cl.Status.Namespace == "" {
			continue
		}
		of := []string{
			"name", cl.Name, "namespace", cl.Namespace, "generation", strconv.FormatInt(cl.Generation, 10),
			"cluster_name", cl.Labels["management.cattle.io/cluster-name"], "cluster_display_name", cl.Labels["management.cattle.io/cluster-display-name"],
		}
		stated := append(of, "state", cl.Status.Display.State)
		for suffix, value := range map[string]int{
			"desired_ready_git_repos": cl.Status.DesiredReadyGitRepos, "ready_git_repos": cl.Status.ReadyGitRepos,
			"desired_ready_helm_ops": cl.Status.DesiredReadyHelmOps, "ready_helm_ops": cl.Status.ReadyHelmOps,
		} {
			out.put(t, value, "fleet_cluster_"+suffix, stated...)
		}
		out.counts(t, cl.Status.ResourceCounts, "fleet_cluster_resources_count_", "desiredready", stated...)
		out.states(t, cl.Status.Display.State, "fleet_cluster_state", []v1alpha1.BundleState{v1alpha1.NotReady, v1alpha1.Ready, "WaitCheckIn"}, of...)
	}
	for _, g := range listOf(t, c.FleetV1alpha1().ClusterGroups(""), at).Items {
		of := []string{"name", g.Name, "namespace", g.Namespace, "generation", strconv.FormatInt(g.Generation, 10)}
		stated := append(of, "state", g.Status.Display.State)
		for suffix, value := range map[string]int{
			"cluster_count": g.Status.ClusterCount, "non_ready_cluster_count": g.Status.NonReadyClusterCount,
			"bundle_desired_ready": g.Status.Summary.DesiredReady, "bundle_ready": g.Status.Summary.Ready,
		} {
			out.put(t, value, "fleet_cluster_group_"+suffix, stated...)
		}
		out.counts(t, g.Status.ResourceCounts, "fleet_cluster_group_resource_count_", "desired_ready", stated...)
		out.states(t, g.Status.Display.State, "fleet_cluster_group_state", []v1alpha1.BundleState{v1alpha1.NotReady, v1alpha1.Ready}, of...)
	}
	return out
}

// shaker makes random edits of all that the metrics show.
type shaker struct {
	*rand.Rand
	c versioned.Interface
}

func (e *shaker) one(of ...string) string { return of[e.IntN(len(of))] }

// ns returns one of the two namespaces.
func (e *shaker) ns() string { return e.one("shaken-a", "shaken-b") }

func (e *shaker) edit(t *testing.T) {
	t.Helper()
	ns, ctx, fleet := e.ns(), t.Context(), e.c.FleetV1alpha1()
	bundleName, clusterName := name("app", e.IntN(5)), name("c", e.IntN(4))
	patch := func(text string, values ...any) []byte { return fmt.Appendf(nil, text, values...) }
	// The object of an edit may not exist, or exist already.
	switch e.IntN(12) {
	case 0:
		b := bundle(ns, bundleName, "env", e.one("prod", "test"))
		b.Labels = map[string]string{}
		for _, key := range []string{"fleet.cattle.io/repo-name", "fleet.cattle.io/commit", "fleet.cattle.io/fleet-helm-name", "team"} {
			if e.IntN(2) == 0 {
				b.Labels[key] = e.one("x", "y")
			}
		}
		if e.IntN(2) == 0 {
			b.Spec.Helm = &v1alpha1.HelmOptions{Values: &v1alpha1.GenericMap{Data: map[string]any{"value": "${ .ClusterLabels.env }"}}}
		}
		_, _ = fleet.Bundles(ns).Create(ctx, b, metav1.CreateOptions{})
	case 1:
		_, _ = fleet.Bundles(ns).Patch(ctx, bundleName, types.MergePatchType, patch(`{"spec":{"namespace":"n%d","paused":%v,"rolloutStrategy":{"maxUnavailable":%d}}}`, e.IntN(3), e.IntN(4) == 0, e.IntN(3)), metav1.PatchOptions{})
	case 2:
		_, _ = fleet.Bundles(ns).Patch(ctx, bundleName, types.MergePatchType, patch(`{"metadata":{"labels":{"fleet.cattle.io/commit":"c%d"}}}`, e.IntN(3)), metav1.PatchOptions{})
	case 3:
		if e.IntN(3) == 0 {
			_ = fleet.Bundles(ns).Delete(ctx, bundleName, metav1.DeleteOptions{})
		}
	case 4, 5:
		c := cluster(ns, clusterName, "env", e.one("prod", "test"), "management.cattle.io/cluster-name", e.one("c-1", "c-2"), "management.cattle.io/cluster-display-name", e.one("berlin", "rome"))
		_, _ = fleet.Clusters(ns).Create(ctx, c, metav1.CreateOptions{})
	case 6:
		_, _ = tryLabel(t, e.c, ns, clusterName, e.one("env", "management.cattle.io/cluster-name"), e.one("prod", "test", "null"))
	case 7:
		if e.IntN(3) == 0 {
			_ = fleet.Clusters(ns).Delete(ctx, clusterName, metav1.DeleteOptions{})
		}
	case 8:
		_, _ = fleet.Clusters(ns).Patch(ctx, clusterName, types.MergePatchType, patch(`{"status":{"agent":{"lastSeen":%s}}}`, e.one(`"2026-01-02T03:04:05Z"`, `"2026-01-02T03:04:05Z"`, "null")), metav1.PatchOptions{}, "status")
	case 9:
		g := &v1alpha1.ClusterGroup{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: e.one("g", "h")}}
		g.Spec.Selector = selector("env", e.one("prod", "test"))
		_, _ = fleet.ClusterGroups(ns).Create(ctx, g, metav1.CreateOptions{})
	default:
		for range 6 {
			e.report(t)
		}
	}
}

// report reports on a random BundleDeployment as an agent does.
func (e *shaker) report(t *testing.T) {
	t.Helper()
	all := listOf(t, e.c.FleetV1alpha1().BundleDeployments("")).Items
	if len(all) == 0 {
		return
	}
	bd := all[e.IntN(len(all))]
	applied := e.one(bd.Spec.DeploymentID, bd.Spec.DeploymentID, bd.Spec.StagedDeploymentID, "s-0:old")
	condition := fmt.Sprintf(`{"type":"Deployed","status":%q,"message":"said so"}`, e.one("True", "False"))
	text := fmt.Sprintf(`{"status":{"appliedDeploymentID":%q,"ready":%v,"nonModified":%v,"conditions":[%s],"resourceCounts":{"desiredReady":%d,"ready":%d,"orphaned":%d,"missing":%d,"modified":%d,"notReady":%d,"unknown":%d,"waitApplied":%d}}}`,
		applied, e.IntN(3) > 0, e.IntN(3) > 0, condition, 9, e.IntN(9), e.IntN(3), e.IntN(3), e.IntN(3), e.IntN(3), e.IntN(3), e.IntN(3))
	_, _ = e.c.FleetV1alpha1().BundleDeployments(bd.Namespace).Patch(t.Context(), bd.Name, types.MergePatchType, []byte(text), metav1.PatchOptions{}, "status") // it may be gone
}

// sources creates what the labels of random Bundles name.
func (e *shaker) sources(t *testing.T, ns string) {
	t.Helper()
	for _, name := range []string{"x", "y"} {
		repo := &v1alpha1.GitRepo{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}}
		repo.Spec.Repo = "https://git"
		_, err := e.c.FleetV1alpha1().GitRepos(ns).Create(t.Context(), repo, metav1.CreateOptions{})
		require.NoError(t, err)
		_, err = e.c.FleetV1alpha1().HelmOps(ns).Create(t.Context(), &v1alpha1.HelmOp{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}}, metav1.CreateOptions{})
		require.NoError(t, err)
	}
}

// known creates a fleet in which each number that can be above 0 is.
func (e *shaker) known(t *testing.T) {
	t.Helper()
	const ns = "known"
	e.sources(t, ns)
	for name, label := range map[string]string{"app": "fleet.cattle.io/repo-name", "chart": "fleet.cattle.io/fleet-helm-name"} {
		b := bundle(ns, name, "env", "prod")
		b.Labels = map[string]string{label: "x"}
		createBundle(t, e.c, b)
	}
	createGroup(t, e.c, ns, "g", selector("env", "prod"))
	createGroup(t, e.c, ns, "h", selector("number", "2")) // the Cluster in the state NotReady
	for i, report := range []string{
		`"appliedDeploymentID":"WANT","ready":true,"nonModified":true`,
		`"appliedDeploymentID":"WANT","ready":true`,
		`"appliedDeploymentID":"WANT"`,
		`"appliedDeploymentID":"old"`,
		`"appliedDeploymentID":"old","conditions":[{"type":"Deployed","status":"False"}]`,
	} {
		createCluster(t, e.c, cluster(ns, name("c", i), "env", "prod", "number", strconv.Itoa(i)))
		in := e.c.FleetV1alpha1().BundleDeployments(home(ns, name("c", i)))
		for _, bundle := range []string{"app", "chart"} {
			require.Eventually(t, func() bool { return fetch(t, in, bundle).Spec.DeploymentID != "" }, within, time.Millisecond, "promoted")
			text := `{"status":{` + report + `,"resourceCounts":{"desiredReady":8,"ready":1,"orphaned":1,"missing":1,"modified":1,"notReady":1,"unknown":1,"waitApplied":1}}}`
			merge(t, in, bundle, strings.ReplaceAll(text, "WANT", fetch(t, in, bundle).Spec.DeploymentID), "status")
		}
	}
}

// check compares a scrape with the API.
func (e *shaker) check(t *testing.T, s *server) series {
	t.Helper()
	scraped, revision := s.scrapeFleet(t)
	require.Equal(t, seriesAt(t, e.c, revision), scraped)
	return scraped
}

func TestFleetsMetricsShowWhatTheAPIShows(t *testing.T) {
	t.Parallel()
	s := own(t)
	e := &shaker{replay.Rand(t), s.clientset(t)}
	e.sources(t, "shaken-a")
	e.sources(t, "shaken-b")
	for range 25 {
		for range 12 {
			e.edit(t)
		}
		e.check(t, s)
	}
	e.known(t)
	above := map[string]bool{}
	for key, value := range e.check(t, s) {
		name, labels, _ := strings.Cut(key, "map[")
		if strings.Contains(labels, "namespace:known ") {
			above[name] = above[name] || value > 0
		}
	}
	for name, is := range above {
		// In a Bundle no deployment is OutOfSync (S 7.1), and Muster computes none late.
		require.Equal(t, name != "fleet_bundle_out_of_sync" && name != "fleet_bundle_pending", is, name)
	}
	require.Len(t, above, 9+1+13+13)
}
