// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package replicas

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/test/e2e/cluster"
	"github.com/musterfleet/muster/test/poll"
)

const fleetPath = "/metrics/fleet"

var (
	// documentedOfFleet matches the rows of the table of Fleet's metrics: names, and labels.
	documentedOfFleet = regexp.MustCompile("(?m)^\\| `(\\w+)(?:\\{([\\w,]+)\\})?` \\| ([^|]*)\\|")
	// servedOfFleet matches the first series of a family: name, and labels.
	servedOfFleet = regexp.MustCompile(`(?m)^# TYPE \w+ gauge\n(\w+)(?:\{([^}]*)\})? `)
	labelName     = regexp.MustCompile(`(\w+)="`)
)

// labelsOfEach returns the sorted labels of each metric that a pattern finds.
func labelsOfEach(found [][]string, names func(row []string) []string, labels *regexp.Regexp) map[string][]string {
	out := map[string][]string{}
	for _, row := range found {
		all := []string{}
		for _, label := range labels.FindAllStringSubmatch(row[len(row)-1], -1) {
			all = append(all, label[1])
		}
		slices.Sort(all)
		for _, name := range names(row) {
			out[name] = all
		}
	}
	return out
}

// testFleetMetrics checks that one controller of two has the documented series, and the other
// one when the first is gone.
func testFleetMetrics(t *testing.T, m *cluster.Muster, etcd *cluster.Etcd, leads *rest.Config, leader *cluster.Process, page string) {
	const ns = "measured"
	control.MakeNamespace(t, ns)
	c := clientset(t, control.Config).FleetV1alpha1()
	_, err := c.Clusters(ns).Create(t.Context(), &v1alpha1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "c"}}, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = c.Bundles(ns).Create(t.Context(), newBundle(ns, everywhere), metav1.CreateOptions{})
	require.NoError(t, err)
	g := &v1alpha1.ClusterGroup{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "all"}}
	g.Spec.Selector = &metav1.LabelSelector{}
	_, err = c.ClusterGroups(ns).Create(t.Context(), g, metav1.CreateOptions{})
	require.NoError(t, err)
	_, address := control.ServeController(t, etcd, "follower", "--leader-elect=true")
	follows := rest.CopyConfig(leads)
	follows.Host = "https://" + address

	scraped := ""
	poll.Eventually(t, within, func(ctx context.Context) (err error) {
		scraped, err = scrapePath(ctx, leads, fleetPath)
		for _, last := range []string{"fleet_cluster_group_state{", "fleet_bundledeployment_state{"} {
			if err == nil && !strings.Contains(scraped, last) {
				err = errors.New("the leader has no " + last)
			}
		}
		return err
	})
	want := labelsOfEach(documentedOfFleet.FindAllStringSubmatch(page, -1), func(row []string) []string {
		var all []string
		for suffix := range strings.SplitSeq(row[2], ",") {
			all = append(all, row[1]+suffix)
		}
		return all
	}, quoted)
	require.Greater(t, len(want), 30)
	served := labelsOfEach(servedOfFleet.FindAllStringSubmatch(scraped, -1), func(row []string) []string { return row[1:2] }, labelName)
	require.Equal(t, want, served, "docs/metrics.md and the program differ")

	other, err := scrapePath(t.Context(), follows, fleetPath)
	require.NoError(t, err)
	require.Empty(t, other, "a sum would count each object twice")
	_, err = scrapePath(t.Context(), m.Replicas()[0].Direct(control.Config), fleetPath)
	require.ErrorContains(t, err, "404", "muster-apiserver has no series, on none of its replicas")

	require.NoError(t, leader.Stop(time.Minute))
	poll.Eventually(t, within, func(ctx context.Context) error {
		other, err := scrapePath(ctx, follows, fleetPath)
		if err == nil && !strings.Contains(other, "fleet_cluster_group_state{") {
			err = errors.New("the next leader has no series")
		}
		return err
	})
}
