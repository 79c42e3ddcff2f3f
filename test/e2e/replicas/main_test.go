// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package replicas

import (
	"context"
	"flag"
	"os"
	"strconv"
	"testing"
	"time"

	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

// within bounds every wait for something that must happen soon.
const within = 2 * time.Minute

var control *cluster.ControlPlane

var rounds = flag.Int("rounds", fromEnvironment("MUSTER_ROUNDS", 2), "how often each disturbance is repeated; also MUSTER_ROUNDS in the environment")

func fromEnvironment(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil && n > 0 {
		return n
	}
	return otherwise
}

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
