// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package helm

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	sigsyaml "sigs.k8s.io/yaml"
)

// into is a post-renderer that moves every object into one namespace. It fails for a
// cluster-scoped object.
type into struct {
	namespace string
	mapper    meta.RESTMapper
}

// Run moves the objects that Helm has rendered.
func (n into) Run(rendered *bytes.Buffer) (*bytes.Buffer, error) {
	objects, err := Objects(rendered.String())
	if err != nil {
		return nil, err
	}
	out := &bytes.Buffer{}
	for _, object := range objects {
		kind := object.GroupVersionKind()
		mapping, err := n.mapper.RESTMapping(kind.GroupKind(), kind.Version)
		if err != nil {
			return nil, err
		}
		if mapping.Scope.Name() == meta.RESTScopeNameRoot {
			return nil, fmt.Errorf("%s %s belongs to no namespace, but the bundle's \"namespace\" forces all into %s: use \"defaultNamespace\"", kind.Kind, object.GetName(), n.namespace)
		}
		object.SetNamespace(n.namespace)
		text, err := sigsyaml.Marshal(object.Object)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(out, "---\n%s", text)
	}
	return out, nil
}

// Objects returns the objects of rendered manifests; lists become their items.
func Objects(manifests string) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	for documents := yaml.NewYAMLOrJSONDecoder(bytes.NewBufferString(manifests), 4096); ; {
		object := &unstructured.Unstructured{}
		err := documents.Decode(&object.Object)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, err
		}
		switch {
		case len(object.Object) == 0:
		case object.IsList():
			if err := object.EachListItem(func(item runtime.Object) error {
				if one, ok := item.(*unstructured.Unstructured); ok {
					objects = append(objects, one)
				}
				return nil
			}); err != nil {
				return nil, err
			}
		default:
			objects = append(objects, object)
		}
	}
}
