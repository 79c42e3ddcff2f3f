// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

// garbage holds records that should never exist below our prefix, and one day will.
var garbage = map[string]string{
	"object/clusters/ns/c2":               "not json",
	"object/clusters/ns/c3":               "",
	"object/clusters/ns/c4":               "null",
	"object/clusters/ns/c5":               `{"object":{"metadata":7}}`,
	"object/clusters/ns/new":              "\x00\xff",
	"object/bundles/ns/db":                `[]`,
	"object/bundles/ns/other":             `{"object":null}`,
	"object/nonsense/ns/x":                `{}`,
	"object/clusters/short":               `{}`,
	"object/clusters/a/b/c/d":             `{}`,
	"what/is/this/then":                   `{}`,
	"":                                    `{}`,
	"report/clusters/ns/c1":               `{"status":"x"}`,
	"report/clusters/ns/absent":           `{"status":{}}`,
	"report/bundledeployments/ns/x":       `nothing`,
	"report/nonsense/ns/x":                `{}`,
	"pin/bundles/ns/app":                  `{"uid":7}`,
	"pin/clusters/ns/c1":                  `{"pins":{}}`,
	"pin/nonsense/ns/c1":                  `{}`,
	"mirror/namespaces/-/ns":              `[]`,
	"mirror/nonsense/-/ns":                `[]`,
	"guard/targeting/-/-":                 `!`,
	"object/clustergroups/ns/g":           `{"object":{"spec":{"selector":7}}}`,
	"object/bundlenamespacemappings/ns/m": `{"object":{"bundleSelector":7}}`,
}

func TestABadRecordHarmsOnlyItsOwnObject(t *testing.T) {
	t.Parallel()
	s := own(t)
	c := s.clientset(t)
	for i := 1; i <= 5; i++ {
		createCluster(t, c, cluster("ns", fmt.Sprint("c", i), "env", "prod"))
	}
	createBundle(t, c, bundle("ns", "app", "env", "prod"))
	createBundle(t, c, bundle("ns", "db", "env", "prod"))
	label(t, c, "ns", "c1", "colour", "red") // so that the watch begins where it has nothing to repeat
	before := contents(t, s)
	w := watching(t, s.resource(t, "bundledeployments", ""), metav1.ListOptions{ResourceVersion: whole(s.revision(t))})
	check := func(s *server) {
		for _, plural := range []string{"clusters", "bundles", "bundledeployments", "clustergroups", "contents"} {
			_, err := s.resource(t, plural, "").List(t.Context(), metav1.ListOptions{})
			require.NoError(t, err, plural)
		}
		c := s.clientset(t)
		label(t, c, "ns", "c1", "env", "test")
		_, err := c.FleetV1alpha1().BundleDeployments(home("ns", "c1")).Get(t.Context(), "app", metav1.GetOptions{})
		require.True(t, apierrors.IsNotFound(err), "%v", err)
		label(t, c, "ns", "c1", "env", "prod")
		get(t, s.resource(t, "bundledeployments", home("ns", "c1")), "app")
	}
	good := map[string][]byte{}
	for key, value := range garbage {
		had, err := s.etcd.Put(t.Context(), logPrefix+"/log/"+key, value, clientv3.WithPrevKV())
		require.NoError(t, err)
		if had.PrevKv != nil {
			good[key] = had.PrevKv.Value
		}
		check(s)
		for _, kind := range []watch.EventType{watch.Deleted, watch.Added} {
			for _, name := range []string{"app", "db"} {
				e, _ := w.next()
				require.Equal(t, event{kind, home("ns", "c1"), name, e.Revision}, e, "after %s", key)
			}
		}
		require.Equal(t, before, contents(t, s), "%s took a BundleDeployment away", key)
	}

	// A record that cannot be read can be replaced; otherwise the answer says why not.
	_, err := c.FleetV1alpha1().Clusters("ns").Patch(t.Context(), "c2", types.MergePatchType, []byte(`{"metadata":{"labels":{"a":"b"}}}`), metav1.PatchOptions{})
	if err != nil {
		require.ErrorContains(t, err, "record")
	}
	_, err = c.FleetV1alpha1().Clusters("ns").Create(t.Context(), cluster("ns", "new"), metav1.CreateOptions{})
	if err != nil {
		require.ErrorContains(t, err, "record")
	}
	merge(t, c.FleetV1alpha1().Clusters("ns"), "c1", `{"status":{"agent":{"namespace":"x"}}}`, "status") // a report over a bad one
	// The next start serves the rest, as long as history shows what the bad records held.
	s = s.restart(t)
	check(s)
	require.Equal(t, before, contents(t, s))

	// Once history is compacted, the server cannot know which BundleDeployments exist. An
	// agent would uninstall those that seem to be gone.
	for key, value := range garbage {
		s.put(t, "log/"+key, value)
	}
	_, err = s.etcd.Compact(t.Context(), s.revision(t))
	require.NoError(t, err)
	resume := whole(s.revision(t))
	s = s.restart(t)
	unsure := func(err error) {
		t.Helper()
		require.True(t, apierrors.IsServiceUnavailable(err), "%v", err)
		require.ErrorContains(t, err, "could not be read")
	}
	// Nor does it know which Clusters the namespace has. Readable objects are found by
	// their names, unreadable ones are not reported as absent, and other namespaces are not
	// affected.
	const groupPath = apiRoot + "/"
	for _, plural := range []string{"clusters", "bundles", "clustergroups"} {
		unsure(s.once(t, groupPath+plural, nil))
		unsure(s.once(t, groupPath+"namespaces/ns/"+plural, url.Values{"resourceVersion": {"0"}}))
		unsure(apierrors.FromObject(watching(t, s.resource(t, plural, ""), metav1.ListOptions{}).status()))
		require.NoError(t, s.once(t, groupPath+"namespaces/other/"+plural, nil), plural)
	}
	unsure(s.once(t, groupPath+"namespaces/ns/clusters/c2", nil))
	unsure(s.raw(t).Delete().AbsPath(groupPath + "namespaces/ns/clusters/c2").MaxRetries(0).Do(t.Context()).Error())
	for _, readable := range []string{"clusters/c1", "bundles/app"} {
		require.NoError(t, s.once(t, groupPath+"namespaces/ns/"+readable, nil), readable)
	}
	require.NoError(t, s.once(t, groupPath+"namespaces/ns/clusters", url.Values{"fieldSelector": {"metadata.name=c1"}}))
	require.True(t, apierrors.IsNotFound(s.once(t, groupPath+"namespaces/ns/clusters/never-was", nil)))
	for _, plural := range []string{"policies", "contents"} {
		require.NoError(t, s.once(t, groupPath+plural, nil), plural)
	}
	const path = apiRoot + "/bundledeployments"
	for _, version := range []string{"", "0", resume} {
		unsure(s.once(t, path, url.Values{"resourceVersion": {version}}))
		unsure(s.once(t, path, url.Values{"resourceVersion": {version}, "watch": {"true"}}))
	}
	app := apiRoot + "/namespaces/" + home("ns", "c1") + "/bundledeployments/app"
	unsure(s.once(t, app, nil))
	unsure(s.raw(t).Patch(types.MergePatchType).AbsPath(app, "status").MaxRetries(0).Body([]byte(`{"status":{"ready":true}}`)).Do(t.Context()).Error())
	c = s.clientset(t)
	label(t, c, "ns", "c1", "env", "prod")

	// An operator who repairs the records gets everything back, and clients list once.
	for key := range garbage {
		if value, ok := good[key]; ok {
			_, err = s.etcd.Put(t.Context(), logPrefix+"/log/"+key, string(value))
		} else {
			_, err = s.etcd.Delete(t.Context(), logPrefix+"/log/"+key)
		}
		require.NoError(t, err)
	}
	require.Equal(t, before, contents(t, s))
	for _, plural := range []string{"bundledeployments", "clusters", "bundles"} {
		w = watching(t, s.resource(t, plural, ""), metav1.ListOptions{ResourceVersion: resume})
		ended := w.raw()
		require.Equal(t, watch.Error, ended.Type, plural)
		require.True(t, apierrors.IsResourceExpired(apierrors.FromObject(ended.Object)), "%s: %v", plural, ended.Object)
		err := s.once(t, groupPath+plural, url.Values{"resourceVersion": {resume}, "resourceVersionMatch": {"Exact"}})
		require.True(t, apierrors.IsResourceExpired(err), "%s: %v", plural, err)
	}
}
