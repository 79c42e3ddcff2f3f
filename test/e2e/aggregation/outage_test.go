// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package aggregation_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// quick is what a person calls at once, on a busy machine.
const quick = 10 * time.Second

// startMuster makes all well again after stopMuster. It is deferred rather than a
// cleanup, because it needs the test's context.
func startMuster(t *testing.T) {
	t.Helper()
	for _, r := range muster.Replicas() {
		r.Mend()
		if !r.Process.Running() {
			r.Start(t)
		}
	}
	muster.WaitReady(t)
	muster.Register(t)
	muster.WaitAvailable(t)
	waitDiscovered(t)
}

// stopMuster ends all replicas.
func stopMuster(t *testing.T) {
	t.Helper()
	for _, r := range muster.Replicas() {
		r.Kill()
	}
	waitFor(t, "kube-apiserver notices that Muster is gone", func() bool { return available(t) != "True" })
}

func available(t *testing.T) string {
	t.Helper()
	status, _, err := muster.Available(t.Context())
	require.NoError(t, err)
	return status
}

// timed runs kubectl and requires an end within quick.
func (p person) timed(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	p.Limit = quick
	began := time.Now()
	stdout, stderr, err = p.Kubectl(p.in(args)...)
	require.Less(t, time.Since(began), quick, "kubectl %s hangs", strings.Join(args, " "))
	return stdout, stderr, err
}

func TestKubectlGoesOnWhileMusterIsDown(t *testing.T) {
	p := administrator(t)
	p.types(t, manifest("Bundle", "kept", ""), "create", "-f", "-")
	p.does(t, "create", "configmap", "other")
	defer startMuster(t)
	stopMuster(t)

	for _, args := range [][]string{{"get", "bundles"}, {"get", "bundles.v1alpha1.fleet.cattle.io", "kept"}, {"delete", "bundle", "kept"}} {
		_, stderr, err := p.timed(t, args...)
		require.Error(t, err, args)
		require.Contains(t, stderr, "the server is currently unable to handle the request", args)
	}
	t.Logf("discovery: %+v", freshness(t))
	// What a person without a cache of discovery is told.
	fresh := at(t, nil, p.namespace)
	_, stderr, err := fresh.timed(t, "get", "bundles")
	require.Error(t, err)
	t.Logf("kubectl get bundles, first ever: %s", stderr)

	for _, args := range [][]string{{"get", "configmap", "other"}, {"get", "all"}, {"get", "all", "-A"}, {"get", "namespaces"}} {
		for _, who := range []person{p, at(t, nil, p.namespace)} {
			_, stderr, err := who.timed(t, args...)
			require.NoError(t, err, args)
			t.Logf("%v: %s", args, stderr)
		}
	}
	for _, who := range []person{p, at(t, nil, p.namespace)} {
		out, stderr, err := who.timed(t, "api-resources")
		t.Logf("api-resources: %v, stderr %s", err, stderr)
		require.Contains(t, out, "configmaps")
	}
	p.does(t, "create", "configmap", "another")
	p.does(t, "delete", "configmap", "another")
}

func TestANamespaceIsNotDeletedWhileMusterIsDown(t *testing.T) {
	empty, full, deregistered := administrator(t), administrator(t), administrator(t)
	full.types(t, manifest("Bundle", "kept", ""), "create", "-f", "-")
	for _, p := range []person{empty, full, deregistered} {
		p.does(t, "create", "configmap", "other")
	}
	defer startMuster(t)
	stopMuster(t)
	for _, p := range []person{empty, full} {
		p.does(t, "delete", "namespace", p.namespace, "--wait=false")
	}
	for _, p := range []person{empty, full} {
		waitFor(t, "what others hold is deleted", func() bool {
			_, stderr, err := p.Kubectl(p.in([]string{"get", "configmap", "other"})...)
			return err != nil && strings.Contains(stderr, "NotFound")
		})
		waitFor(t, "the namespace names our group as the reason", func() bool {
			text := p.does(t, "get", "namespace", p.namespace, "-o", `jsonpath={range .status.conditions[?(@.status=="True")]}{.type}: {.reason}: {.message}{"\n"}{end}`)
			if strings.Contains(text, "fleet.cattle.io") {
				t.Logf("a namespace that is being deleted says:\n%s", text)
				return true
			}
			return false
		})
	}
	began := time.Now()
	for _, r := range muster.Replicas() {
		r.Start(t)
	}
	muster.WaitAvailable(t)
	t.Logf("available again after %v", time.Since(began))
	for _, p := range []person{empty, full} {
		p.does(t, "wait", "namespace/"+p.namespace, "--for=delete", "--timeout=55s")
		t.Logf("a namespace finished %v after Muster came back", time.Since(began))
	}

	for _, r := range muster.Replicas() {
		r.Kill()
	}
	waitFor(t, "kube-apiserver notices that Muster is gone", func() bool { return available(t) != "True" })
	deregistered.does(t, "delete", "namespace", deregistered.namespace, "--wait=false")
	muster.Unregister(t)
	began = time.Now()
	deregistered.does(t, "wait", "namespace/"+deregistered.namespace, "--for=delete", "--timeout=55s")
	t.Logf("the namespace finished %v after the APIService was deleted", time.Since(began))
}

func TestTheAPIServiceIsAvailableOnlyWhenReadsAreRight(t *testing.T) {
	p := administrator(t)
	p.types(t, manifest("Bundle", "kept", ""), "create", "-f", "-")
	defer startMuster(t)
	stopMuster(t)
	muster.Unregister(t)
	for _, r := range muster.Replicas() {
		for _, cable := range r.Etcd {
			cable.Cut()
		}
		r.Start(t)
	}
	muster.Register(t)
	var message string
	waitFor(t, "the APIService is not available", func() bool {
		status, text, err := muster.Available(t.Context())
		message = text
		return err == nil && status == "False"
	})
	t.Logf("without etcd: %s", message)
	_, stderr, err := p.timed(t, "get", "bundles")
	require.Error(t, err)
	t.Logf("kubectl get bundles: %s", stderr)

	// From here on look all the time: whenever it says True, a read that begins
	// after that is right.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	wrong := make(chan string, 1)
	trues := make(chan struct{}, 1)
	go func() {
		defer close(wrong)
		for ctx.Err() == nil {
			status, _, err := muster.Available(ctx)
			if err != nil || status != "True" {
				continue
			}
			bundles, err := resource(t, control.Config, "bundles").Namespace(p.namespace).List(ctx, metav1.ListOptions{})
			if ctx.Err() == nil && (!assert.NoError(t, err) || !assert.Len(t, bundles.Items, 1)) {
				return
			}
			select {
			case trues <- struct{}{}:
			default:
			}
		}
	}()
	for _, r := range muster.Replicas() {
		require.False(t, r.Ready())
		r.Mend()
	}
	muster.WaitAvailable(t)
	for range 10 {
		<-trues
	}
	cancel()
	<-wrong
}
