// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/pkg/registry/kinds"
)

// abuse is a request that no client should send. In path, %s stands for the kind's
// collection in a namespace, or in all.
type abuse struct {
	method, path, body, contentType string
	query                           url.Values
	// may is a code that is allowed as well as success and refusals of the client; 0 if none.
	may int
}

func token(t *testing.T, of any) string {
	t.Helper()
	return base64.RawURLEncoding.EncodeToString(marshal(t, of))
}

// abusedOptions returns queries of lists, watches and deletions of collections.
func abusedOptions(t *testing.T) map[string]url.Values {
	t.Helper()
	one := func(key, value string) url.Values { return url.Values{key: {value}} }
	type continued struct {
		V     string `json:"v"`
		RV    int64  `json:"rv"`
		Start string `json:"start"`
	}
	exact := func(revision string) url.Values {
		return url.Values{"resourceVersion": {revision}, "resourceVersionMatch": {"Exact"}}
	}
	many := make([]string, 3000)
	for i := range many {
		many[i] = fmt.Sprint("key-", i, " notin (a,b,c)")
	}
	return map[string]url.Values{
		"a continue token that is invalid":                 one("continue", "!"),
		"a continue token without JSON":                    one("continue", base64.RawURLEncoding.EncodeToString([]byte("x"))),
		"a continue token of null":                         one("continue", token(t, nil)),
		"a continue token of another version":              one("continue", token(t, continued{"meta.k8s.io/v9", 5, "x"})),
		"a continue token at no revision":                  one("continue", token(t, continued{"meta.k8s.io/v1", 0, "x"})),
		"a continue token at revision -7":                  one("continue", token(t, continued{"meta.k8s.io/v1", -7, "ns/x\u0000"})),
		"a continue token at revision 1":                   one("continue", token(t, continued{"meta.k8s.io/v1", 1, "ns/x\u0000"})),
		"a continue token that leaves the prefix":          one("continue", token(t, continued{"meta.k8s.io/v1", 3, "../../log/object/"})),
		"a continue token with an absolute path":           one("continue", token(t, continued{"meta.k8s.io/v1", 3, "/"})),
		"a continue token without a start":                 one("continue", token(t, continued{"meta.k8s.io/v1", 3, ""})),
		"a continue token of bytes":                        one("continue", token(t, continued{"meta.k8s.io/v1", -1, "\x00\xff/\x00"})),
		"a continue token and a resourceVersion":           {"continue": {token(t, continued{"meta.k8s.io/v1", 3, "x"})}, "resourceVersion": {"5"}},
		"a continue token of 100 kB":                       one("continue", token(t, continued{"meta.k8s.io/v1", -1, strings.Repeat("x", 75<<10)})),
		"a limit below zero":                               one("limit", "-1"),
		"the least limit":                                  one("limit", "-9223372036854775808"),
		"the largest limit":                                one("limit", "9223372036854775807"),
		"a limit that does not fit":                        one("limit", "9223372036854775808"),
		"a limit that is not a number":                     one("limit", "x"),
		"a resourceVersion that is not a number":           one("resourceVersion", "x"),
		"a resourceVersion below zero":                     one("resourceVersion", "-1"),
		"a resourceVersion that does not fit":              one("resourceVersion", "99999999999999999999"),
		"a resourceVersion of 65 bits as hex":              one("resourceVersion", "0x10"),
		"a resourceVersion above an int64":                 one("resourceVersion", "18446744073709551615"),
		"an exact resourceVersion above an int64":          exact("18446744073709551615"),
		"an exact resourceVersion of zero":                 exact("0"),
		"an exact resourceVersion that is invalid":         exact("x"),
		"an exact resourceVersion of 1":                    exact("1"),
		"a match without a resourceVersion":                one("resourceVersionMatch", "Exact"),
		"a match that is invalid":                          {"resourceVersion": {"1"}, "resourceVersionMatch": {"Roughly"}},
		"a field that cannot be selected":                  one("fieldSelector", "spec.repo=x"),
		"a field that is invalid":                          one("fieldSelector", "a.b[c]=x"),
		"a field selector that is invalid":                 one("fieldSelector", "x"),
		"a field selector with no value":                   one("fieldSelector", "metadata.name="),
		"two names":                                        one("fieldSelector", "metadata.name=a,metadata.name=b"),
		"a name with a slash":                              one("fieldSelector", "metadata.name=a/b"),
		"a name above the prefix":                          one("fieldSelector", "metadata.name=.."),
		"a name of a control character":                    one("fieldSelector", "metadata.name=\x00"),
		"a name of 100 kB":                                 one("fieldSelector", "metadata.name="+strings.Repeat("x", 100<<10)),
		"a namespace above the prefix":                     one("fieldSelector", "metadata.namespace=../.."),
		"a namespace with a slash":                         one("fieldSelector", "metadata.namespace=a/b"),
		"3,000 fields":                                     one("fieldSelector", strings.TrimSuffix(strings.Repeat("metadata.name!=a,", 3000), ",")),
		"a label selector that is invalid":                 one("labelSelector", "a in ("),
		"a label selector of bytes":                        one("labelSelector", "\xff=\x00"),
		"a label selector of 100 kB":                       one("labelSelector", "a="+strings.Repeat("x", 100<<10)),
		"a label selector of 3,000 keys":                   one("labelSelector", strings.Join(many, ",")),
		"a label selector of 30,000 values":                one("labelSelector", "a in ("+strings.TrimSuffix(strings.Repeat("x,", 30000), ",")+")"),
		"a timeout below zero":                             one("timeoutSeconds", "-1"),
		"a timeout that is not a number":                   one("timeoutSeconds", "x"),
		"initial events of a list":                         one("sendInitialEvents", "true"),
		"initial events at an exact revision":              {"sendInitialEvents": {"true"}, "resourceVersion": {"1"}, "resourceVersionMatch": {"Exact"}},
		"initial events that are not a boolean":            one("sendInitialEvents", "maybe"),
		"bookmarks that are not a boolean":                 one("allowWatchBookmarks", "maybe"),
		"a shard":                                          one("shardSelector", "x"),
		"a watch that is not a boolean":                    one("watch", "maybe"),
		"an option that does not exist":                    one("nonsense", "x"),
		"a table of what does not exist":                   one("includeObject", "Everything"),
		"a dry run that is invalid":                        one("dryRun", "Some"),
		"a propagation that is invalid":                    one("propagationPolicy", "Sideways"),
		"an option to ignore errors that is not a boolean": one("ignoreStoreReadErrorWithClusterBreakingPotential", "maybe"),
	}
}

// abusedBodies returns bodies of requests that write.
func abusedBodies(k *kinds.Kind) map[string]string {
	of := func(metadata string, more ...string) string {
		return fmt.Sprintf(`{"apiVersion":"fleet.cattle.io/v1alpha1","kind":%q,"metadata":%s%s}`, k.Kind, metadata, strings.Join(more, ""))
	}
	return map[string]string{
		"nothing":                                "",
		"null":                                   "null",
		"a list":                                 "[]",
		"a number":                               "1e999",
		"an empty object":                        "{}",
		"half an object":                         `{"apiVersion":"fleet.cattle.io/v1alpha1",`,
		"bytes":                                  "\x00\xff\xfe",
		"another kind":                           `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x"}}`,
		"a kind that is invalid":                 `{"apiVersion":"a/b/c","kind":"","metadata":{"name":"x"}}`,
		"deep lists":                             of(`{"name":"deep"}`, `,"spec":{"x":`+strings.Repeat("[", 20000)+strings.Repeat("]", 20000)+`}`),
		"deep objects":                           strings.Repeat(`{"a":`, 20000) + "1" + strings.Repeat("}", 20000),
		"metadata of null":                       of("null"),
		"metadata of a list":                     of("[]"),
		"no name":                                of("{}"),
		"a name above the prefix":                of(`{"name":".."}`),
		"a name with a slash":                    of(`{"name":"a/b"}`),
		"a name of control characters":           of(`{"name":"\u0000"}`),
		"a name of 100 kB":                       of(`{"name":"` + strings.Repeat("x", 100<<10) + `"}`),
		"a generated name of 100 kB":             of(`{"generateName":"` + strings.Repeat("x", 100<<10) + `"}`),
		"another namespace":                      of(`{"name":"x","namespace":"elsewhere"}`),
		"a namespace above the prefix":           of(`{"name":"x","namespace":"../.."}`),
		"a resourceVersion":                      of(`{"name":"x","resourceVersion":"1"}`),
		"a resourceVersion that is not a number": of(`{"name":"one","resourceVersion":"x"}`),
		"a resourceVersion below zero":           of(`{"name":"one","resourceVersion":"-5"}`),
		"a resourceVersion that does not fit":    of(`{"name":"one","resourceVersion":"99999999999999999999"}`),
		"a UID":                                  of(`{"name":"one","uid":"x"}`),
		"a UID of 1 MB":                          of(`{"name":"one","uid":"` + strings.Repeat("x", 1<<20) + `"}`),
		"a creation time that is invalid":        of(`{"name":"one","creationTimestamp":"yesterday"}`),
		"a deletion":                             of(`{"name":"one","deletionTimestamp":"2020-01-01T00:00:00Z","deletionGracePeriodSeconds":-1}`),
		"a generation below zero":                of(`{"name":"one","generation":-1}`),
		"labels that are invalid":                of(`{"name":"one","labels":{"a b":"ä","":""}}`),
		"labels of 300 kB":                       of(`{"name":"one","labels":{"a":"` + strings.Repeat("x", 300<<10) + `"}}`),
		"annotations of 300 kB":                  of(`{"name":"one","annotations":{"a":"` + strings.Repeat("x", 300<<10) + `"}}`),
		"finalizers that are invalid":            of(`{"name":"one","finalizers":["", "x", "a b/c"]}`),
		"owners that are invalid":                of(`{"name":"one","ownerReferences":[{},{"kind":"x","controller":true},{"kind":"y","controller":true}]}`),
		"managed fields that are invalid":        of(`{"name":"one","managedFields":[{"manager":"x","operation":"Apply","fieldsType":"FieldsV1","fieldsV1":{"f:x":7}},{}]}`),
		"managed fields of another version":      of(`{"name":"one","managedFields":[{"manager":"x","operation":"Update","apiVersion":"fleet.cattle.io/v9","fieldsType":"FieldsV1","fieldsV1":{}}]}`),
		"the same member twice":                  of(`{"name":"one","name":"two"}`),
		"a spec of a string":                     of(`{"name":"one"}`, `,"spec":"x"`),
		"a status of a list":                     of(`{"name":"one"}`, `,"status":[]`),
		"members with wrong types":               of(`{"name":"one"}`, `,"spec":{"targets":7,"resources":{},"selector":[],"paused":"x","pollingInterval":[]},"bundleSelector":7,"status":{"conditions":{}}`),
		"4 MB":                                   of(`{"name":"one","annotations":{"a":"` + strings.Repeat("x", 4<<20) + `"}}`),
	}
}

func abuses(t *testing.T, k *kinds.Kind) map[string]abuse {
	t.Helper()
	out := map[string]abuse{}
	for title, query := range abusedOptions(t) {
		future := 0
		if strings.HasSuffix(title, "above an int64") {
			future = http.StatusGatewayTimeout // kube-apiserver answers so to future revisions
		}
		out["list with "+title] = abuse{method: http.MethodGet, path: "%s", query: query, may: future}
		out["get with "+title] = abuse{method: http.MethodGet, path: "%s/one", query: query, may: future}
		if query.Has("watch") {
			continue
		}
		watch := url.Values{"watch": {"true"}}
		maps.Copy(watch, query)
		out["watch with "+title] = abuse{method: http.MethodGet, path: "%s", query: watch, may: future}
		if title != "an option that does not exist" && !query.Has("limit") {
			gone := url.Values{"labelSelector": {"never=ever"}}
			maps.Copy(gone, query)
			out["delete a collection with "+title] = abuse{method: http.MethodDelete, path: "%s", query: gone, may: future}
			out["delete with "+title] = abuse{method: http.MethodDelete, path: "%s/absent", query: query}
		}
	}
	const merge, patch, strategic, apply = "application/merge-patch+json", "application/json-patch+json", "application/strategic-merge-patch+json", "application/apply-patch+yaml"
	for title, body := range abusedBodies(k) {
		for _, kind := range []string{"application/json", "application/yaml", "application/vnd.kubernetes.protobuf", "application/cbor", "text/plain", "x"} {
			if kind != "application/json" && len(body) > 200<<10 {
				continue
			}
			out["create "+title+" as "+kind] = abuse{method: http.MethodPost, path: "%s", body: body, contentType: kind, query: url.Values{"dryRun": {"All"}}}
		}
		out["create "+title] = abuse{method: http.MethodPost, path: "%s", body: body, contentType: "application/json"}
		if len(body) > 500<<10 {
			continue
		}
		out["replace by "+title] = abuse{method: http.MethodPut, path: "%s/one", body: body, contentType: "application/json"}
		out["replace the status by "+title] = abuse{method: http.MethodPut, path: "%s/one/status", body: body, contentType: "application/json"}
		out["delete by "+title] = abuse{method: http.MethodDelete, path: "%s/absent", body: body, contentType: "application/json"}
		for _, kind := range []string{merge, patch, strategic, apply} {
			query := url.Values{}
			if kind == apply {
				query.Set("fieldManager", "x")
			}
			out["patch by "+title+" as "+kind] = abuse{method: http.MethodPatch, path: "%s/one", body: body, contentType: kind, query: query}
			out["patch the status by "+title+" as "+kind] = abuse{method: http.MethodPatch, path: "%s/one/status", body: body, contentType: kind, query: query}
			out["patch what is absent by "+title+" as "+kind] = abuse{method: http.MethodPatch, path: "%s/patched", body: body, contentType: kind, query: query}
		}
	}
	for title, body := range map[string]string{
		"an operation that is invalid":       `[{"op":"explode","path":"/"}]`,
		"a path that is invalid":             `[{"op":"add","path":"x","value":1}]`,
		"a path that does not exist":         `[{"op":"remove","path":"/spec/a/b/c"}]`,
		"an index that is invalid":           `[{"op":"add","path":"/metadata/finalizers/99","value":"x"}]`,
		"an index below zero":                `[{"op":"add","path":"/metadata/finalizers/-9","value":"x"}]`,
		"everything removed":                 `[{"op":"remove","path":""}]`,
		"everything replaced by a number":    `[{"op":"replace","path":"","value":7}]`,
		"everything replaced by null":        `[{"op":"replace","path":"","value":null}]`,
		"the kind removed":                   `[{"op":"remove","path":"/kind"}]`,
		"the metadata removed":               `[{"op":"remove","path":"/metadata"}]`,
		"copies of copies":                   `[` + strings.TrimSuffix(strings.Repeat(`{"op":"copy","from":"/metadata","path":"/metadata/annotations"},`, 50), ",") + `]`,
		"20,000 operations":                  `[` + strings.TrimSuffix(strings.Repeat(`{"op":"test","path":"/kind","value":"x"},`, 20000), ",") + `]`,
		"a test that fails":                  `[{"op":"test","path":"/kind","value":"x"}]`,
		"a resourceVersion that is invalid":  `[{"op":"replace","path":"/metadata/resourceVersion","value":"x"}]`,
		"a resourceVersion that is not text": `[{"op":"replace","path":"/metadata/resourceVersion","value":{}}]`,
	} {
		out["patch with "+title] = abuse{method: http.MethodPatch, path: "%s/one", body: body, contentType: patch}
		out["patch the status with "+title] = abuse{method: http.MethodPatch, path: "%s/one/status", body: body, contentType: patch}
	}
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'k'; c++ {
		bomb += fmt.Sprintf("%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n", c, c, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1)
	}
	out["create a bomb of YAML"] = abuse{method: http.MethodPost, path: "%s", body: bomb, contentType: "application/yaml"}
	out["apply a bomb of YAML"] = abuse{method: http.MethodPatch, path: "%s/one", body: bomb, contentType: apply, query: url.Values{"fieldManager": {"x"}}}
	for title, query := range map[string]url.Values{
		"a manager of 100 kB":          {"fieldManager": {strings.Repeat("x", 100<<10)}},
		"a manager of bytes":           {"fieldManager": {"\x00\xff"}},
		"a validation that is invalid": {"fieldValidation": {"Kindly"}},
		"a dry run that is invalid":    {"dryRun": {"Some"}},
		"force without an apply":       {"force": {"true"}},
	} {
		out["create with "+title] = abuse{method: http.MethodPost, path: "%s", body: `{"metadata":{"name":"one"}}`, contentType: "application/json", query: query}
		out["patch with "+title] = abuse{method: http.MethodPatch, path: "%s/one", body: `{"metadata":{"labels":{"a":"b"}}}`, contentType: merge, query: query}
		out["patch the status with "+title] = abuse{method: http.MethodPatch, path: "%s/one/status", body: `{"status":{}}`, contentType: merge, query: query}
	}
	for _, name := range []string{"%2e%2e", ".", "a%2Fb", "%00", "%ff", strings.Repeat("x", 10000), "-", "one/nonsense", "one/status/nonsense", "one/scale"} {
		for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodPatch, http.MethodDelete} {
			out[method+" of "+name[:min(len(name), 20)]] = abuse{method: method, path: "%s/" + strings.ReplaceAll(name, "%", "%%"), body: "{}", contentType: merge}
		}
	}
	for verb, path := range map[string]string{"get": "%s/one", "list": "%s"} {
		out[verb+" a table of a version that is invalid"] = abuse{method: http.MethodGet, path: path, contentType: "application/json;as=Table;g=meta.k8s.io;v=v9"}
		out[verb+" in a form that is invalid"] = abuse{method: http.MethodGet, path: path, contentType: "image/png"}
	}
	return out
}

// every is the number of requests of which each kind gets one: there are 14 kinds, so each
// request goes to one of them.
const every = 14

// TestNoRequestMakesTheServerFail sends every kind requests that no client should send. The
// server accepts each request, or refuses it as the client's mistake.
func TestNoRequestMakesTheServerFail(t *testing.T) {
	t.Parallel()
	s := own(t)
	for i, k := range kinds.All() {
		t.Run(k.Plural, func(t *testing.T) {
			t.Parallel()
			client, err := rest.HTTPClientFor(s.connection())
			require.NoError(t, err)
			defer client.CloseIdleConnections()
			paths := []string{s.config.Host + apiRoot + "/" + k.Plural}
			if k.Namespaced {
				paths = append(paths, s.config.Host+apiRoot+"/namespaces/ns/"+k.Plural)
			}
			if specimen, ok := specimens[k.Plural]; ok {
				specimen.Kind = k
				create(t, s.resource(t, k.Plural, "ns"), specimen.object("one"))
			}
			all := abuses(t, k)
			for j, title := range slices.Sorted(maps.Keys(all)) {
				a := all[title]
				if (i+j)%every != 0 {
					continue
				}
				for _, path := range paths {
					code, answer := a.send(t, client, path)
					if code >= 500 && code != a.may {
						t.Errorf("%s: %s %s: %d %.500s", title, a.method, path, code, answer)
					}
				}
			}
			listOf(t, s.resource(t, k.Plural, "")) // it is still served
		})
	}
}

// send sends the request and returns the code and the beginning of the answer.
func (a abuse) send(t *testing.T, client *http.Client, at string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	target := fmt.Sprintf(a.path, at)
	if len(a.query) > 0 {
		target += "?" + a.query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, a.method, target, strings.NewReader(a.body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", a.contentType)
	if a.method == http.MethodGet && a.contentType != "" {
		request.Header.Set("Accept", a.contentType)
	}
	response, err := client.Do(request)
	if err != nil {
		return 599, err.Error()
	}
	defer response.Body.Close()
	if response.StatusCode < 300 {
		return response.StatusCode, "" // a watch would not end
	}
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(text)
}
