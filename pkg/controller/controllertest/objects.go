// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package controllertest

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	metadatafake "k8s.io/client-go/metadata/fake"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// Meta returns the metadata of an object in the namespace fleet, with the UID uid-of-NAME.
func Meta(name string, generation int64) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: "fleet", Name: name, UID: types.UID("uid-of-" + name), Generation: generation, CreationTimestamp: metav1.Unix(1_700_000_000, 0),
	}
}

// Bundle returns a Bundle that targets all Clusters.
func Bundle(name string, generation int64) *v1alpha1.Bundle {
	b := &v1alpha1.Bundle{ObjectMeta: Meta(name, generation)}
	b.Spec.Targets = []v1alpha1.BundleTarget{{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: &metav1.LabelSelector{}}}}
	return b
}

// Metadata returns a fake metadata client that holds some objects.
func Metadata(t testing.TB, objects ...runtime.Object) *metadatafake.FakeMetadataClient {
	scheme := metadatafake.NewTestScheme()
	require.NoError(t, metav1.AddMetaToScheme(scheme))
	return metadatafake.NewSimpleMetadataClient(scheme, objects...)
}

// Partial returns the metadata of an object as a metadata client shows it.
func Partial(object metav1.Object) *metav1.PartialObjectMetadata {
	out := meta.AsPartialObjectMetadata(object)
	out.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Object"}
	return out
}
