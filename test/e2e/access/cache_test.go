// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"errors"
	"net/http"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/test/e2e/cluster"
	"github.com/musterfleet/muster/test/poll"
)

func TestARevokedRightIsRefusedOnceTheCacheExpires(t *testing.T) {
	t.Parallel()
	bind(t, "short-lived", north.namespace, "ClusterRole", "fleet-bundle-deployment", user("short-lived"))
	config := muster.Replicas()[0].Direct(control.As("short-lived"))
	poll.Eventually(t, patience, func(ctx context.Context) error { return expect(ctx, config, north.list(), http.StatusOK) })

	require.NoError(t, control.Client.RbacV1().RoleBindings(north.namespace).Delete(t.Context(), "short-lived", metav1.DeleteOptions{}))
	poll.Eventually(t, patience, func(ctx context.Context) error {
		return expect(ctx, control.As("short-lived"), north.list(), http.StatusForbidden)
	})
	known := time.Now() // kube-apiserver knows, because it does not cache
	last := lastBefore(t, func(ctx context.Context) error { return expect(ctx, config, north.list(), http.StatusForbidden) })
	require.Less(t, last.Sub(known), cacheTTL+time.Second)
}

// lastBefore waits as poll.Eventually does, and returns when the last failed try began.
func lastBefore(t *testing.T, try func(ctx context.Context) error) (last time.Time) {
	t.Helper()
	poll.Eventually(t, patience, func(ctx context.Context) error {
		began := time.Now()
		err := try(ctx)
		if err != nil {
			last = began
		}
		return err
	})
	return last
}

// These tests use shorter times: see the package comment.
func TestAnswersAreCachedForTenSecondsByDefault(t *testing.T) {
	t.Parallel()
	help, err := exec.CommandContext(t.Context(), cluster.Built(t, cluster.ServerName), "--help").Output()
	require.NoError(t, err)
	for _, flag := range []string{
		"authentication-token-webhook-cache-ttl", "authorization-webhook-cache-authorized-ttl", "authorization-webhook-cache-unauthorized-ttl",
	} {
		require.Regexp(t, `(?s)--`+flag+` duration[^-]*\(default 10s\)`, string(help))
	}
}

// It is not parallel: see the package comment.
func TestWithoutKubeAPIServerEveryClientIsRefused(t *testing.T) { //nolint:paralleltest // a replica that cannot ask must not get other tests' requests
	replica := muster.Add(t)
	replica.WaitReady(t)
	defer func() {
		replica.Kill() // no test needs an orderly end
		muster.Remove(t, replica)
	}()
	token, certificate := replica.Direct(north.config), replica.Direct(control.As("late"))
	bind(t, "late", north.namespace, "ClusterRole", "fleet-bundle-deployment", user("late"))
	poll.Eventually(t, patience, func(ctx context.Context) error { return expect(ctx, token, north.list(), http.StatusOK) })
	poll.Eventually(t, patience, func(ctx context.Context) error { return expect(ctx, certificate, north.list(), http.StatusOK) })

	replica.API.Cut()
	cut := time.Now()
	var asked sync.WaitGroup
	for _, c := range []struct {
		name    string
		config  *rest.Config
		request request
		code    int
	}{
		// A client whose identity cannot be checked is anonymous, and a client whose rights
		// cannot be checked has none. A cached answer counts as known.
		{"a token that was known", token, north.list(), http.StatusUnauthorized},
		{"a certificate whose rights were known", certificate, north.list(), http.StatusInternalServerError},
		// For clients that are new, nothing is known, and nothing is guessed.
		{"a new token", replica.Direct(control.WithToken(control.Token(t, south.namespace, south.account))), south.list(), http.StatusUnauthorized},
		{"a new certificate", replica.Direct(control.As("never-seen")), north.list(), http.StatusInternalServerError},
		{"an anonymous client", replica.Direct(control.Anonymous()), north.list(), http.StatusInternalServerError},
		{"the front proxy, for an agent", replica.Proxied(control.FrontProxyCA.Client(cluster.FrontProxyName), north.user(), nil, nil), request{path: north.deployments() + "/one"}, http.StatusInternalServerError},
		// The replica cannot ask about its user, and impersonation needs a right too.
		{"an impersonator", replica.Direct(control.As("never-seen")), request{path: north.deployments(), header: http.Header{"Impersonate-User": {"admin"}}}, http.StatusForbidden},
		// These need no answer from kube-apiserver.
		{"an administrator's certificate", replica.Direct(control.Config), north.list(), http.StatusOK},
		{"a probe", replica.Direct(control.Anonymous()), request{path: "/livez"}, http.StatusOK},
	} {
		asked.Go(func() {
			var a answer
			for time.Since(cut) < patience {
				var err error
				if a, err = try(t.Context(), c.config, c.request); err != nil {
					a.body = err.Error()
				}
				if a.code == c.code {
					return
				}
			}
			assert.Equal(t, c.code, a.code, "%s: %s", c.name, a.body)
		})
	}
	asked.Wait()
	t.Logf("all were refused %v after kube-apiserver went away", time.Since(cut).Round(time.Millisecond))

	replica.API.Mend()
	poll.Eventually(t, patience, func(ctx context.Context) error {
		return errors.Join(expect(ctx, token, north.list(), http.StatusOK), expect(ctx, certificate, north.list(), http.StatusOK))
	})
}
