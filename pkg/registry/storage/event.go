// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"bytes"
	"io"
	"sync"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

var (
	_ runtime.CacheableObject = (*eventObject)(nil)
	_ record.APIObject        = (*eventObject)(nil)
)

// eventObject is the object of a watch event, shared by all watchers that get
// it. It is serialised once for each encoding, by whoever comes first.
type eventObject struct {
	record.APIObject

	mu struct {
		sync.Mutex
		encoded map[runtime.Identifier]*encoding
	}
}

type encoding struct {
	once sync.Once
	data []byte
	err  error
}

// GetObject implements runtime.CacheableObject. The first level of the result
// is the caller's.
func (e *eventObject) GetObject() runtime.Object { return view.Copy(e.APIObject) }

// CacheEncode implements runtime.CacheableObject.
func (e *eventObject) CacheEncode(id runtime.Identifier, encode func(runtime.Object, io.Writer) error, w io.Writer) error {
	e.mu.Lock()
	if e.mu.encoded == nil {
		e.mu.encoded = map[runtime.Identifier]*encoding{}
	}
	done, ok := e.mu.encoded[id]
	if !ok {
		done = &encoding{}
		e.mu.encoded[id] = done
	}
	e.mu.Unlock()
	done.once.Do(func() {
		var buffer bytes.Buffer
		// The encoder sets the kind on what it is given.
		done.err = encode(e.GetObject(), &buffer)
		done.data = buffer.Bytes()
	})
	if done.err != nil {
		return done.err
	}
	_, err := w.Write(done.data)
	return err
}

// DeepCopyObject implements runtime.Object. A copy shares nothing, so it is the
// plain object.
func (e *eventObject) DeepCopyObject() runtime.Object { return e.APIObject.DeepCopyObject() }

// GetObjectKind implements runtime.Object. Nobody may set the kind of a shared
// object.
func (e *eventObject) GetObjectKind() schema.ObjectKind { return schema.EmptyObjectKind }
