// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/yaml"

	"github.com/musterfleet/muster/pkg/registry/kinds"
)

// zeros are objects, by resource, that state explicitly what they could leave out. They
// have null where the schema has it.
var zeros = map[string]string{
	"bundles": `{spec: {paused: false, keepResources: false, correctDrift: {enabled: false}, helm: {timeoutSeconds: 0, values: {}, chart: "",
		valuesFiles: [], repo: null}, rolloutStrategy: null, defaultNamespace: "", namespaceLabels: {}, forceSyncGeneration: 0,
		resources: [{name: a.yaml, content: "", encoding: ""}], yaml: {overlays: []}, targetCustomizationMode: FirstMatch,
		targets: [{clusterSelector: {matchExpressions: []}}, {clusterName: "", doNotDeploy: false, helm: {force: false}}]}}`,
	"bundlenamespacemappings": `{bundleSelector: {matchLabels: {}, matchExpressions: []}, namespaceSelector: null}`,
	"clusters": `{spec: {paused: false, clientID: "", agentEnvVars: [{name: A, value: ""}], agentTolerations: [], templateValues: {},
		agentResources: {limits: {}, requests: {cpu: "0.5", memory: 1024}}, redeployAgentGeneration: 0, agentNamespace: null, hostNetwork: false}}`,
	"clustergroups":             `{spec: {selector: {matchLabels: {}}}}`,
	"clusterregistrations":      `{spec: {clientID: "", clientRandom: null, clusterLabels: {}}}`,
	"clusterregistrationtokens": `{spec: {ttl: null}}`,
	"gitrepos": `{spec: {repo: "https://git.example.com/x/y", paused: false, paths: [], branch: "", targets: [], caBundle: "QR==",
		correctDrift: {force: false}, imageScanCommit: {authorName: ""}, forceSyncGeneration: 0, pollingInterval: null}}`,
	"gitreporestrictions": `{defaultServiceAccount: "", allowedServiceAccounts: [], allowedRepoPatterns: null}`,
	"helmops":             `{spec: {labels: {}, insecureSkipTLSVerify: false, helmSecretName: "", paused: false, targetCustomizationMode: FirstMatch}}`,
	"imagescans":          `{spec: {image: nginx, interval: 1m, suspend: false, tagName: "", policy: {semver: {range: ""}}, secretRef: {name: ""}}}`,
	"policies":            `{requireServiceAccount: false, gitRepo: {defaultServiceAccount: "", allowedRepoPatterns: []}, helmOp: {}}`,
	"schedules":           `{spec: {schedule: "", location: "", targets: {clusters: []}, duration: 1m}}`,
}

// parsed returns an object of a resource from YAML.
func parsed(t *testing.T, plural, name, text string) *unstructured.Unstructured {
	t.Helper()
	raw, err := yaml.YAMLToJSON([]byte(strings.ReplaceAll(text, "\t", " ")))
	require.NoError(t, err)
	o := &unstructured.Unstructured{}
	require.NoError(t, json.Unmarshal(raw, &o.Object))
	o.SetGroupVersionKind(kinds.ByResource(plural).GroupVersionKind())
	if name != "" {
		o.SetName(name)
	}
	return o
}

// written returns the JSON of an object without what the server adds.
func written(t *testing.T, o *unstructured.Unstructured) string {
	t.Helper()
	said := o.DeepCopy().Object
	for _, member := range []string{"metadata", "status", "apiVersion", "kind"} {
		delete(said, member)
	}
	return string(marshal(t, said))
}

func TestAnObjectIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	s := shared(t)
	require.Len(t, zeros, 12, "all kinds that clients write")
	for plural, text := range zeros {
		t.Run(plural, func(t *testing.T) {
			t.Parallel()
			c := s.resource(t, plural, fresh(t))
			object := parsed(t, plural, "one", text)
			want := written(t, object)

			dry, err := c.Create(t.Context(), object, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
			require.NoError(t, err)
			require.JSONEq(t, want, written(t, dry), "a dry run")
			made, err := c.Create(t.Context(), object, metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict})
			require.NoError(t, err)
			require.JSONEq(t, want, written(t, made), "the answer to the create")
			got := get(t, c, "one")
			require.JSONEq(t, want, written(t, got), "a get")
			require.JSONEq(t, want, written(t, &listOf(t, c).Items[0]), "a list")

			w := watching(t, c, metav1.ListOptions{ResourceVersion: got.GetResourceVersion()})
			require.Equal(t, got, update(t, c, got), "an update with what was read changes nothing")
			bare := merge(t, c, "one", `{"metadata":{"labels":{"a":"b"}}}`)
			require.JSONEq(t, want, written(t, bare), "a patch of something else")
			require.EqualValues(t, 1, bare.GetGeneration())
			require.JSONEq(t, want, written(t, w.expect(watch.Modified, "one")), "a watch")

			applied, err := c.Apply(t.Context(), "two", parsed(t, plural, "two", text), metav1.ApplyOptions{FieldManager: "me"})
			require.NoError(t, err)
			require.JSONEq(t, want, written(t, applied), "an apply")
			again, err := c.Apply(t.Context(), "two", parsed(t, plural, "two", text), metav1.ApplyOptions{FieldManager: "me"})
			require.NoError(t, err)
			require.Equal(t, applied, again, "a second apply changes nothing")
			owned := string(applied.GetManagedFields()[0].FieldsV1.GetRawBytes())
			for _, member := range []string{"paused", "selector", "clientID", "suspend", "allowedServiceAccounts", "requireServiceAccount"} {
				if strings.Contains(want, `"`+member+`"`) {
					require.Contains(t, owned, `"f:`+member+`"`, "the applier owns what it wrote")
				}
			}
		})
	}
}

func TestAnExplicitZeroIsAChangeLikeAnyOther(t *testing.T) {
	t.Parallel()
	c := shared(t).resource(t, "gitrepos", fresh(t))
	one := create(t, c, parsed(t, "gitrepos", "one", `{spec: {repo: x}}`))
	for i, step := range []struct{ patch, want string }{
		{`{"spec":{"paused":false}}`, `{"spec":{"repo":"x","paused":false}}`},
		{`{"spec":{"paused":true}}`, `{"spec":{"repo":"x","paused":true}}`},
		{`{"spec":{"paused":false,"paths":[]}}`, `{"spec":{"repo":"x","paused":false,"paths":[]}}`},
		{`{"spec":{"paused":null}}`, `{"spec":{"repo":"x","paths":[]}}`},
	} {
		next := merge(t, c, "one", step.patch)
		require.JSONEq(t, step.want, written(t, next))
		require.NotEqual(t, one.GetResourceVersion(), next.GetResourceVersion())
		require.EqualValues(t, 2+i, next.GetGeneration(), "as with a CRD")
		one = next
		require.Equal(t, one, merge(t, c, "one", step.patch))
	}
	patched, err := c.Patch(t.Context(), "one", types.JSONPatchType, []byte(`[{"op":"test","path":"/spec/paths","value":[]},{"op":"add","path":"/spec/branch","value":""}]`), metav1.PatchOptions{})
	require.NoError(t, err)
	require.JSONEq(t, `{"spec":{"repo":"x","paths":[],"branch":""}}`, written(t, patched))
}

func TestExplicitZerosSurviveARestartAndAReport(t *testing.T) {
	t.Parallel()
	s := start(t, filepath.Join(t.TempDir(), "data"), nil)
	c := s.resource(t, "clusters", "fleet-default")
	one := create(t, c, parsed(t, "clusters", "one", zeros["clusters"]))
	reported := merge(t, c, "one", `{"status":{"agent":{"namespace":"cattle"}}}`, "status")
	require.Equal(t, written(t, one), written(t, reported))
	s = s.restart(t)
	require.Equal(t, written(t, one), written(t, get(t, s.resource(t, "clusters", "fleet-default"), "one")))
}

func TestExplicitZerosDeriveTheSame(t *testing.T) {
	t.Parallel()
	s, ns := shared(t), fresh(t)
	createCluster(t, s.clientset(t), cluster(ns, "c"))
	c := s.resource(t, "bundles", ns)
	for name, text := range map[string]string{
		"bare":  `{spec: {resources: [{content: x}], helm: {values: {a: 1}}, targets: [{clusterSelector: {}}]}}`,
		"zeros": `{spec: {resources: [{content: x, name: ""}], paused: false, keepResources: false, helm: {values: {a: 1}, force: false, chart: ""}, targets: [{clusterSelector: {matchLabels: {}}}]}}`,
	} {
		create(t, c, parsed(t, "bundles", name, text))
	}
	ids := map[string]bool{}
	for _, name := range []string{"bare", "zeros"} {
		bd := get(t, s.resource(t, "bundledeployments", home(ns, "c")), name)
		id, _, _ := unstructured.NestedString(bd.Object, "spec", "deploymentID")
		require.NotEmpty(t, id)
		ids[id] = true
		require.NotContains(t, written(t, bd), "force")
	}
	require.Len(t, ids, 1, "deployment IDs")
}

func TestTheSchemaRefusesWithTheNameOfTheField(t *testing.T) {
	t.Parallel()
	s, ns := shared(t), fresh(t)
	for title, c := range map[string]struct{ plural, text, field string }{
		"null in the values of a selector":   {"bundles", `{spec: {targets: [{clusterSelector: {matchExpressions: [{key: env, operator: NotIn, values: [null]}]}}]}}`, "spec.targets[0].clusterSelector.matchExpressions[0].values[0]"},
		"null in a list of patterns":         {"gitreporestrictions", `{allowedRepoPatterns: [null]}`, "allowedRepoPatterns[0]"},
		"null in a policy's patterns":        {"policies", `{gitRepo: {allowedRepoPatterns: [a, null]}}`, "gitRepo.allowedRepoPatterns[1]"},
		"null in a list of objects":          {"bundles", `{spec: {resources: [null]}}`, "spec.resources[0]"},
		"an empty mode":                      {"bundles", `{spec: {targetCustomizationMode: ""}}`, "spec.targetCustomizationMode"},
		"an empty release name":              {"bundles", `{spec: {targets: [{helm: {releaseName: ""}}]}}`, "spec.targets[0].helm.releaseName"},
		"an empty certificate":               {"gitrepos", `{spec: {repo: x, caBundle: ""}}`, "spec.caBundle"},
		"an expression without its parts":    {"clustergroups", `{spec: {selector: {matchExpressions: [{}]}}}`, "spec.selector.matchExpressions[0].key"},
		"a required field that is null":      {"gitrepos", `{spec: {repo: null}}`, "spec.repo"},
		"a text where a truth value belongs": {"gitrepos", `{spec: {repo: x, paused: "no"}}`, "spec.paused"},
		"a number where a text belongs":      {"clusters", `{spec: {clientID: 5}}`, "spec.clientID"},
		"a fraction where an integer is":     {"bundles", `{spec: {helm: {maxHistory: 3.5}}}`, "spec.helm.maxHistory"},
		"a list where an object belongs":     {"schedules", `{spec: []}`, "spec"},
		"a text where a list belongs":        {"helmops", `{spec: {targets: all}}`, "spec.targets"},
		"bytes that are not in base64":       {"gitrepos", `{spec: {repo: x, caBundle: "?"}}`, "spec.caBundle"},
		"a quantity that is invalid":         {"clusters", `{spec: {agentResources: {limits: {cpu: lots}}}}`, "spec.agentResources.limits.cpu"},
		"a duration that is no text":         {"imagescans", `{spec: {image: a, interval: 15}}`, "spec.interval"},
		"values that nest too deeply":        {"bundles", `{spec: {helm: {values: {a: ` + strings.Repeat("[", 3000) + strings.Repeat("]", 3000) + `}}}}`, "spec.helm.values"},
		"a target's values likewise":         {"helmops", `{spec: {targets: [{helm: {values: ` + strings.Repeat("{a: ", 60) + "1" + strings.Repeat("}", 60) + `}}]}}`, "spec.targets[0].helm.values"},
		"a Cluster's values likewise":        {"clusters", `{spec: {templateValues: {a: ` + strings.Repeat("[{a: ", 60) + "1" + strings.Repeat("}]", 60) + `}}}`, "spec.templateValues"},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			client := s.resource(t, c.plural, ns)
			object := parsed(t, c.plural, "", c.text)
			object.SetGenerateName("x-")
			_, err := client.Create(t.Context(), object, metav1.CreateOptions{})
			require.True(t, apierrors.IsInvalid(err), "%v", err)
			status := err.(apierrors.APIStatus).Status()
			require.EqualValues(t, http.StatusUnprocessableEntity, status.Code)
			require.Equal(t, c.field, status.Details.Causes[0].Field, "%v", err)
			require.Less(t, len(status.Message), 1000)

			// The same by a patch of an existing object.
			good := parsed(t, c.plural, "", zeros[c.plural])
			good.SetGenerateName("x-")
			made := create(t, client, good)
			patch := marshal(t, object.Object)
			if c.field == "spec.repo" || strings.HasSuffix(c.field, ".key") {
				return // null in a merge patch removes, and an empty item is another list
			}
			_, err = client.Patch(t.Context(), made.GetName(), types.MergePatchType, []byte(strings.Replace(string(patch), `"generateName":"x-"`, ``, 1)), metav1.PatchOptions{})
			require.True(t, apierrors.IsInvalid(err), "%v", err)
			require.Equal(t, c.field, err.(apierrors.APIStatus).Status().Details.Causes[0].Field, "%v", err)
		})
	}
}

func TestNumbersAndDurationsAreReadAsByACRD(t *testing.T) {
	t.Parallel()
	s, ns := shared(t), fresh(t)
	made := &unstructured.Unstructured{}
	raw := []byte(`{"apiVersion":"fleet.cattle.io/v1alpha1","kind":"Bundle","metadata":{"name":"n"},
		"spec":{"helm":{"maxHistory":3.0,"timeoutSeconds":1e2},"rolloutStrategy":{"maxUnavailable":2.0}}}`)
	text, err := s.raw(t).Post().Namespace(ns).Resource("bundles").SetHeader("Content-Type", "application/json").Body(raw).DoRaw(t.Context())
	require.NoError(t, err)
	require.NoError(t, made.UnmarshalJSON(text))
	require.JSONEq(t, `{"spec":{"helm":{"maxHistory":3,"timeoutSeconds":100},"rolloutStrategy":{"maxUnavailable":2},"targetCustomizationMode":"FirstMatch"}}`, written(t, made))
	for duration, taken := range map[string]bool{".5h": false, "1.h": false, "1.5h": true, "1h.5m": false} {
		o := parsed(t, "clusterregistrationtokens", "", `{spec: {ttl: "`+duration+`"}}`)
		o.SetGenerateName("t-")
		_, err := s.resource(t, "clusterregistrationtokens", ns).Create(t.Context(), o, metav1.CreateOptions{})
		require.Equal(t, taken, err == nil, "%s: %v", duration, err)
		require.True(t, taken || apierrors.IsInvalid(err), "%v", err)
	}
}

func TestAnUpdateNamesTheVersionThatItReplaces(t *testing.T) {
	t.Parallel()
	s := shared(t)
	for plural, text := range zeros {
		t.Run(plural, func(t *testing.T) {
			t.Parallel()
			c := s.resource(t, plural, fresh(t))
			made := create(t, c, parsed(t, plural, "one", text))
			blind := made.DeepCopy()
			blind.SetResourceVersion("")
			_, err := c.Update(t.Context(), blind, metav1.UpdateOptions{})
			require.True(t, apierrors.IsInvalid(err), "%v", err)
			require.ErrorContains(t, err, "metadata.resourceVersion: Invalid value: 0: must be specified for an update")
			if kinds.ByResource(plural).StatusEndpoint {
				_, err = c.UpdateStatus(t.Context(), blind, metav1.UpdateOptions{})
				require.True(t, apierrors.IsInvalid(err), "%v", err)
			}
			require.Equal(t, made, get(t, c, "one"))
		})
	}
}
