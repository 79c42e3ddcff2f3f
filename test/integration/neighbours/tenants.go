// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package neighbours

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/names"
)

const (
	quietly, loudly = "tenant-quiet", "tenant-loud" // namespaces, and their users
	one             = "c1"
	app             = "app"
)

var base = "/apis/" + v1alpha1.SchemeGroupVersion.String()

// path returns the path of a resource, or of an object.
func path(namespace, resource string, rest ...string) string {
	p := base
	if namespace != "" {
		p += "/namespaces/" + namespace
	}
	p += "/" + resource
	for _, r := range rest {
		p += "/" + r
	}
	return p
}

func (o Options) homeOf(i int) string { return names.ClusterNamespace(loudly, clusterName(i)) }
func clusterName(i int) string        { return fmt.Sprintf("c%04d", i) }
func bundleName(i int) string         { return fmt.Sprintf("b%04d", i) }

// Namespaces returns the namespaces that must exist where admission checks namespaces.
func (o Options) Namespaces() []string { return []string{quietly, loudly, o.homeOf(0)} }

func newCluster(namespace, name string) *v1alpha1.Cluster {
	return &v1alpha1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{"region": "north"}}}
}

func newBundle(namespace, name string, selector map[string]string) *v1alpha1.Bundle {
	b := &v1alpha1.Bundle{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	b.Spec.Resources = []v1alpha1.BundleResource{{Name: "a.yaml", Content: "kind: ConfigMap\nname: " + name}}
	b.Spec.Targets = []v1alpha1.BundleTarget{{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: &metav1.LabelSelector{MatchLabels: selector}}}}
	return b
}

// prepare writes the objects of both tenants.
func (o Options) prepare(ctx context.Context) error {
	client, err := connect(o.Config)
	if err != nil {
		return err
	}
	create := func(namespace, resource string, object any) error {
		answer, err := client.Post().AbsPath(path(namespace, resource)).Body(text(object)).Do(ctx).Raw()
		if err != nil {
			return fmt.Errorf("preparing %s: %w: %s", resource, err, answer)
		}
		return nil
	}
	for i := range o.Clusters {
		if err := create(loudly, "clusters", newCluster(loudly, clusterName(i))); err != nil {
			return err
		}
	}
	for i := range o.Bundles {
		if err := create(loudly, "bundles", newBundle(loudly, bundleName(i), nil)); err != nil {
			return err
		}
	}
	if err := create(quietly, "clusters", newCluster(quietly, one)); err != nil {
		return err
	}
	return create(quietly, "bundles", newBundle(quietly, app, map[string]string{"foo": "bar"}))
}

// tenant labels its Cluster, reads, and watches.
type tenant struct {
	client *rest.RESTClient
	home   string
	open   func() error
	events chan event
}

// event holds an event of a watch; without a kind, it holds why the watch ended.
type event struct {
	kind string
	at   time.Time
	why  error
}

// editWithin bounds the wait for an edit's event.
const editWithin = time.Minute

// quiet returns the tenant that is measured, with an open watch.
func (o Options) quiet(ctx context.Context) (*tenant, error) {
	client, err := o.connect(quietly)
	if err != nil {
		return nil, err
	}
	watcher, err := o.connect(quietly)
	if err != nil {
		return nil, err
	}
	t := &tenant{client: client, home: names.ClusterNamespace(quietly, one), events: make(chan event, 16)}
	t.open = func() error {
		stream, err := watcher.Get().AbsPath(path(t.home, "bundledeployments")).Param("watch", "true").Param("resourceVersion", "0").Stream(ctx)
		if err != nil {
			return fmt.Errorf("watching: %w", err)
		}
		go t.read(ctx, stream)
		return nil
	}
	return t, t.open()
}

// read passes on the events of a watch, and at last why it ended.
func (t *tenant) read(ctx context.Context, stream io.ReadCloser) {
	defer stream.Close()
	lines := bufio.NewReader(stream)
	for {
		line, err := lines.ReadBytes('\n')
		var e struct {
			Type string `json:"type"`
		}
		if err == nil {
			err = json.Unmarshal(line, &e)
		}
		if err == nil && e.Type == "ERROR" {
			err = fmt.Errorf("the watch says %s", line)
		}
		if err != nil {
			e.Type = ""
		}
		select {
		case t.events <- event{e.Type, time.Now(), err}:
		case <-ctx.Done():
			return
		}
		if e.Type == "" {
			return
		}
	}
}

// edit sets and removes a label.
func (t *tenant) edit(ctx context.Context, times int) (edits []Edit, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(2*times)*editWithin)
	defer cancel()
	for range times {
		for _, add := range []bool{true, false} {
			e, err := t.once(ctx, add)
			if err != nil {
				return nil, err
			}
			edits = append(edits, e)
		}
	}
	return edits, nil
}

func (t *tenant) once(ctx context.Context, add bool) (e Edit, err error) {
	value, want := "null", "DELETED"
	if add {
		value, want = `"bar"`, "ADDED"
	}
	patch := t.client.Patch(types.MergePatchType).AbsPath(path(quietly, "clusters", one)).Body([]byte(`{"metadata":{"labels":{"foo":` + value + `}}}`))
	get := t.client.Get().AbsPath(path(t.home, "bundledeployments", app))
	sent := time.Now()
	if answer, err := patch.Do(ctx).Raw(); err != nil {
		return e, fmt.Errorf("labelling: %w: %s", err, answer)
	}
	err = get.Do(ctx).Error()
	if err != nil && !apierrors.IsNotFound(err) {
		return e, fmt.Errorf("reading: %w", err)
	}
	e.Read, e.Right = time.Since(sent), (err == nil) == add
	for e.Event == 0 {
		select {
		case got := <-t.events:
			switch got.kind {
			case want:
				e.Event = got.at.Sub(sent)
			case "":
				return e, fmt.Errorf("the server ended the tenant's watch: %w", got.why)
			}
		case <-ctx.Done():
			return e, fmt.Errorf("no event of the BundleDeployment: %w", context.Cause(ctx))
		}
	}
	return e, nil
}
