// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package aggregation_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

// quick bounds a command that feels immediate, on a busy machine.
const quick = 10 * time.Second

// killMuster kills all replicas at once and waits until kube-apiserver has noticed.
func killMuster(t *testing.T) {
	t.Helper()
	for _, r := range muster.Replicas() {
		r.Kill()
	}
	lookAgain(t)
	waitFor(t, "kube-apiserver notices that Muster is gone", func() bool {
		status, _, err := muster.Available(t.Context())
		return err == nil && status == "False"
	})
	waitFor(t, "kube-apiserver calls its knowledge of our kinds stale", func() bool {
		return freshness(t) == apidiscoveryv2.DiscoveryFreshnessStale
	})
}

// lookAgain makes kube-apiserver check the APIService at once. By itself it checks every 30
// seconds, and ever more rarely while the APIService is unavailable.
func lookAgain(t *testing.T) {
	t.Helper()
	_, _, err := control.Terminal(t, nil).Kubectl("annotate", "--overwrite", "apiservice", cluster.APIServiceName, "example.com/look-again="+time.Now().Format("150405.000"))
	require.NoError(t, err)
}

// timed runs kubectl, which has to end within quick.
func (p person) timed(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	p.Limit = quick
	began := time.Now()
	stdout, stderr, err = p.Kubectl(p.in(args)...)
	require.Less(t, time.Since(began), quick, "kubectl %s hangs", strings.Join(args, " "))
	return stdout, stderr, err
}

// conditions returns the conditions of a namespace that say why it still exists.
func (p person) conditions(t *testing.T) string {
	t.Helper()
	return p.does(t, "get", "namespace", p.namespace, "-o", `jsonpath={range .status.conditions[?(@.status=="True")]}{.type}: {.reason}: {.message}{"\n"}{end}`)
}

// TestOutages stops Muster for every client, so it is not parallel. Each part begins where
// the part before it ends.
func TestOutages(t *testing.T) {
	p, empty, full, unregistered := administrator(t), administrator(t), administrator(t), administrator(t)
	for _, each := range []person{p, full} {
		each.types(t, manifest("Bundle", "kept", ""), "create", "-f", "-")
	}
	for _, each := range []person{p, empty, full, unregistered} {
		each.does(t, "create", "configmap", "other")
	}
	killMuster(t)

	t.Run("kubectl continues and says what is missing", func(t *testing.T) {
		// One user has used kubectl here recently and one never has. The first kubectl
		// remembers our kinds; the second has to ask kube-apiserver for them.
		newcomer := at(t, nil, p.namespace)
		for _, args := range [][]string{{"get", "bundles"}, {"get", "bundles.v1alpha1.fleet.cattle.io", "kept"}, {"delete", "bundle", "kept"}} {
			_, stderr, err := p.timed(t, args...)
			require.Error(t, err, args)
			require.Contains(t, stderr, "Error from server (ServiceUnavailable): the server is currently unable to handle the request", args)
			_, stderr, err = newcomer.timed(t, args...)
			require.Error(t, err, args)
			require.Contains(t, stderr, "the server doesn't have a resource type", args)
		}
		for _, who := range []person{p, newcomer} {
			for _, args := range [][]string{{"get", "configmap", "other"}, {"get", "all", "--all-namespaces"}, {"get", "namespaces"}, {"create", "configmap", "more"}, {"delete", "configmap", "more"}} {
				_, _, err := who.timed(t, args...)
				require.NoError(t, err, args)
			}
			out, _, err := who.timed(t, "api-resources")
			require.NoError(t, err)
			require.Contains(t, out, "configmaps")
		}
	})

	t.Run("a namespace waits for Muster, whether it holds Bundles or not", func(t *testing.T) {
		for _, each := range []person{empty, full} {
			each.does(t, "delete", "namespace", each.namespace, "--wait=false")
		}
		for _, each := range []person{empty, full} {
			waitFor(t, "the objects of other API servers are deleted", func() bool {
				_, stderr, err := each.Kubectl(each.in([]string{"get", "configmap", "other"})...)
				return err != nil && strings.Contains(stderr, "NotFound")
			})
			waitFor(t, "the namespace names our group as the reason", func() bool {
				return strings.Contains(each.conditions(t), "NamespaceDeletionDiscoveryFailure: DiscoveryFailed: Discovery failed for some groups, 1 failing: "+
					"unable to retrieve the complete list of server APIs: fleet.cattle.io/v1alpha1: stale GroupVersion discovery: fleet.cattle.io/v1alpha1")
			})
		}
	})

	t.Run("and ends by itself when Muster is back", func(t *testing.T) {
		began := time.Now()
		for _, r := range muster.Replicas() {
			r.Start(t)
		}
		muster.WaitReady(t)
		ready := time.Since(began)
		muster.WaitAvailable(t)
		available := time.Since(began)
		for _, each := range []person{empty, full} {
			each.Limit = 2 * time.Minute
			each.does(t, "wait", "namespace/"+each.namespace, "--for=delete", "--timeout=110s")
		}
		t.Logf("after the start of the replicas: ready %v, available %v, both namespaces gone %v", ready, available, time.Since(began))
		waitDiscovered(t)
		full.types(t, fmt.Sprintf("{apiVersion: v1, kind: Namespace, metadata: {name: %s}}", full.namespace), "create", "-f", "-")
		require.Empty(t, full.does(t, "get", "bundles", "-o", "name"), "the Bundle was deleted with its namespace")
	})

	t.Run("and at once when the operator deletes the APIService", func(t *testing.T) {
		killMuster(t)
		unregistered.does(t, "delete", "namespace", unregistered.namespace, "--wait=false")
		waitFor(t, "the namespace waits", func() bool { return strings.Contains(unregistered.conditions(t), "fleet.cattle.io/v1alpha1") })
		muster.Unregister(t)
		began := time.Now()
		unregistered.does(t, "wait", "namespace/"+unregistered.namespace, "--for=delete", "--timeout=55s")
		t.Logf("the namespace was gone %v after the APIService", time.Since(began))
	})

	t.Run("the APIService is available only when reads are right", func(t *testing.T) {
		for _, r := range muster.Replicas() {
			for _, proxy := range r.Etcd {
				proxy.Cut()
			}
			r.Start(t)
		}
		muster.Register(t)
		waitFor(t, "the APIService is not available", func() bool {
			status, message, err := muster.Available(t.Context())
			return err == nil && status == "False" && strings.HasPrefix(message, "FailedDiscoveryCheck: failing or missing response from ")
		})
		_, stderr, err := p.timed(t, "get", "--raw=/apis/fleet.cattle.io/v1alpha1/namespaces/"+p.namespace+"/bundles")
		require.Error(t, err)
		require.Contains(t, stderr, "the server is currently unable to handle the request")

		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		verdict := make(chan error, 1)
		bundles := resource(t, control.Config, "bundles").Namespace(p.namespace)
		go func() { verdict <- lookClosely(ctx, bundles) }()
		for _, r := range muster.Replicas() {
			require.False(t, r.Ready())
			r.Mend()
		}
		muster.WaitReady(t)
		require.NoError(t, <-verdict)
	})
	t.Run("nor when etcd stops later", func(t *testing.T) {
		for _, r := range muster.Replicas() {
			r.Etcd[0].Cut()
		}
		for _, r := range muster.Replicas() {
			waitFor(t, r.Name+" is not ready", func() bool { return !r.Ready() })
			client, err := discovery.NewDiscoveryClientForConfig(r.Direct(control.Config))
			require.NoError(t, err)
			for _, path := range []string{"", "/bundles?resourceVersion=0"} {
				body, err := client.RESTClient().Get().RequestURI("/apis/fleet.cattle.io/v1alpha1" + path).MaxRetries(0).DoRaw(t.Context())
				require.True(t, apierrors.IsServiceUnavailable(err), "%s: %v", path, err)
				require.Contains(t, string(body), "this replica of Muster cannot give right answers now")
			}
		}
		lookAgain(t)
		waitFor(t, "the APIService is not available", func() bool {
			status, _, err := muster.Available(t.Context())
			return err == nil && status == "False"
		})
	})
	for _, r := range muster.Replicas() {
		r.Mend()
	}
	muster.WaitReady(t)
	lookAgain(t)
	muster.WaitAvailable(t)
	waitDiscovered(t)
}

// lookClosely asks in a tight loop whether the APIService is available, and reads whenever
// it is. It returns an error if such a read does not find the one Bundle, and nil after
// twenty reads that do. Two parts of kube-apiserver decide whether the APIService is
// available and whether requests are passed on, and the second may be late. So its refusals
// prove nothing; those of Muster do, and name it.
func lookClosely(ctx context.Context, bundles dynamic.ResourceInterface) error {
	for right := 0; right < 20; {
		status, _, err := muster.Available(ctx)
		if ctx.Err() != nil {
			return errors.New("the APIService was not available in the time of the test")
		}
		if err != nil || status != "True" {
			continue
		}
		found, err := bundles.List(ctx, metav1.ListOptions{})
		if apierrors.IsServiceUnavailable(err) && !strings.Contains(err.Error(), "Muster") {
			continue
		}
		if err != nil {
			return fmt.Errorf("the APIService is available, and a list fails: %w", err)
		}
		if n := len(found.Items); n != 1 {
			return fmt.Errorf("the APIService is available, and a list has %d Bundles", n)
		}
		right++
	}
	return nil
}
