// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package processes

import (
	"flag"
	"io"
	"testing"

	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

var control *cluster.ControlPlane

func TestMain(m *testing.M) {
	flag.Parse()
	logged := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(logged)
	_ = logged.Set("logtostderr", "false") // the flag exists
	_ = logged.Set("stderrthreshold", "FATAL")
	klog.SetOutput(io.Discard) // client-go logs each watch that breaks off
	cluster.Main(m, func(t cluster.T) { control = cluster.Start(t) })
}
