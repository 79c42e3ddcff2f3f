// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package controllertest holds what the tests of several controllers need: an engine over a
// log, to which a test writes as the API server does, and the fake clients and objects that
// they share.
package controllertest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// Engine follows a log until the test ends. Its methods fail the test.
type Engine struct {
	*engine.Engine
	T   testing.TB
	Log *etcd.Log
	// Ctx ends with the test.
	Ctx context.Context
}

// Start starts an engine over a log.
func Start(t testing.TB, log *etcd.Log) *Engine {
	e := &Engine{engine.New(log, engine.DefaultOptions()), t, log, t.Context()}
	e.Background(e.Run)
	return e
}

// Background calls run in a goroutine. Its context ends when stop is called or the test ends;
// stop waits until run has returned.
func (e *Engine) Background(run func(ctx context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(e.Ctx)
	var running sync.WaitGroup
	running.Go(func() { _ = run(ctx) })
	stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	e.T.Cleanup(stop)
	return stop
}

// View returns a view that holds all that was committed before the call.
func (e *Engine) View() *view.View {
	e.T.Helper()
	v, err := e.Barrier(e.Ctx)
	require.NoError(e.T, err)
	return v
}

// Save writes an object.
func (e *Engine) Save(object record.APIObject) {
	e.T.Helper()
	e.write(record.ResourceOf(object), record.Name{Namespace: object.GetNamespace(), Name: object.GetName()},
		&record.Object{Object: object, Content: "s-1", Seed: []byte("seed"), Time: time.Unix(1_700_000_000, 0).UTC()})
}

// Delete deletes an object and its report.
func (e *Engine) Delete(resource, namespace, name string) {
	e.T.Helper()
	e.write(resource, record.Name{Namespace: namespace, Name: name}, nil)
}

// write plans a write, guards it, and plans it again after a conflict.
func (e *Engine) write(resource string, name record.Name, r *record.Object) {
	e.T.Helper()
	key := record.ObjectKey(resource, name)
	for ok := false; !ok; {
		v := e.View()
		plan, err := e.Plan(e.Ctx, engine.Proposal{Resource: resource, Name: name, Object: r})
		require.NoError(e.T, err)
		require.Empty(e.T, plan.First)
		txn := plan.Txn()
		txn.Unchanged[key] = 0
		if item := v.Get(resource, name); item != nil {
			txn.Unchanged[key] = item.(*view.Object).RecordRevision
		}
		if r != nil {
			txn.Put[key], err = r.Encode()
			require.NoError(e.T, err)
		} else {
			txn.Delete = append(txn.Delete, key, record.ReportKey(resource, name))
		}
		_, ok, err = e.Log.Commit(e.Ctx, txn)
		require.NoError(e.T, err)
	}
}

// Commit commits a transaction that no guard refuses.
func (e *Engine) Commit(txn etcd.Txn) {
	e.T.Helper()
	_, ok, err := e.Log.Commit(e.Ctx, txn)
	require.NoError(e.T, err)
	require.True(e.T, ok)
}

// Report writes a report on an object.
func (e *Engine) Report(resource string, name record.Name, r *record.Report) {
	e.T.Helper()
	data, err := r.Encode()
	require.NoError(e.T, err)
	e.Commit(etcd.Txn{Put: map[record.Key][]byte{record.ReportKey(resource, name): data}})
}

// Eventually blocks until a condition holds. It calls holds in the test's goroutine, where
// holds may fail the test; require.Eventually would call it in another.
func (e *Engine) Eventually(holds func() bool, about ...any) {
	e.T.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(); <-time.After(5 * time.Millisecond) {
		if time.Now().After(end) {
			require.FailNow(e.T, "the condition does not hold after 30 s", about...)
		}
	}
}
