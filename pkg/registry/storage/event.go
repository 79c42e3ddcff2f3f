// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"io"
	"sync"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/musterfleet/muster/pkg/registry/record"
)

var (
	_ runtime.CacheableObject = (*eventObject)(nil)
	_ record.APIObject        = (*eventObject)(nil)
)

// eventObject is the object of a watch event, shared by all watchers that get the event.
// The first watcher that needs an encoding makes it for all.
type eventObject struct {
	record.APIObject

	mu struct {
		sync.Mutex
		// encoded is the first of a linked list, because most objects have one encoding.
		encoded *encoding
	}
}

type encoding struct {
	id   runtime.Identifier
	next *encoding

	once sync.Once
	data []byte
	err  error
}

// Write implements io.Writer.
func (e *encoding) Write(data []byte) (int, error) {
	e.data = append(e.data, data...)
	return len(data), nil
}

// in returns the object's encoding with that identifier. Its data may not exist yet.
func (e *eventObject) in(id runtime.Identifier) *encoding {
	e.mu.Lock()
	defer e.mu.Unlock()
	for have := e.mu.encoded; have != nil; have = have.next {
		if have.id == id {
			return have
		}
	}
	e.mu.encoded = &encoding{id: id, next: e.mu.encoded}
	return e.mu.encoded
}

// GetObject implements runtime.CacheableObject. The caller owns the first level of the
// result.
func (e *eventObject) GetObject() runtime.Object { return record.Copy(e.APIObject) }

// CacheEncode implements runtime.CacheableObject.
func (e *eventObject) CacheEncode(id runtime.Identifier, encode func(runtime.Object, io.Writer) error, w io.Writer) error {
	done := e.in(id)
	done.once.Do(func() {
		// The encoder sets the kind of its argument.
		done.err = encode(e.GetObject(), done)
	})
	if done.err != nil {
		return done.err
	}
	_, err := w.Write(done.data)
	return err
}

// DeepCopyObject implements runtime.Object. A copy shares nothing, so it is the plain
// object.
func (e *eventObject) DeepCopyObject() runtime.Object { return e.APIObject.DeepCopyObject() }

// GetObjectKind implements runtime.Object. The kind of a shared object must not be set.
func (e *eventObject) GetObjectKind() schema.ObjectKind { return schema.EmptyObjectKind }
