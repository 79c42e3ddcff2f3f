// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatCannotBeBuiltIsRefused(t *testing.T) {
	good := options{root: ".", platforms: []string{"linux/amd64"}, programs: []string{"muster"}}
	for says, change := range map[string]func(o *options){
		`the platform "darwin/arm64" is not one of Linux`:                                     func(o *options) { o.platforms = []string{"darwin/arm64"} },
		`the platform "linux" is not one of Linux`:                                            func(o *options) { o.platforms = []string{"linux"} },
		`"etcd" is not one of the programs muster, muster-apiserver, muster-controller`:       func(o *options) { o.programs = []string{"etcd"} },
		`SOURCE_DATE_EPOCH is "yesterday", which is not a time in seconds since 1970`:         func(*options) { t.Setenv("SOURCE_DATE_EPOCH", "yesterday") },
		`git does not say when the commit was made; set SOURCE_DATE_EPOCH to a time in secon`: func(o *options) { t.Setenv("SOURCE_DATE_EPOCH", ""); o.root = t.TempDir() },
	} {
		t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
		o := good
		o.output = t.TempDir()
		change(&o)
		require.ErrorContains(t, run(o, io.Discard), says)
	}
}
