// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package drills

import (
	"flag"
	"testing"
	"time"

	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

// within bounds every wait for something that must happen soon.
const within = 2 * time.Minute

// pause is the time between two looks at something that can only be polled.
const pause = 50 * time.Millisecond

var (
	only   = flag.String("only", "", "a regular expression: play only the drills with such a name")
	update = flag.Bool("update", false, "write what was measured into results.json and docs/operations.md")
)

// control is the control plane of TestDrills. The other tests need none.
var control *cluster.ControlPlane

func TestMain(m *testing.M) {
	klog.SetLogger(klog.Logger{}) // client-go logs each watch that ends
	cluster.Main(m, func(cluster.T) {})
}
