// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/test/e2e/cluster"
	"github.com/musterfleet/muster/test/poll"
)

const (
	bundlesPerRepo = 10
	clustersOfMany = 10
)

// The test is not parallel, so that its times are its own. MUSTER_FLEET_REPOS is the number
// of GitRepos; 300 take several minutes.
func TestManyGitReposAtOnce(t *testing.T) {
	repos := 30
	if text := os.Getenv("MUSTER_FLEET_REPOS"); text != "" {
		var err error
		repos, err = strconv.Atoi(text)
		require.NoError(t, err, "MUSTER_FLEET_REPOS is a number of GitRepos")
	}
	control.MakeNamespace(t, "many")
	w := &workspace{"many"}
	for i := range clustersOfMany {
		name := fmt.Sprintf("c%d", i)
		_, err := api.FleetV1alpha1().Clusters(w.name).Create(t.Context(), &v1alpha1.Cluster{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"env": "prod"}}}, metav1.CreateOptions{})
		require.NoError(t, err)
	}
	folders := map[string]v1alpha1.BundleSpec{}
	for i := range bundlesPerRepo {
		folders[fmt.Sprintf("f%d", i)] = configMap(w.name, fmt.Sprintf("m%d", i), "blue")
	}
	began := time.Now()
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(20)
	for i := range repos {
		name := fmt.Sprintf("r%d", i)
		w.push(name, "c1", folders)
		group.Go(func() error {
			_, err := api.FleetV1alpha1().GitRepos(w.name).Create(ctx, w.newRepo(name), metav1.CreateOptions{})
			return err
		})
	}
	require.NoError(t, group.Wait())
	t.Logf("%d GitRepos created: %v", repos, since(began))
	made := "fleet apply create bundles 201"
	poll.Eventually(t, patience, func(context.Context) error {
		if n := programs.Journal.Answers()[made]; n < repos*bundlesPerRepo {
			return fmt.Errorf("%d Bundles created", n)
		}
		return nil
	})
	t.Logf("%d Bundles created: %v", repos*bundlesPerRepo, since(began))
	all := bundlesPerRepo * clustersOfMany
	w.waitShown(t, repos, func(s v1alpha1.GitRepoStatus) bool {
		return s.Commit == "c1" && s.GitJobStatus == current && s.Summary.DesiredReady == all && s.Display.State != "GitUpdating"
	})
	t.Logf("%d BundleDeployments shown: %v", repos*all, since(began))
	require.Equal(t, repos, jobs.count(w.name), "one Job for each GitRepo")
	logProcessors(t)
	logInformers(t, repos*all)

	began = time.Now()
	group, ctx = errgroup.WithContext(t.Context())
	group.SetLimit(20)
	for i := range repos {
		group.Go(func() error {
			return api.FleetV1alpha1().GitRepos(w.name).Delete(ctx, fmt.Sprintf("r%d", i), metav1.DeleteOptions{})
		})
	}
	require.NoError(t, group.Wait())
	t.Logf("deletion of %d GitRepos accepted: %v", repos, since(began))
	w.waitShown(t, 0, func(v1alpha1.GitRepoStatus) bool { return true })
	t.Logf("GitRepos and their Bundles gone: %v", since(began))
	poll.Eventually(t, patience, func(ctx context.Context) error {
		left, err := w.objects(ctx)
		owned := append(withPrefix(left, "serviceaccounts git-"), withPrefix(left, "bundles.fleet.cattle.io r")...)
		if err == nil && len(owned) > 0 {
			err = fmt.Errorf("%d objects exist", len(owned))
		}
		return err
	})
	t.Logf("what they owned gone: %v", since(began))
	logProcessors(t)
}

// logProcessors logs the processor time that each process has used since its start.
func logProcessors(t *testing.T) {
	t.Helper()
	text := ""
	for _, p := range []*cluster.Process{muster.Replicas()[0].Process, loops, control.APIServer, control.ControllerManager} {
		used, err := p.ProcessorTime()
		require.NoError(t, err)
		text += fmt.Sprintf("%s %v, ", p.Name, used)
	}
	var mine syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &mine))
	t.Logf("processor time: %sthe programs %v", text, time.Duration(mine.Utime.Nano()+mine.Stime.Nano()).Round(10*time.Millisecond))
}

func since(began time.Time) time.Duration { return time.Since(began).Round(10 * time.Millisecond) }

// patience bounds each part of a large run.
const patience = 30 * time.Minute

// pause is the time between two lists of all GitRepos, which would load the server otherwise.
const pause = 500 * time.Millisecond

// waitShown waits until there are so many GitRepos and all show something.
func (w *workspace) waitShown(t *testing.T, repos int, want func(v1alpha1.GitRepoStatus) bool) {
	t.Helper()
	poll.Eventually(t, patience, func(ctx context.Context) error {
		list, err := api.FleetV1alpha1().GitRepos(w.name).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		n := 0
		for _, r := range list.Items {
			if want(r.Status) {
				n++
			}
		}
		if n == repos && len(list.Items) == repos {
			return nil
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		return fmt.Errorf("%d of %d GitRepos, wanted %d", n, len(list.Items), repos)
	})
}
