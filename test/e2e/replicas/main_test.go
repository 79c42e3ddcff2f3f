// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package replicas

import (
	"context"
	"flag"
	"testing"
	"time"

	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

// within bounds every wait for something that must happen soon.
const within = 2 * time.Minute

var control *cluster.ControlPlane

var rounds = flag.Int("rounds", 2, "how often each failure is repeated")

func TestMain(m *testing.M) {
	klog.SetLogger(klog.Logger{}) // client-go logs each watch that ends
	cluster.Main(m, func(t cluster.T) { control = cluster.Start(t) })
}

// background returns a context that ends with the test, and can be ended before.
func background(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	return ctx, cancel
}
