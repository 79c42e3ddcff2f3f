// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"

	"github.com/musterfleet/muster/pkg/agent/simulate"
	"github.com/musterfleet/muster/pkg/agent/upstream"
	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/test/e2e/cluster"
	"github.com/musterfleet/muster/test/poll"
)

// jobLog keeps the names of all Jobs that were ever created, by namespace.
type jobLog struct {
	mu struct {
		sync.Mutex
		started map[string]map[types.UID]string
	}
}

func followJobs(t cluster.T) *jobLog {
	t.Helper()
	l := &jobLog{}
	l.mu.started = map[string]map[types.UID]string{}
	factory := informers.NewSharedInformerFactory(control.Client, 0)
	informer := factory.Batch().V1().Jobs().Informer()
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: func(object any) {
		job := object.(*batchv1.Job)
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.mu.started[job.Namespace] == nil {
			l.mu.started[job.Namespace] = map[types.UID]string{}
		}
		l.mu.started[job.Namespace][job.UID] = job.Name
	}})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() { cancel(); factory.Shutdown() })
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	return l
}

// count returns how many Jobs were created in a namespace so far.
func (l *jobLog) count(namespace string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.mu.started[namespace])
}

// workspace is a namespace with Clusters, whose agents are simulated, and GitRepos.
type workspace struct{ name string }

func newWorkspace(t *testing.T, name string, clusters ...string) *workspace {
	t.Helper()
	control.MakeNamespace(t, name)
	w := &workspace{name}
	w.join(t, clusters...)
	return w
}

// join creates Clusters and starts their agents.
func (w *workspace) join(t *testing.T, clusters ...string) {
	t.Helper()
	var agents []simulate.Agent
	for _, name := range clusters {
		_, err := api.FleetV1alpha1().Clusters(w.name).Create(t.Context(), &v1alpha1.Cluster{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"env": "prod"}}}, metav1.CreateOptions{})
		require.NoError(t, err)
		made := w.waitCluster(t, name, func(c *v1alpha1.Cluster) bool {
			return conditionIs(c.Status.Conditions, processed, "True") && c.Status.Namespace != ""
		})
		agents = append(agents, simulate.Agent{Cluster: types.NamespacedName{Namespace: w.name, Name: name}, Namespace: made.Status.Namespace})
	}
	simulated(t, agents)
}

// simulated runs agents until the test ends.
func simulated(t *testing.T, agents []simulate.Agent) {
	t.Helper()
	up, err := upstream.New(control.Config)
	require.NoError(t, err)
	options := simulate.DefaultOptions()
	options.Delay, options.FirstHeartbeat = 10*time.Millisecond, 10*time.Millisecond
	fleet := simulate.New(up, agents, options, io.Discard)
	ctx, cancel := context.WithCancel(context.Background())
	var ran sync.WaitGroup
	ran.Go(func() { fleet.Run(ctx) })
	t.Cleanup(func() { cancel(); ran.Wait() })
}

func (w *workspace) waitCluster(t *testing.T, name string, want func(*v1alpha1.Cluster) bool) (found *v1alpha1.Cluster) {
	t.Helper()
	poll.Eventually(t, within, func(ctx context.Context) (err error) {
		found, err = api.FleetV1alpha1().Clusters(w.name).Get(ctx, name, metav1.GetOptions{})
		if err == nil && !want(found) {
			err = errors.New(describe(found.Status))
		}
		return err
	})
	return found
}

func conditionIs(all []v1alpha1.GenericCondition, kind, status string) bool {
	for _, c := range all {
		if c.Type == kind {
			return c.Status == status
		}
	}
	return false
}

func (w *workspace) url(repo string) string { return "https://git.example.com/" + w.name + "/" + repo }

// push makes a commit with Bundles the newest one of a GitRepo's repository.
func (w *workspace) push(repo, commit string, folders map[string]v1alpha1.BundleSpec) {
	programs.Remote.Push(w.url(repo), Commit{ID: commit, Folders: folders})
}

func (w *workspace) newRepo(name string) *v1alpha1.GitRepo {
	return &v1alpha1.GitRepo{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.GitRepoSpec{
		Repo:    w.url(name),
		Targets: []v1alpha1.GitTarget{{Name: "prod", ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"env": "prod"}}}}},
	}}
}

// gitRepo creates a GitRepo for the Clusters with env=prod.
func (w *workspace) gitRepo(t *testing.T, name string, change func(*v1alpha1.GitRepoSpec)) {
	t.Helper()
	repo := w.newRepo(name)
	repo.Spec.PollingInterval = new(v1alpha1.Duration("1s"))
	if change != nil {
		change(&repo.Spec)
	}
	_, err := api.FleetV1alpha1().GitRepos(w.name).Create(t.Context(), repo, metav1.CreateOptions{})
	require.NoError(t, err)
}

func (w *workspace) getRepo(t *testing.T, name string) *v1alpha1.GitRepo {
	t.Helper()
	repo, err := api.FleetV1alpha1().GitRepos(w.name).Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	return repo
}

// waitRepo waits until the status of a GitRepo is as wanted.
func (w *workspace) waitRepo(t *testing.T, name string, want func(*v1alpha1.GitRepo) bool) (found *v1alpha1.GitRepo) {
	t.Helper()
	poll.Eventually(t, within, func(ctx context.Context) (err error) {
		found, err = api.FleetV1alpha1().GitRepos(w.name).Get(ctx, name, metav1.GetOptions{})
		if err == nil && !want(found) {
			err = fmt.Errorf("GitRepo %s: %s", name, describe(found.Status))
		}
		return err
	})
	return found
}

// waitReady waits until a commit is deployed to so many Clusters.
func (w *workspace) waitReady(t *testing.T, name, commit, deployed string) *v1alpha1.GitRepo {
	t.Helper()
	return w.waitRepo(t, name, func(r *v1alpha1.GitRepo) bool {
		return r.Status.Commit == commit && r.Status.GitJobStatus == current && r.Status.Display.ReadyBundleDeployments == deployed &&
			r.Status.Display.State == "" && conditionIs(r.Status.Conditions, ready, "True") &&
			conditionIs(r.Status.Conditions, accepted, "True") && conditionIs(r.Status.Conditions, gitPolling, "True") &&
			conditionIs(r.Status.Conditions, stalled, "False") && r.Status.ObservedGeneration == r.Generation && r.Status.UpdateGeneration == r.Spec.ForceSyncGeneration
	})
}

// configMap returns a Bundle with one ConfigMap.
func configMap(namespace, name, value string) v1alpha1.BundleSpec {
	return v1alpha1.BundleSpec{
		BundleDeploymentOptions: v1alpha1.BundleDeploymentOptions{DefaultNamespace: namespace},
		Resources:               []v1alpha1.BundleResource{{Name: name + ".yaml", Content: fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: %s\ndata:\n  colour: %q\n", name, value)}},
	}
}

// chart returns a Bundle with a chart, whose values Fleet keeps in a Secret.
func chart(namespace, value string) v1alpha1.BundleSpec {
	spec := v1alpha1.BundleSpec{Resources: []v1alpha1.BundleResource{
		{Name: "Chart.yaml", Content: "apiVersion: v2\nname: greeter\nversion: 1.0.0\n"},
		{Name: "templates/config.yaml", Content: "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: greeter\ndata:\n  colour: {{ .Values.colour | quote }}\n"},
	}}
	spec.DefaultNamespace = namespace
	spec.Helm = &v1alpha1.HelmOptions{Values: &v1alpha1.GenericMap{Data: map[string]any{"colour": value}}}
	return spec
}

// waitData waits for a ConfigMap in the cluster to which agents deploy.
func waitData(t *testing.T, namespace, name, value string) {
	t.Helper()
	poll.Eventually(t, within, func(ctx context.Context) error {
		found, err := control.Client.CoreV1().ConfigMaps(namespace).Get(ctx, name, metav1.GetOptions{})
		if err == nil && found.Data["colour"] != value {
			err = fmt.Errorf("%s holds %v", name, found.Data)
		}
		return err
	})
}

func newSecret(namespace, name string, data map[string][]byte) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Data: data}
}
