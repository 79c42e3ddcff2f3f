// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/agent/upstream"
	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/test/poll"
)

var policies = []metav1.DeletionPropagation{metav1.DeletePropagationBackground, metav1.DeletePropagationForeground, metav1.DeletePropagationOrphan}

// full returns a workspace with two GitRepos, each of which owns one object of each kind,
// and objects of a user.
func full(t *testing.T, name string) *workspace {
	t.Helper()
	w := newWorkspace(t, name, "north")
	for _, repo := range []string{"app", "other"} {
		w.push(repo, "c1", map[string]v1alpha1.BundleSpec{"one": configMap(w.name, repo, "blue"), "two": chart(w.name, "blue")})
		w.gitRepo(t, repo, func(spec *v1alpha1.GitRepoSpec) { spec.CABundle = []byte("a certificate") })
		w.waitReady(t, repo, "c1", "2/2")
		w.waitNoJob(t)
		// A failed Job remains.
		programs.Remote.Push(w.url(repo), Commit{ID: "c2", Broken: "no"})
		w.waitRepo(t, repo, func(r *v1alpha1.GitRepo) bool { return conditionIs(r.Status.Conditions, stalled, "True") })
	}
	_, err := control.Client.CoreV1().Secrets(w.name).Create(t.Context(), newSecret(w.name, "mine", nil), metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = control.Client.CoreV1().ConfigMaps(w.name).Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "mine"}}, metav1.CreateOptions{})
	require.NoError(t, err)
	return w
}

// steady returns the objects of a workspace when the Jobs that have succeeded are gone.
func (w *workspace) steady(t *testing.T) (all map[string]metav1.PartialObjectMetadata) {
	t.Helper()
	poll.Eventually(t, within, func(ctx context.Context) (err error) {
		if all, err = w.objects(ctx); err != nil {
			return err
		}
		if n, pods := len(withPrefix(all, "jobs.batch ")), len(withPrefix(all, "pods ")); n != 2 || pods != 2 {
			return fmt.Errorf("%d Jobs and %d Pods", n, pods)
		}
		return nil
	})
	return all
}

var (
	app        = "gitrepos.fleet.cattle.io app"
	appBundles = []string{"bundles.fleet.cattle.io app-one", "bundles.fleet.cattle.io app-two"}
)

func TestADeletedGitRepoTakesAllThatItOwns(t *testing.T) {
	t.Parallel()
	for _, policy := range policies {
		t.Run(string(policy), func(t *testing.T) {
			t.Parallel()
			w := full(t, "repo-"+lower(policy))
			before := w.steady(t)
			owned := below(before, app)
			for _, kind := range []string{"configmaps ", "secrets ", "serviceaccounts ", "roles.", "rolebindings.", "jobs.", "pods "} {
				require.Len(t, slices.DeleteFunc(slices.Clone(owned), func(name string) bool { return len(name) < len(kind) || name[:len(kind)] != kind }), 1, kind)
			}
			gone := slices.Concat(owned, below(before, appBundles...))
			if policy == metav1.DeletePropagationOrphan {
				gone = append(below(before, appBundles...), app)
			}
			require.Contains(t, gone, "secrets app-two", "the Secret of a Bundle with values")

			require.NoError(t, api.FleetV1alpha1().GitRepos(w.name).Delete(t.Context(), "app", metav1.DeleteOptions{PropagationPolicy: &policy}))
			w.waitLeft(t, before, gone)
			w.waitRepo(t, "other", func(r *v1alpha1.GitRepo) bool { return r.Status.Display.ReadyBundleDeployments == "2/2" })
		})
	}
}

func TestADeletedBundleTakesItsValuesSecret(t *testing.T) {
	t.Parallel()
	for _, policy := range policies {
		t.Run(string(policy), func(t *testing.T) {
			t.Parallel()
			w := full(t, "bundle-"+lower(policy))
			before := w.steady(t)
			gone := below(before, "bundles.fleet.cattle.io app-two")
			require.ElementsMatch(t, []string{"bundles.fleet.cattle.io app-two", "secrets app-two"}, gone)
			if policy == metav1.DeletePropagationOrphan {
				gone = []string{"bundles.fleet.cattle.io app-two"}
			}
			require.NoError(t, api.FleetV1alpha1().Bundles(w.name).Delete(t.Context(), "app-two", metav1.DeleteOptions{PropagationPolicy: &policy}))
			left := w.waitLeft(t, before, gone)
			w.waitRepo(t, "app", func(r *v1alpha1.GitRepo) bool { return r.Status.Display.ReadyBundleDeployments == "1/1" })

			// Then the GitRepo goes as well.
			before = left
			gone = slices.Concat(below(before, app), []string{"bundles.fleet.cattle.io app-one"})
			require.NoError(t, api.FleetV1alpha1().GitRepos(w.name).Delete(t.Context(), "app", metav1.DeleteOptions{}))
			w.waitLeft(t, before, gone)
		})
	}
}

func TestADeletedNamespaceTakesEverything(t *testing.T) {
	t.Parallel()
	w := full(t, "whole")
	north, err := api.FleetV1alpha1().Clusters(w.name).Get(t.Context(), "north", metav1.GetOptions{})
	require.NoError(t, err)
	require.NoError(t, control.Client.CoreV1().Namespaces().Delete(t.Context(), w.name, metav1.DeleteOptions{}))
	for _, name := range []string{w.name, north.Status.Namespace} {
		waitNoNamespace(t, name)
	}
	all, err := w.objects(t.Context())
	require.NoError(t, err)
	require.Empty(t, all)
}

func waitNoNamespace(t *testing.T, name string) {
	t.Helper()
	poll.Eventually(t, within, func(ctx context.Context) error {
		namespace, err := control.Client.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("the Namespace exists: %+v, %w", namespace.Status, err)
	})
}

func TestADeletedClusterTakesItsTokensAndRegistrations(t *testing.T) {
	t.Parallel()
	for _, policy := range policies {
		t.Run(string(policy), func(t *testing.T) {
			t.Parallel()
			w := newWorkspace(t, "cluster-"+lower(policy), "south")
			made, values := w.bring(t, "north")
			invitation, err := upstream.ReadInvitation(values)
			require.NoError(t, err)
			_, err = invitation.Register(t.Context(), upstream.Applicant{ID: made.Spec.ClientID})
			require.NoError(t, err)
			w.push("app", "c1", map[string]v1alpha1.BundleSpec{"one": configMap(w.name, "one", "blue")})
			w.gitRepo(t, "app", func(spec *v1alpha1.GitRepoSpec) { spec.DisablePolling = true })
			w.waitRepo(t, "app", func(r *v1alpha1.GitRepo) bool { return r.Status.Display.ReadyBundleDeployments == "1/2" })
			before, err := w.objects(t.Context())
			require.NoError(t, err)
			gone := below(before, "clusters.fleet.cattle.io north")
			// The account and the Secrets of a token, its Role and its binding belong to the token.
			require.Contains(t, gone, "clusterregistrationtokens.fleet.cattle.io import-token-north")
			require.Contains(t, gone, "secrets import-token-north")
			registrations := withPrefix(before, "clusterregistrations.")
			require.Len(t, registrations, 1)
			require.Contains(t, gone, registrations[0])
			name := before[registrations[0]].Name
			gone = append(gone, "roles.rbac.authorization.k8s.io "+name, "rolebindings.rbac.authorization.k8s.io "+name)
			if policy == metav1.DeletePropagationOrphan {
				gone = []string{"clusters.fleet.cattle.io north"}
			}
			gone = append(gone, slices.Concat(withPrefix(before, "jobs."), withPrefix(before, "pods "))...) // the Job has succeeded

			require.NoError(t, api.FleetV1alpha1().Clusters(w.name).Delete(t.Context(), "north", metav1.DeleteOptions{PropagationPolicy: &policy}))
			// The Cluster and what belongs to it, and the Bundle of its agent.
			w.waitLeft(t, before, append(gone, "bundles.fleet.cattle.io fleet-agent-north"))
			waitNoNamespace(t, made.Status.Namespace)
			w.waitRepo(t, "app", func(r *v1alpha1.GitRepo) bool { return r.Status.Display.ReadyBundleDeployments == "1/1" })
		})
	}
}

func lower(policy metav1.DeletionPropagation) string {
	return map[metav1.DeletionPropagation]string{
		metav1.DeletePropagationBackground: "background", metav1.DeletePropagationForeground: "foreground", metav1.DeletePropagationOrphan: "orphan",
	}[policy]
}
