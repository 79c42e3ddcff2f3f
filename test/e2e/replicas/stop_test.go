// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package replicas

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

// complaint matches a line of klog at level E, W or F, and one of gRPC and of the standard
// log.
var complaint = regexp.MustCompile(`^([EWF]\d{4} |\d{4}/\d\d/\d\d )`)

// complaints returns the lines of a log that report a fault.
func complaints(log string) (out []string) {
	for line := range strings.Lines(log) {
		if complaint.MatchString(line) {
			out = append(out, line)
		}
	}
	return out
}

// testStop stops a replica, a muster-controller that waits and one that leads, while clients
// work. Nothing is wrong then, so no log may say so. cmd/muster tests the all-in-one.
func testStop(t *testing.T, m *cluster.Muster, etcd *cluster.Etcd) {
	l := startLoad(t, m, newFleet(t, "stop", control.Config)) // before the controllers, which make Namespaces
	start := func(name, awaited string) *cluster.Process {
		p, _ := control.ServeController(t, etcd, name, "--leader-elect=true")
		for _, line := range []string{awaited, `"Ready"`} {
			require.Eventually(t, func() bool { return strings.Contains(p.Log(), line) }, within, pace, "%s", p.Tail())
		}
		return p
	}
	leads := start("leads", "This process leads")
	waits := start("waits", "Attempting to acquire leader lease")
	r := m.Replicas()[0]
	for _, p := range []*cluster.Process{waits, leads, r.Process} {
		before := len(p.Log())
		if p == r.Process {
			r.Stop(t)
		} else {
			require.NoError(t, p.Stop(30*time.Second))
		}
		said := p.Log()[before:]
		require.NotEmpty(t, said, "%s does not log its stop", p.Name)
		require.Empty(t, complaints(said), "%s was stopped in order", p.Name)
	}
	r.Start(t)
	r.WaitReady(t)
	l.finish(t, m, "orderly stop")
}
