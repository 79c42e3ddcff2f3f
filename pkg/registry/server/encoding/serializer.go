// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package encoding

import (
	"bytes"
	"io"
	"reflect"
	"slices"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	fleetschema "github.com/musterfleet/muster/pkg/apis/fleet/schema"
	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

var (
	_ runtime.NegotiatedSerializer = negotiated{}
	_ runtime.Serializer           = serializer{}
	_ runtime.EncoderWithAllocator = serializer{}
)

// Faster returns a negotiated serializer that writes JSON as this package does. It writes
// the same bytes as s, so encoders keep their identities. Its strict readers name the
// unknown members of objects that read their own JSON.
func Faster(s runtime.NegotiatedSerializer) runtime.NegotiatedSerializer {
	all := slices.Clone(s.SupportedMediaTypes())
	for i := range all {
		info := &all[i]
		if info.StrictSerializer != nil {
			info.StrictSerializer = strict{info.StrictSerializer, info.MediaType == runtime.ContentTypeYAML}
		}
		if info.MediaType != runtime.ContentTypeJSON {
			continue
		}
		info.Serializer = serializer{info.Serializer}
		if info.PrettySerializer != nil {
			info.PrettySerializer = pretty{info.PrettySerializer}
		}
		if info.StreamSerializer != nil {
			stream := *info.StreamSerializer
			stream.Serializer = serializer{stream.Serializer}
			info.StreamSerializer = &stream
		}
	}
	return negotiated{s, all}
}

type negotiated struct {
	runtime.NegotiatedSerializer
	mediaTypes []runtime.SerializerInfo
}

// SupportedMediaTypes implements runtime.NegotiatedSerializer. Every request calls it.
func (n negotiated) SupportedMediaTypes() []runtime.SerializerInfo { return n.mediaTypes }

// serializer writes the types that it knows, and leaves the rest to the serializer inside.
type serializer struct{ runtime.Serializer }

// Encode implements runtime.Encoder.
func (s serializer) Encode(object runtime.Object, w io.Writer) error {
	switch o := object.(type) {
	case *v1alpha1.BundleDeployment:
		return s.deployment(o, w)
	case *v1alpha1.BundleDeploymentList:
		if len(o.Items) > 0 {
			return s.list(o, w)
		}
	case v1alpha1.Written:
		return written(o, w)
	case *metav1.WatchEvent:
		if inOneLine(o.Object.Raw) {
			return event(o, w)
		}
	default:
		if items := writtenItems(object); items.IsValid() && items.Len() > 0 {
			return s.writtenList(object, items, w)
		}
	}
	return s.Serializer.Encode(object, w)
}

// writtenItems returns the items of a list of objects that clients write, and the zero Value
// for any other object.
func writtenItems(object runtime.Object) reflect.Value {
	v := reflect.Indirect(reflect.ValueOf(object))
	if v.Kind() != reflect.Struct {
		return reflect.Value{}
	}
	items := v.FieldByName("Items")
	if !items.IsValid() || items.Kind() != reflect.Slice || !reflect.PointerTo(items.Type().Elem()).Implements(reflect.TypeFor[v1alpha1.Written]()) {
		return reflect.Value{}
	}
	return items
}

// EncodeWithAllocator implements runtime.EncoderWithAllocator. The serializer has its own
// buffers. Without this method, the API machinery would log a complaint for each object.
func (s serializer) EncodeWithAllocator(object runtime.Object, w io.Writer, _ runtime.MemoryAllocator) error {
	return s.Encode(object, w)
}

// encoder holds what one call of Encode uses. A later call may use it again.
type encoder struct {
	text
	known known
}

var encoders = sync.Pool{New: func() any { return &encoder{} }}

// keptBuffer bounds a buffer that is reused, in bytes.
const keptBuffer = 256 << 10

func acquire() *encoder { return encoders.Get().(*encoder) }

func (e *encoder) release() {
	if e.err != nil {
		return // it may have stopped in the middle
	}
	e.b = e.b[:0]
	if cap(e.b) > keptBuffer {
		e.b = nil
	}
	encoders.Put(e)
}

func (s serializer) deployment(d *v1alpha1.BundleDeployment, w io.Writer) error {
	e := acquire()
	defer e.release()
	e.deployment(d, &e.known)
	if e.err != nil {
		return e.err
	}
	e.b = append(e.b, '\n')
	_, err := w.Write(e.b)
	return err
}

// chunk is how many bytes of a list are written at once.
const chunk = 32 << 10

func (s serializer) list(list *v1alpha1.BundleDeploymentList, w io.Writer) error {
	return inChunks(list, list.ListMeta, len(list.Items), w, func(e *encoder, i int) error {
		e.deployment(&list.Items[i], &e.known)
		return e.err
	})
}

func inChunks(list runtime.Object, meta any, items int, w io.Writer, item func(e *encoder, i int) error) error {
	// A first write of a few bytes shows the compression of responses that more follows
	// (responsewriters.deferredResponseWriter).
	if _, err := w.Write([]byte{'{'}); err != nil {
		return err
	}
	e := acquire()
	defer e.release()
	e.b = append(e.b, '{')
	apiVersion, kind := list.GetObjectKind().GroupVersionKind().ToAPIVersionAndKind()
	e.unlessEmpty(`"kind":`, kind)
	e.unlessEmpty(`"apiVersion":`, apiVersion)
	e.other(`"metadata":`, meta)
	e.name(`"items":`)
	e.b = append(e.b[:0], e.b[1:]...)
	separator := byte('[')
	for i := range items {
		e.b = append(e.b, separator)
		separator = ','
		if err := item(e, i); err != nil {
			return err
		}
		if len(e.b) >= chunk {
			if _, err := w.Write(e.b); err != nil {
				return err
			}
			e.b = e.b[:0]
		}
	}
	e.b = append(e.b, "]}\n"...)
	_, err := w.Write(e.b)
	return err
}

// written writes an object that has its own form. encoding/json would needlessly read all
// of it once more.
func written(object v1alpha1.Written, w io.Writer) error {
	text, err := fleetschema.Marshal(object.Plain(), *object.Form())
	if err != nil {
		return err
	}
	_, err = w.Write(append(text, '\n'))
	return err
}

func (s serializer) writtenList(list runtime.Object, items reflect.Value, w io.Writer) error {
	return inChunks(list, reflect.ValueOf(list).Elem().FieldByName("ListMeta").Interface(), items.Len(), w, func(e *encoder, i int) error {
		item := items.Index(i).Addr().Interface().(v1alpha1.Written)
		text, err := fleetschema.Marshal(item.Plain(), *item.Form())
		e.b = append(e.b, text...)
		return err
	})
}

// inOneLine reports whether the object in an event is as this server's encoders leave it:
// on one line, with nothing to remove. Others are indented.
func inOneLine(raw []byte) bool {
	return len(raw) > 2 && raw[0] == '{' && bytes.IndexByte(raw, '\n') == len(raw)-1 && raw[len(raw)-2] == '}'
}

// event writes a watch event around the text of its object. encoding/json would needlessly
// read all of it once more.
func event(o *metav1.WatchEvent, w io.Writer) error {
	e := acquire()
	defer e.release()
	e.b = append(e.b, '{')
	e.name(`"type":`)
	e.string(o.Type)
	e.name(`"object":`)
	e.b = append(e.b, o.Object.Raw[:len(o.Object.Raw)-1]...)
	e.b = append(e.b, "}\n"...)
	_, err := w.Write(e.b)
	return err
}
