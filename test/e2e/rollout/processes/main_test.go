// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package processes

import (
	"testing"

	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

var control *cluster.ControlPlane

func TestMain(m *testing.M) {
	klog.SetLogger(klog.Logger{}) // client-go logs each watch that breaks off
	cluster.Main(m, func(t cluster.T) { control = cluster.Start(t) })
}
