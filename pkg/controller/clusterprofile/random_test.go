// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package clusterprofile

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/test/replay"
)

// model computes labels the dumb way: it keeps for each label of each Cluster its value and its
// owners, and knows nothing of managedFields.
type model struct {
	profiles map[string]*modelProfile
	clusters map[string]map[string]*modelLabel
	names    map[string]string // the profile that each Cluster names
}

type modelProfile struct{ labels, properties are }

type modelLabel struct {
	value        string
	ours, others bool
}

// person sets a label of a Cluster, or removes it if value is nil.
func (m *model) person(cluster, key string, value *string) {
	have := m.clusters[cluster]
	switch {
	case value == nil:
		delete(have, key)
	case have[key] == nil || have[key].value != *value:
		have[key] = &modelLabel{value: *value, others: true}
	}
}

// settle does what the controller should have done in the end.
func (m *model) settle() {
	for cluster, have := range m.clusters {
		p := m.profiles[m.names[cluster]]
		if p == nil {
			continue
		}
		want := are{}
		for key, value := range p.labels {
			if !strings.HasPrefix(key, "fleet.cattle.io/") {
				want[key] = value
			}
		}
		for name, value := range p.properties {
			want["clusterprofile/"+name] = value
		}
		for key, label := range have {
			_, wanted := want[key]
			if !label.ours || wanted || len(p.properties) == 0 && strings.HasPrefix(key, "clusterprofile/") {
				continue
			}
			if label.ours = false; !label.others {
				delete(have, key)
			}
		}
		for key, value := range want {
			switch label := have[key]; {
			case strings.Contains(value, " "): // no label value: whatever exists stays
			case label == nil:
				have[key] = &modelLabel{value: value, ours: true}
			case label.value == value:
				label.ours = true
			case label.others:
				label.ours = false
			default:
				label.value = value
			}
		}
	}
}

// TestRandomHistories edits profiles and Clusters at random, with restarts of the controller,
// and compares all labels with the model after each edit.
func TestRandomHistories(t *testing.T) {
	t.Parallel()
	r := replay.Rand(t)
	w := newWorld(t)
	m := &model{profiles: map[string]*modelProfile{}, clusters: map[string]map[string]*modelLabel{}, names: map[string]string{}}
	for _, name := range []string{"c0", "c1", "c2"} {
		w.cluster(name, are{"made": "here"}, nil)
		m.clusters[name], m.names[name] = map[string]*modelLabel{"made": {value: "here", others: true}}, name
	}
	pick := func(all ...string) string { return all[r.IntN(len(all))] }
	cluster := func() string { return pick("c0", "c1", "c2") }
	some := func(keys []string, values ...string) are {
		out := are{}
		for _, key := range keys {
			if r.IntN(2) == 0 {
				out[key] = pick(values...)
			}
		}
		return out
	}
	stop := w.run()
	for range 150 {
		said := ""
		switch r.IntN(10) {
		case 0, 1, 2, 3:
			name := pick("c0", "c1", "c2", "p")
			p := &modelProfile{some([]string{"a", "b", "made", "fleet.cattle.io/x"}, "1", "2"), some([]string{"a", "b"}, "1", "2", "no label")}
			m.profiles[name] = p
			w.profile(namespace, name, p.labels, p.properties)
			said = fmt.Sprintf("profile %s: %v, %v", name, p.labels, p.properties)
		case 4:
			name := pick("c0", "c1", "c2", "p")
			if m.profiles[name] == nil {
				continue
			}
			delete(m.profiles, name)
			w.deleteProfile(namespace, name)
			said = "profile " + name + " is deleted"
		case 5, 6, 7:
			name, key := cluster(), pick("a", "b", "made", "clusterprofile/a")
			var value *string
			if r.IntN(3) > 0 {
				value = new(pick("1", "2"))
			}
			m.person(name, key, value)
			patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": map[string]any{key: value}}})
			require.NoError(t, err)
			w.patch(name, string(patch))
			said = fmt.Sprintf("%s: %s", name, patch)
		case 8:
			name, profile := cluster(), pick("c0", "c1", "p")
			m.names[name] = profile
			w.patch(name, fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, profileAnnotation, profile))
			said = name + " names " + profile
		default:
			stop()
			stop = w.run()
			said = "the controller starts again"
		}
		m.settle()
		for name, labels := range m.clusters {
			want := are{}
			for key, label := range labels {
				want[key] = label.value
			}
			w.eventually(func(context.Context) error {
				if have := w.get(name).Labels; !maps.Equal(have, want) {
					return fmt.Errorf("after %q, the labels of %s are %v and should be %v", said, name, have, want)
				}
				return nil
			})
		}
	}
}
