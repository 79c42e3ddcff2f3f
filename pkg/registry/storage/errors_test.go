// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/storage"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/test/flakyproxy"
)

// deadline is how long a test waits for a result that should be immediate.
const deadline = 30 * time.Second

func withDeadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	t.Cleanup(cancel)
	return ctx
}

// clusters returns a ready store of Clusters. Its engine reads with one client, the store
// writes with another, and keys encrypt the records.
func clusters(ctx context.Context, t *testing.T, reads, writes *clientv3.Client, keys *etcdtest.Keys) *Store {
	t.Helper()
	return clustersWith(ctx, t, reads, writes, keys, engine.DefaultOptions())
}

func clustersWith(ctx context.Context, t *testing.T, reads, writes *clientv3.Client, keys *etcdtest.Keys, options engine.Options) *Store {
	t.Helper()
	encrypted := etcd.EncryptedBy(func(string) etcd.Encryption { return keys })
	e := engine.New(etcd.New(reads, "/muster", encrypted), options)
	running, stop := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() { _ = e.Run(running) })
	t.Cleanup(done.Wait)
	t.Cleanup(stop)
	s := NewObjects(record.Clusters, e, etcd.New(writes, "/muster", encrypted))
	require.Eventually(t, func() bool { return e.Ready() == nil }, deadline, 10*time.Millisecond)
	return s
}

// start returns a ready store of Clusters on an etcd of its own.
func start(t *testing.T) (context.Context, *etcdtest.Server, *Store) {
	t.Helper()
	return startWith(t, engine.DefaultOptions())
}

func startWith(t *testing.T, options engine.Options) (context.Context, *etcdtest.Server, *Store) {
	t.Helper()
	ctx, server := withDeadline(t), etcdtest.Start(t)
	return ctx, server, clustersWith(ctx, t, server.Client, server.Client, etcdtest.NewKeys(""), options)
}

func create(ctx context.Context, s *Store, name string) error {
	return s.Create(ctx, "/clusters/ns/"+name, clusterOf(name), &v1alpha1.Cluster{}, 0)
}

func clusterOf(name string) *v1alpha1.Cluster {
	return &v1alpha1.Cluster{ObjectMeta: metav1.ObjectMeta{
		Namespace: "ns", Name: name, UID: types.UID("uid-of-" + name), Generation: 1,
		Annotations: map[string]string{"padding": strings.Repeat("x", 20<<10)},
	}}
}

func update(ctx context.Context, s *Store, name string, change func(*v1alpha1.Cluster)) error {
	return s.GuaranteedUpdate(ctx, "/clusters/ns/"+name, &v1alpha1.Cluster{}, false, nil, func(in runtime.Object, _ storage.ResponseMeta) (runtime.Object, *uint64, error) {
		change(in.(*v1alpha1.Cluster))
		return in, nil, nil
	}, nil)
}

func get(ctx context.Context, s *Store, name string) (*v1alpha1.Cluster, error) {
	out := &v1alpha1.Cluster{}
	return out, s.Get(ctx, "/clusters/ns/"+name, storage.GetOptions{}, out)
}

// status returns the parts of an API error. after is when the client may retry, in seconds;
// 0 if the error does not say.
func status(t *testing.T, err error) (code, after int32, message string) {
	t.Helper()
	var api apierrors.APIStatus
	require.ErrorAs(t, err, &api)
	if details := api.Status().Details; details != nil {
		after = details.RetryAfterSeconds
	}
	return api.Status().Code, after, api.Status().Message
}

func TestARequestThatMeetsAnotherEtcdMayBeRetried(t *testing.T) {
	t.Parallel()
	ctx, server := withDeadline(t), etcdtest.Start(t)
	log := etcd.New(server.Client, "/muster")
	log.Expect(1) // the server's cluster has another ID
	_, err := log.Revision(ctx)
	require.ErrorIs(t, err, etcd.ErrReplaced)
	code, after, message := status(t, (&Store{}).apiError(err))
	require.EqualValues(t, http.StatusServiceUnavailable, code)
	require.EqualValues(t, retryAfterSeconds, after)
	require.Contains(t, message, "another cluster")
}

func TestAFullEtcdIsExplained(t *testing.T) {
	t.Parallel()
	ctx := withDeadline(t)
	server := etcdtest.Start(t, func(config *embed.Config) { config.QuotaBackendBytes = 1 << 20 })
	s := clusters(ctx, t, server.Client, server.Client, etcdtest.NewKeys(""))
	var err error
	n := 0
	for ; err == nil; n++ {
		err = create(ctx, s, fmt.Sprint("c", n))
	}
	code, after, message := status(t, err)
	require.EqualValues(t, 503, code)
	require.Zero(t, after, "a full etcd does not recover by itself")
	for _, says := range []string{fmt.Sprintf(`clusters "c%d" was not written`, n-1), "etcd is full", "quota", "Reads", "compact", "defrag", "alarm disarm", "--quota-backend-bytes"} {
		require.Contains(t, message, says)
	}
	_, err = get(ctx, s, fmt.Sprint("c", n-1))
	require.True(t, storage.IsNotFound(err), "it was not written")
	for i := range n - 1 {
		_, err := get(ctx, s, fmt.Sprint("c", i))
		require.NoError(t, err, "reads still work")
	}
	require.NoError(t, s.Delete(ctx, "/clusters/ns/c0", &v1alpha1.Cluster{}, nil, storage.ValidateAllObjectFunc, nil, storage.DeleteOptions{}))
}

func TestAReadThatFailsSaysWhenToTryAgain(t *testing.T) {
	t.Parallel()
	ctx, server := withDeadline(t), etcdtest.Start(t)
	proxy := flakyproxy.Start(t, server.Address())
	far := server.Dial(t, proxy.Address)
	s := clusters(ctx, t, far, far, etcdtest.NewKeys(""))
	require.NoError(t, create(ctx, s, "c"))
	for name, away := range map[string]func(){"etcd is gone": proxy.Cut, "etcd is silent": proxy.Stall} {
		away()
		_, err := get(ctx, s, "c")
		code, after, _ := status(t, err)
		require.Contains(t, []int32{429, 503, 504}, code, name)
		require.EqualValues(t, 1, after, name)
		// A write fails at its read, before it can have written anything.
		code, after, _ = status(t, create(ctx, s, "d"))
		require.Contains(t, []int32{429, 503, 504}, code, name)
		require.EqualValues(t, 1, after, name)
		proxy.Mend()
		require.Eventually(t, func() bool {
			_, err := get(ctx, s, "c")
			return err == nil
		}, deadline, 50*time.Millisecond, name)
		_, err = get(ctx, s, "d")
		require.True(t, storage.IsNotFound(err), name)
	}
}

// TestAWriteReportsItsOutcome cuts off etcd, or the keys, after a write was planned and
// before it is sent. client-go repeats a request whose answer has a Retry-After, so the
// answer to a write that may have succeeded must have none.
func TestAWriteReportsItsOutcome(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before      func(reads, writes *flakyproxy.Proxy, keys *etcdtest.Keys)
		code, after int32
		says        string
		written     bool
	}{
		"it was refused": {
			before: func(_, _ *flakyproxy.Proxy, keys *etcdtest.Keys) { keys.Fail(true) },
			code:   503, after: 1, says: "was not written",
		},
		"etcd has gone": {
			before: func(_, writes *flakyproxy.Proxy, _ *etcdtest.Keys) { writes.Cut() },
			code:   504, says: "it is unknown whether it was written",
		},
		"it was written, and the view does not get there": {
			before: func(reads, _ *flakyproxy.Proxy, _ *etcdtest.Keys) { reads.Stall() },
			code:   504, says: "was written, at resourceVersion", written: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, server := withDeadline(t), etcdtest.Start(t)
			reads, writes := flakyproxy.Start(t, server.Address()), flakyproxy.Start(t, server.Address())
			keys := etcdtest.NewKeys("k1")
			s := clusters(ctx, t, server.Dial(t, reads.Address), server.Dial(t, writes.Address), keys)
			require.NoError(t, create(ctx, s, "a"))
			var once sync.Once
			keys.BeforeEncrypt(func(string) { once.Do(func() { c.before(reads, writes, keys) }) })
			code, after, message := status(t, create(ctx, s, "b"))
			require.Equal(t, c.code, code)
			require.Equal(t, c.after, after)
			require.Contains(t, message, `"b"`)
			require.Contains(t, message, c.says)
			require.Equal(t, c.after == 0, strings.Contains(message, "read it "), message)

			reads.Mend()
			writes.Mend()
			keys.Fail(false)
			var err error
			require.Eventually(t, func() bool {
				_, err = get(ctx, s, "b")
				return err == nil || storage.IsNotFound(err)
			}, deadline, 50*time.Millisecond)
			require.Equal(t, c.written, err == nil)
		})
	}
}

// TestOnlyAnUnknownOutcomeIsReportedAsUnknown checks, for each answer of etcd, that the
// client learns the outcome, and gets a Retry-After only where a retry may help.
func TestOnlyAnUnknownOutcomeIsReportedAsUnknown(t *testing.T) {
	t.Parallel()
	for title, c := range map[string]struct {
		err         error
		size        int
		code, after int32
		says        string
	}{
		"it is too large":                       {err: etcd.ErrTooLarge, size: 2 << 20, code: 413, says: "split it into several"},
		"etcd accepts less than Muster expects": {err: etcd.ErrTooLarge, size: 1000, code: 413, says: "--max-request-bytes"},
		"it has too many operations":            {err: etcd.ErrTooManyOps, code: 413, says: "--max-txn-ops"},
		"etcd is full":                          {err: etcd.ErrNoSpace, code: 503, says: "quota"},
		"etcd does not let Muster write":        {err: etcd.ErrDenied, code: 503, says: "--etcd-certfile"},
		"etcd refuses it":                       {err: etcd.ErrRefused, code: 503, after: 1, says: "was not written"},
		"the time is up before it was sent":     {err: fmt.Errorf("%w before it was sent: %w", etcd.ErrRefused, context.DeadlineExceeded), code: 503, after: 1, says: "was not written"},
		"the time is up":                        {err: fmt.Errorf("commit: %w", context.DeadlineExceeded), code: 504, says: "it is unknown whether it was written"},
		"etcd has gone":                         {err: fmt.Errorf("commit: %w", io.ErrUnexpectedEOF), code: 504, says: "it is unknown whether it was written"},
	} {
		for _, s := range []*Store{NewObjects(record.Clusters, nil, nil), NewReports(record.Clusters, nil, nil)} {
			code, after, message := status(t, s.commitError(record.Name{Namespace: "ns", Name: "c"}, c.size, fmt.Errorf("%w: etcdserver: details", c.err)))
			require.Equal(t, c.code, code, title)
			require.Equal(t, c.after, after, title)
			require.Contains(t, message, `clusters "c"`, title)
			require.Equal(t, c.code == 504, strings.Contains(message, "unknown"), "%s: %s", title, message)
			if s.writer.creates() {
				require.Contains(t, message, c.says, title)
			}
		}
	}
	require.NoError(t, new(Store).commitError(record.Name{}, 0, nil))
}
