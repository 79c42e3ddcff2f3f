// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/test/poll"
)

func (w *workspace) patchRepo(t *testing.T, name, patch string) {
	t.Helper()
	_, err := api.FleetV1alpha1().GitRepos(w.name).Patch(t.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	require.NoError(t, err)
}

func TestEachChangeOfAGitRepoStartsOneJob(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t, "changes", "north", "south")
	w.push("app", "c1", map[string]v1alpha1.BundleSpec{"one": configMap(w.name, "one", "blue"), "two": chart(w.name, "blue")})
	w.gitRepo(t, "app", nil)
	w.waitReady(t, "app", "c1", "4/4")
	require.Equal(t, 1, jobs.count(w.name))

	w.push("app", "c2", map[string]v1alpha1.BundleSpec{"two": chart(w.name, "green")})
	w.waitReady(t, "app", "c2", "2/2")
	require.Equal(t, 2, jobs.count(w.name), "a commit starts one")

	w.patchRepo(t, "app", `{"spec":{"forceSyncGeneration":1}}`)
	w.waitReady(t, "app", "c2", "2/2")
	require.Equal(t, 3, jobs.count(w.name), "a forced sync starts one")
	poll.Eventually(t, within, func(ctx context.Context) error {
		bundle, err := api.FleetV1alpha1().Bundles(w.name).Get(ctx, "app-two", metav1.GetOptions{})
		if err == nil && bundle.Spec.ForceSyncGeneration != 1 {
			err = errors.New("the Bundle is not forced")
		}
		return err
	})

	w.patchRepo(t, "app", `{"spec":{"keepResources":true}}`)
	w.waitReady(t, "app", "c2", "2/2")
	require.Equal(t, 4, jobs.count(w.name), "another spec starts one")

	w.patchRepo(t, "app", `{"metadata":{"labels":{"team":"a"},"annotations":{"note":"b"}}}`)
	w.waitResync(t, "app")
	require.Equal(t, 4, jobs.count(w.name), "neither metadata nor a resync starts one")
}

// waitResync waits until gitjob has looked at every GitRepo again. It shows with a GitRepo
// that is polled.
func (w *workspace) waitResync(t *testing.T, polled string) {
	t.Helper()
	end := time.Now().Add(resync + 2*time.Second)
	w.waitRepo(t, polled, func(r *v1alpha1.GitRepo) bool { return r.Status.LastPollingTime.After(end) })
}

func TestAnUnchangedStatusMakesNoEvent(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t, "quiet", "north")
	for _, name := range []string{"still", "polled"} {
		w.push(name, "c1", map[string]v1alpha1.BundleSpec{"one": configMap(w.name, name, "blue")})
		w.gitRepo(t, name, func(spec *v1alpha1.GitRepoSpec) { spec.DisablePolling = name == "still" })
		w.waitReady(t, name, "c1", "1/1")
	}
	w.waitNoJob(t)
	w.waitResync(t, "polled")
	before := w.getRepo(t, "still")
	wrote := programs.Journal.Answers()["gitjob update gitrepos/status 200"]
	w.waitResync(t, "polled")
	require.Greater(t, programs.Journal.Answers()["gitjob update gitrepos/status 200"], wrote)
	require.Equal(t, before, w.getRepo(t, "still"), "gitjob writes what the server shows")
	require.Equal(t, 2, jobs.count(w.name))
}

// waitNoJob waits until gitjob has deleted the Jobs of the workspace, which it does after
// their success.
func (w *workspace) waitNoJob(t *testing.T) {
	t.Helper()
	poll.Eventually(t, within, func(ctx context.Context) error {
		left, err := w.objects(ctx)
		if jobs := withPrefix(left, "jobs."); err == nil && slices.ContainsFunc(jobs, func(name string) bool { return left[name].Annotations["commit"] == "c1" }) {
			err = fmt.Errorf("%v exist", jobs)
		}
		return err
	})
}

func TestAFailingJobIsShownAsStalled(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t, "failing", "north")
	programs.Remote.Push(w.url("app"), Commit{ID: "c1", Broken: "yaml: line 3: mapping values are not allowed"})
	w.gitRepo(t, "app", nil)
	shown := func(r *v1alpha1.GitRepo) bool {
		return r.Status.GitJobStatus == failed && conditionIs(r.Status.Conditions, stalled, "True") && conditionIs(r.Status.Conditions, reconciling, "False") &&
			conditionIs(r.Status.Conditions, accepted, "True") && conditionIs(r.Status.Conditions, gitPolling, "True") && r.Status.Display.State == "GitUpdating"
	}
	repo := w.waitRepo(t, "app", shown)
	require.True(t, strings.Contains(describe(repo.Status.Conditions), "mapping values are not allowed"), repo.Status.Conditions)
	w.waitResync(t, "app")
	require.True(t, shown(w.getRepo(t, "app")), "the poller's patches keep the conditions")
	require.Equal(t, 1, jobs.count(w.name), "a failed Job is not repeated")

	// A repository that cannot be fetched changes one condition only.
	programs.Remote.Push(w.url("app"), Commit{ID: "c2", Folders: map[string]v1alpha1.BundleSpec{"one": configMap(w.name, "one", "blue")}})
	w.waitReady(t, "app", "c2", "1/1")
	require.Equal(t, 2, jobs.count(w.name))
	w.patchRepo(t, "app", fmt.Sprintf(`{"spec":{"repo":%q}}`, w.url("gone")))
	repo = w.waitRepo(t, "app", func(r *v1alpha1.GitRepo) bool { return conditionIs(r.Status.Conditions, gitPolling, "False") })
	require.True(t, conditionIs(repo.Status.Conditions, accepted, "True"), repo.Status.Conditions)
	require.Equal(t, "1/1", repo.Status.Display.ReadyBundleDeployments)
}
