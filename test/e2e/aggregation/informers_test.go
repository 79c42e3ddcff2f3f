// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package aggregation_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	clientfeatures "k8s.io/client-go/features"
	clientfeaturestesting "k8s.io/client-go/features/testing"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
	fleetinformers "github.com/musterfleet/muster/pkg/generated/informers/externalversions"
)

// requests records the lists and watches of BundleDeployments that a client made.
type requests struct {
	sync.Mutex
	of []string
}

func (r *requests) config(config *rest.Config) *rest.Config {
	config = rest.CopyConfig(config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return recorder{r, next} })
	return config
}

func (r *requests) seen() []string {
	r.Lock()
	defer r.Unlock()
	return slices.Clone(r.of)
}

type recorder struct {
	*requests
	next http.RoundTripper
}

func (r recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Method == http.MethodGet && strings.HasSuffix(request.URL.Path, "/bundledeployments") {
		query, what := request.URL.Query(), "list"
		if query.Get("watch") != "" {
			what = "watch"
			if query.Get("sendInitialEvents") == "true" {
				what = "watch-list"
			}
		}
		r.Lock()
		r.of = append(r.of, what)
		r.Unlock()
	}
	return r.next.RoundTrip(request)
}

// It is not parallel: a switch of the process decides how informers start.
func TestInformersFollowThroughTheAggregationLayer(t *testing.T) {
	p, agent := deployed(t)
	for name, test := range map[string]struct {
		watchList bool
		want      []string
	}{
		"with one watch that begins with the state": {true, []string{"watch-list"}},
		"with a list and a watch from there on":     {false, []string{"list", "watch"}},
	} {
		t.Run(name, func(t *testing.T) {
			clientfeaturestesting.SetFeatureDuringTest(t, clientfeatures.WatchListClient, test.watchList)
			made := &requests{}
			client, err := versioned.NewForConfig(made.config(control.Config))
			require.NoError(t, err)
			factory := fleetinformers.NewSharedInformerFactoryWithOptions(client, 0, fleetinformers.WithNamespace(agent.namespace))
			informer := factory.Fleet().V1alpha1().BundleDeployments()
			events := &log{}
			_, err = informer.Informer().AddEventHandler(events)
			require.NoError(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			factory.Start(ctx.Done())
			defer factory.Shutdown()
			defer cancel()
			require.True(t, cache.WaitForCacheSync(ctx.Done(), informer.Informer().HasSynced), "initial-events-end arrived")
			waitFor(t, "the first state was delivered", func() bool { return len(events.seen()) == 1 })

			for i := range 3 {
				p.does(t, "label", "cluster", "one", "env=prod", "--overwrite")
				waitFor(t, "the informer's store is empty", func() bool { return len(informer.Informer().GetStore().ListKeys()) == 0 })
				p.does(t, "label", "cluster", "one", "env=test", "--overwrite")
				waitFor(t, "the informer has it again", func() bool { return len(informer.Informer().GetStore().ListKeys()) == 1 })
				// Each report is different.
				_, err := client.FleetV1alpha1().BundleDeployments(agent.namespace).Patch(ctx, "app", types.MergePatchType,
					fmt.Appendf(nil, `{"status":{"release":"a/b:%d"}}`, i), metav1.PatchOptions{}, "status")
				require.NoError(t, err)
				waitFor(t, "the informer has the report", func() bool {
					got, err := informer.Lister().BundleDeployments(agent.namespace).Get("app")
					return err == nil && got.Status.Release == fmt.Sprintf("a/b:%d", i)
				})
			}
			want := []string{"add", "delete", "add", "update", "delete", "add", "update", "delete", "add", "update"}
			waitFor(t, "the informer has delivered all", func() bool { return len(events.seen()) >= len(want) }) // after its store has it
			require.Equal(t, want, events.seen())
			require.Equal(t, test.want, made.seen(), "no second list, no second watch")
		})
	}
}

type log struct {
	sync.Mutex
	of []string
}

func (l *log) add(what string) {
	l.Lock()
	defer l.Unlock()
	l.of = append(l.of, what)
}

func (l *log) seen() []string {
	l.Lock()
	defer l.Unlock()
	return slices.Clone(l.of)
}

func (l *log) OnAdd(any, bool)   { l.add("add") }
func (l *log) OnUpdate(_, _ any) { l.add("update") }
func (l *log) OnDelete(any)      { l.add("delete") }

func TestAWatchListEndsItsFirstPartWithABookmark(t *testing.T) {
	t.Parallel()
	_, agent := deployed(t)
	for _, plural := range []string{"bundledeployments", "bundles"} {
		began, err := resource(t, control.Config, plural).Namespace(agent.namespace).Watch(t.Context(), metav1.ListOptions{
			SendInitialEvents: new(true), AllowWatchBookmarks: true, ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan,
		})
		require.NoError(t, err)
		defer began.Stop()
		for event := range began.ResultChan() {
			if event.Type != watch.Bookmark {
				require.Equal(t, watch.Added, event.Type)
				continue
			}
			object := event.Object.(metav1.Object)
			require.Equal(t, "true", object.GetAnnotations()[metav1.InitialEventsAnnotationKey])
			require.NotEmpty(t, object.GetResourceVersion())
			break
		}
	}
}
