// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// universe makes random objects. It is small, so that they often meet: on names, on labels,
// and on failures.
type universe struct {
	*rand.Rand
	born int
}

var (
	someNamespaces = []string{"n1", "n2"}
	someBundles    = []string{"a", "a", "b", "b", "c", strings.Repeat("d", 64)}
	someClusters   = []string{"c1", "c1", "c2", "c2", "c3", "c3", "c.4"}
	someGroups     = []string{"g1", "g2"}
	someKeys       = []string{"env", "tier"}
	someValues     = []string{"", "x", "y"}
)

func pick[T any](u *universe, from ...T) T { return from[u.IntN(len(from))] }

func (u *universe) oneIn(n int) bool { return u.IntN(n) == 0 }

func (u *universe) name(names []string) record.Name {
	return record.Name{Namespace: pick(u, someNamespaces...), Name: pick(u, names...)}
}

// end makes an object wait for its finalizers, as a deletion does.
func (u *universe) end(object metav1.Object) {
	now := metav1.NewTime(time.Unix(1_800_000_000, 0).UTC())
	object.SetDeletionTimestamp(&now)
	object.SetFinalizers([]string{"example.org/wait"})
	object.SetGeneration(object.GetGeneration() + 1)
}

// meta returns the metadata of a new object. Several share a creation time.
func (u *universe) meta(name record.Name) metav1.ObjectMeta {
	u.born++
	return metav1.ObjectMeta{
		Name: name.Name, Namespace: name.Namespace, Generation: 1,
		UID:               types.UID(fmt.Sprintf("uid-%d", u.born)),
		CreationTimestamp: metav1.NewTime(time.Unix(1_700_000_000+int64(u.born/4), 0).UTC()),
	}
}

func (u *universe) labels() map[string]string {
	if u.oneIn(6) {
		return nil
	}
	out := map[string]string{}
	for _, key := range someKeys {
		if !u.oneIn(3) {
			out[key] = pick(u, someValues...)
		}
	}
	return out
}

func (u *universe) selector() *metav1.LabelSelector {
	out := &metav1.LabelSelector{}
	if u.oneIn(3) {
		return out
	}
	if u.oneIn(2) {
		out.MatchLabels = map[string]string{pick(u, someKeys...): pick(u, someValues...)}
	}
	for range u.IntN(3) {
		expression := metav1.LabelSelectorRequirement{
			Key:      pick(u, someKeys...),
			Operator: pick[metav1.LabelSelectorOperator](u, "In", "NotIn", "Exists", "DoesNotExist"),
		}
		if expression.Operator == "In" || expression.Operator == "NotIn" {
			expression.Values = []string{pick(u, someValues...), pick(u, someValues...)}
		}
		out.MatchExpressions = append(out.MatchExpressions, expression)
	}
	if u.oneIn(40) {
		out.MatchExpressions = append(out.MatchExpressions, metav1.LabelSelectorRequirement{Key: "env", Operator: "Like"})
	}
	return out
}

func (u *universe) selectorOrNil(n int) *metav1.LabelSelector {
	if u.oneIn(n) {
		return u.selector()
	}
	return nil
}

func (u *universe) criteria() v1alpha1.BundleTargetRestriction {
	if u.oneIn(4) {
		return v1alpha1.BundleTargetRestriction{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: &metav1.LabelSelector{}}}
	}
	out := v1alpha1.BundleTargetRestriction{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: u.selectorOrNil(2), ClusterGroupSelector: u.selectorOrNil(4)}}
	if u.oneIn(5) {
		out.ClusterName = pick(u, "c1", "c2", "shown")
	}
	if u.oneIn(5) {
		out.ClusterGroup = pick(u, someGroups...)
	}
	return out
}

// helm returns nil, plain options, or one of many ways to depend on a Cluster.
func (u *universe) helm() *v1alpha1.HelmOptions {
	values := func(v any) *v1alpha1.HelmOptions {
		return &v1alpha1.HelmOptions{Values: &v1alpha1.GenericMap{Data: map[string]any{"v": v}}}
	}
	template := func(text string) *v1alpha1.HelmOptions {
		return &v1alpha1.HelmOptions{TemplateValues: map[string]string{"t": text}}
	}
	switch u.IntN(16) {
	case 0:
		return values(pick(u, "one", "two"))
	case 1:
		return values("${ .ClusterLabels.env }") // fails without the label
	case 2:
		return values("${ .ClusterName }-${ get .ClusterLabels \"tier\" }")
	case 3:
		return values("global.fleet.clusterLabels.env")
	case 4:
		return template("${ .ClusterLabels.tier | quote }") // fails without the label
	case 5:
		return template("${ .ClusterAnnotations.note | quote }") // fails without the annotation
	case 6:
		return template("${ .ClusterValues.v }") // fails without the value
	case 7:
		return template("${ randAlphaNum 6 }")
	case 8:
		if u.oneIn(3) {
			return values("${ if }") // parses nowhere, and fails wherever labels exist
		}
	case 9:
		if u.oneIn(3) {
			return template("\t: [") // not YAML
		}
	case 10:
		helm := values("${ raw }")
		helm.DisablePreProcess = true
		return helm
	case 11, 12, 13:
		if u.oneIn(3) {
			return values(u.reading())
		}
		return template(u.reading())
	}
	return nil
}

// reading returns a template that looks something up, in one of all possible ways.
func (u *universe) reading() string {
	part := pick(u, "ClusterLabels", "ClusterLabels", "ClusterAnnotations", "ClusterValues")
	key := map[string]string{"ClusterLabels": pick(u, someKeys...), "ClusterAnnotations": pick(u, "note", "other"), "ClusterValues": "v"}[part]
	switch u.IntN(10) {
	case 0:
		return "${ toJson ." + part + " | quote }"
	case 1:
		return "x${ range $k, $v := ." + part + " }${ $k }-${ $v }${ end }"
	case 2:
		return "x${ define \"t\" }${ get ." + part + " \"" + key + "\" }${ end }${ template \"t\" . }"
	case 3:
		return "${ $all := $." + part + " }${ $all." + key + " | quote }"
	case 4: // fails with the text that it reads
		return "x${ if hasKey ." + part + " \"" + key + "\" }${ fail (get ." + part + " \"" + key + "\") }${ end }"
	case 5:
		return "${ ." + part + " | dig \"" + key + "\" \"none\" | quote }"
	case 6:
		return "${ $_ := set ." + part + " \"" + key + "\" .ClusterName }${ ." + part + "." + key + " }"
	}
	return "${ index ." + part + " \"" + key + "\" | quote }"
}

func (u *universe) options() v1alpha1.BundleDeploymentOptions {
	out := v1alpha1.BundleDeploymentOptions{Helm: u.helm()}
	if u.oneIn(4) {
		out.TargetNamespace = pick(u, "t1", "t2")
	}
	if u.oneIn(8) {
		out.ServiceAccount = pick(u, "sa1", "sa2")
	}
	if u.oneIn(12) {
		out.CorrectDrift = &v1alpha1.CorrectDrift{Enabled: true, Force: u.oneIn(2)}
	}
	return out
}

func (u *universe) bundleLabels() map[string]string {
	out := u.labels()
	if out == nil {
		return nil
	}
	if u.oneIn(3) {
		out[v1alpha1.LabelRepoName] = "repo"
	} else if u.oneIn(4) {
		out[v1alpha1.LabelHelmOpName] = "op"
	}
	if u.oneIn(3) {
		out["objectset.rio.cattle.io/hash"] = pick(u, "1", "2") // does not show
	}
	return out
}

func (u *universe) bundleSpec() v1alpha1.BundleSpec {
	spec := v1alpha1.BundleSpec{
		BundleDeploymentOptions: u.options(),
		Paused:                  u.oneIn(8),
		TargetCustomizationMode: pick[v1alpha1.TargetCustomizationMode](u, "FirstMatch", "AllMatches", ""),
	}
	for range 1 + u.IntN(3) {
		criteria := u.criteria()
		target := v1alpha1.BundleTarget{
			ClusterCriteria: criteria.ClusterCriteria,
			DoNotDeploy:     u.oneIn(10), Name: pick(u, "", "", "named", "other"),
		}
		if u.oneIn(2) {
			target.BundleDeploymentOptions = u.options()
		}
		if u.oneIn(12) {
			target.NamespaceLabels = map[string]string{"nl": pick(u, "1", "2")}
		}
		spec.Targets = append(spec.Targets, target)
	}
	if u.oneIn(4) {
		spec.ValuesHash = record.ValuesHash(u.valuesData())
	}
	for range pick(u, 0, 0, 0, 1, 2) {
		spec.TargetRestrictions = append(spec.TargetRestrictions, u.criteria())
	}
	if u.oneIn(2) {
		spec.RolloutStrategy = u.strategy()
	}
	if u.oneIn(20) {
		spec.HelmOpOptions = &v1alpha1.BundleHelmOptions{}
		spec.Helm = &v1alpha1.HelmOptions{Version: pick(u, "1.2.3", ">1")}
	}
	return spec
}

func (u *universe) clusterLabels() map[string]string {
	out := u.labels()
	if out == nil {
		if u.oneIn(2) {
			return nil
		}
		return map[string]string{"objectset.rio.cattle.io/hash": "1"} // hidden from templates
	}
	if u.oneIn(6) {
		out[v1alpha1.LabelClusterDisplayName] = pick(u, "shown", "c2", "")
	}
	if u.oneIn(10) {
		out[v1alpha1.LabelClusterManagement] = pick(u, "other", "")
	}
	return out
}
