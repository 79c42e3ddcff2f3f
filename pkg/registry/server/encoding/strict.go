// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package encoding

import (
	"reflect"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	fleetschema "github.com/musterfleet/muster/pkg/apis/fleet/schema"
	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// strict reports unknown and repeated members. An object that reads its own JSON hides them
// from the serializer that strict wraps.
type strict struct {
	runtime.Serializer
	yaml bool
}

// Decode implements runtime.Decoder.
func (s strict) Decode(text []byte, defaults *schema.GroupVersionKind, into runtime.Object) (runtime.Object, *schema.GroupVersionKind, error) {
	object, kind, err := s.Serializer.Decode(text, defaults, into)
	known, isStrict := runtime.AsStrictDecodingError(err)
	if err != nil && !isStrict {
		return object, kind, err
	}
	written, ok := object.(v1alpha1.Written)
	if !ok {
		return object, kind, err
	}
	var all []error
	if isStrict {
		all = known.Errors()
	}
	if s.yaml {
		// The serializer has already found repeated members.
		if text, err = yaml.YAMLToJSON(text); err != nil {
			return nil, kind, err
		}
	}
	var tree map[string]any
	repeated, err := json.UnmarshalStrict(text, &tree)
	if err != nil {
		return nil, kind, err
	}
	all = append(all, repeated...)
	for _, path := range fleetschema.Unknown(tree, reflect.TypeOf(written).Elem()) {
		all = append(all, unknownError(path))
	}
	if len(all) == 0 {
		return object, kind, nil
	}
	return object, kind, runtime.NewStrictDecodingError(all)
}

// unknownError names an unknown member in the words of the API machinery, because clients
// look for them.
type unknownError string

func (e unknownError) Error() string { return `unknown field "` + string(e) + `"` }
