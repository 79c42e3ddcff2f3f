// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"go.etcd.io/etcd/server/v3/embed"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// BenchmarkReportsToEtcd measures many writers that put small records with the guards of a
// report into an etcd that syncs to disk, one by one and in groups.
func BenchmarkReportsToEtcd(b *testing.B) {
	for _, writers := range []int{1, 16, 128} {
		for name, commit := range map[string]func(*etcd.Log, context.Context, etcd.Txn) (int64, bool, error){
			"one by one": (*etcd.Log).Commit, "together": (*etcd.Log).CommitTogether,
		} {
			b.Run(fmt.Sprintf("%s/writers=%d", name, writers), func(b *testing.B) {
				server := etcdtest.Start(b, func(c *embed.Config) { c.UnsafeNoFsync = false })
				log := etcd.New(server.Client, "/muster")
				before, err := log.Revision(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				var left atomic.Int64
				left.Store(int64(b.N))
				b.ResetTimer()
				var all sync.WaitGroup
				for w := range writers {
					all.Go(func() {
						report := record.ReportKey(record.BundleDeployments, record.Name{Namespace: "ns", Name: fmt.Sprint(w)})
						for left.Add(-1) >= 0 {
							_, ok, err := commit(log, b.Context(), etcd.Txn{
								Unchanged: map[record.Key]int64{key("bundle"): 0, key(fmt.Sprint(w)): 0},
								NotAfter:  map[record.Key]int64{report: 1 << 40, record.TargetingGuardKey(): 1 << 40, record.VersionsGuardKey(): 1 << 40},
								Put:       map[record.Key][]byte{report: make([]byte, 150)},
							})
							if err != nil || !ok {
								b.Error(ok, err)
								return
							}
						}
					})
				}
				all.Wait()
				b.StopTimer()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "reports/s")
				if after, err := log.Revision(b.Context()); err == nil {
					b.ReportMetric(float64(b.N)/float64(after-before), "reports/revision")
				}
			})
		}
	}
}
