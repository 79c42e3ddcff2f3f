// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package site

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/pkg/registry/view"
)

// Event holds a delivered event of a watch, with the time at which its last byte arrived.
// It has only the name and the revision of the object.
type Event struct {
	Resource        schema.GroupVersionResource
	Type            string // ADDED, MODIFIED, DELETED, BOOKMARK
	Namespace, Name string
	Revision        string // the object's resourceVersion
	At              time.Time
	InitialEnd      bool // the bookmark after the initial events
	Size            int  // in bytes, as it arrived
}

// Watch opens a watch, and returns when the server has answered. A goroutine calls note with
// each event until ctx ends. If the watch ends by itself, it calls ended with the reason.
func Watch(ctx context.Context, c *rest.RESTClient, resource schema.GroupVersionResource, namespace, revision string, params map[string]string, note func(Event), ended func(error)) error {
	request := c.Get().AbsPath(Path(resource, namespace)).Param("watch", "true")
	if revision != "" {
		request = request.Param("resourceVersion", revision)
	}
	for name, value := range params {
		request = request.Param(name, value)
	}
	stream, err := request.Stream(ctx)
	if err != nil {
		return fmt.Errorf("watching %s: %w", resource.Resource, err)
	}
	go func() {
		defer stream.Close()
		if err := read(stream, func(e Event) { e.Resource = resource; note(e) }); ctx.Err() == nil {
			ended(fmt.Errorf("the watch of %s: %w", resource.Resource, err))
		}
	}()
	return nil
}

// Collect opens a watch of all namespaces, from a resourceVersion on, whose events and end go
// to channels.
func Collect(ctx context.Context, c *rest.RESTClient, resource schema.GroupVersionResource, from string, events chan<- Event, broken chan<- error) error {
	return Watch(ctx, c, resource, "", from, nil, func(e Event) {
		select {
		case events <- e:
		case <-ctx.Done():
		}
	}, func(err error) { broken <- err })
}

// Key returns the object's namespace and name.
func (e Event) Key() string { return e.Namespace + "/" + e.Name }

// read returns why the stream ended.
func read(stream io.Reader, note func(Event)) error {
	lines := bufio.NewReaderSize(stream, 1<<13)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return err
		}
		e := parse(line)
		if e.Type == "ERROR" {
			return fmt.Errorf("the stream says %s", line)
		}
		e.At = time.Now()
		note(e)
	}
}

// parse finds the event's type and the object's name without decoding the object.
func parse(line []byte) Event {
	meta := line
	if _, after, found := bytes.Cut(line, []byte(`"metadata":{`)); found {
		meta = after
	}
	return Event{
		Type: text(line, "type"), Namespace: text(meta, "namespace"), Name: text(meta, "name"),
		Revision: text(meta, "resourceVersion"),
		Size:     len(line), InitialEnd: bytes.Contains(line, []byte(`"k8s.io/initial-events-end":"true"`)),
	}
}

// text returns the first member with a name whose value is text.
func text(object []byte, member string) string {
	_, rest, _ := bytes.Cut(object, []byte(`"`+member+`":"`))
	value, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(value)
}

// Revision returns the revision of etcd that Muster shows.
func Revision(ctx context.Context, c *rest.RESTClient) (int64, error) {
	version, err := Version(ctx, c, Clusters)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(version, 10, 64)
	return view.Version(n).Revision(), err
}

// Version returns the resourceVersion of a linearizable list.
func Version(ctx context.Context, c *rest.RESTClient, resource schema.GroupVersionResource) (string, error) {
	text, err := Answer(ctx, c.Get().AbsPath(Path(resource, "")).Param("limit", "1"))
	if err != nil {
		return "", err
	}
	var list struct {
		Metadata struct {
			ResourceVersion string `json:"resourceVersion"`
		} `json:"metadata"`
	}
	if err = json.Unmarshal(text, &list); err == nil && list.Metadata.ResourceVersion == "" {
		err = fmt.Errorf("the list of %s has no resourceVersion", resource.Resource)
	}
	return list.Metadata.ResourceVersion, err
}

// Yardstick returns a function that puts a value into Muster's etcd, under a key that Muster
// does not watch. It returns the time to the put's watch event.
func (s *Site) Yardstick(ctx context.Context) func(value string) (time.Duration, error) {
	const key, limit = "/yardstick", 30 * time.Second
	puts := s.EtcdClient().Watch(ctx, key)
	return func(value string) (time.Duration, error) {
		sent := time.Now()
		if _, err := s.EtcdClient().Put(ctx, key, value); err != nil {
			return 0, err
		}
		select {
		case response := <-puts:
			return time.Since(sent), response.Err()
		case <-time.After(limit):
			return 0, errors.New("the put's event did not come")
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}
