// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package derive

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/targeting"
)

// loops are templates that repeat one thing until the budget ends.
var loops = map[string]string{
	"nothing":         `${ range 10000000 }${ end }`,
	"a branch":        `${ range 10000000 }${ if true }${ else }x${ end }${ end }`,
	"a field":         `${ range 10000000 }${ $_ := $.ClusterName }${ end }`,
	"print":           `${ range 10000000 }${ $_ := print . "a" }${ end }`,
	"eq":              `${ range 10000000 }${ $_ := eq . 5 }${ end }`,
	"a call":          `${ define "t" }${ . }${ end }${ range 10000000 }${ $_ := 1 }${ template "t" 1 }${ end }`,
	"a range":         `${ range 10000000 }${ range $k, $v := $.ClusterValues }${ end }${ end }`,
	"toJson of all":   `${ range 10000000 }${ $_ := toJson $ }${ end }`,
	"merge":           `${ range 10000000 }${ $_ := merge (dict) $.ClusterValues }${ end }`,
	"deepCopy":        `${ range 10000000 }${ $_ := deepCopy $ }${ end }`,
	"dict and set":    `${ range 10000000 }${ $_ := set (dict "a" 1) "b" 2 }${ end }`,
	"snakecase":       `${ $x := repeat 50000 "ab " }${ range 10000000 }${ $_ := snakecase $x }${ end }`,
	"sha512sum":       `${ $x := repeat 50000 "ab " }${ range 10000000 }${ $_ := sha512sum $x }${ end }`,
	"upper":           `${ $x := repeat 50000 "ab " }${ range 10000000 }${ $_ := upper $x }${ end }`,
	"regexMatch":      `${ range 10000000 }${ $_ := regexMatch "(a|b)*c" "ababab" }${ end }`,
	"regexMatch long": `${ $x := repeat 2000 "ab" }${ range 10000000 }${ $_ := regexMatch "(a|b|ab)*c" $x }${ end }`,
	"regexReplaceAll": `${ $x := repeat 2000 "ab" }${ range 10000000 }${ $_ := regexReplaceAll "(a)(b)" $x "$2$1" }${ end }`,
	"compile":         `${ range 10000000 }${ $_ := regexMatch "(a{200})(b{200})" "x" }${ end }`,
	"classes":         `${ range 10000000 }${ $_ := regexMatch "\\pL\\pN\\pS\\PL[^\\pL]" "x" }${ end }`,
	"folded":          `${ range 10000000 }${ $_ := regexMatch "(?i)abcdefghijklmnopqrstuvwxyz" "x" }${ end }`,
	"randAlphaNum":    `${ range 10000000 }${ $_ := randAlphaNum 100 }${ end }`,
	"semverCompare":   `${ range 10000000 }${ $_ := semverCompare ">=1.2.0 <2.0.0" "v1.3.0" }${ end }`,
	"mulf":            `${ range 10000000 }${ $_ := mulf 1.1e308 1.1e308 1.1e308 1.1e308 }${ end }`,
	"dateInZone":      `${ range 10000000 }${ $_ := dateInZone "2006" 0 "America/New_York" }${ end }`,
	"until":           `${ range 10000000 }${ $_ := until 1000 }${ end }`,
	"sortAlpha":       `${ $x := splitList "," (repeat 1000 "b,a,") }${ range 10000000 }${ $_ := sortAlpha $x }${ end }`,
	"uniq":            `${ $x := until 300 }${ range 10000000 }${ $_ := uniq $x }${ end }`,
	"uniq of maps":    `${ $x := list (dict "a" 1) (dict "a" 2) (dict "a" 3) (dict "a" 4) (dict "a" 5) }${ range 10000000 }${ $_ := uniq $x }${ end }`,
	"printf":          `${ range 10000000 }${ $_ := printf "%d-%s" . "x" }${ end }`,
	"now":             `${ range 10000000 }${ $_ := now | date "2006-01-02" }${ end }`,
	"index":           `${ range 10000000 }${ $_ := index $.ClusterLabels "env" }${ end }`,
	"uuidv4":          `${ range 10000000 }${ $_ := uuidv4 }${ end }`,
	"text":            strings.Repeat("${ repeat 20000 \"a: b\\n\" }\n", 1),
	"list text":       `[${ range 30000 }[],${ end }]`,
	"values text":     `${ range $i, $x := until 20000 }k${ $i }: 1` + "\n" + `${ end }`,
}

// BenchmarkWorstOnACluster measures the cost of the most expensive versions on one Cluster,
// from the options to the content. The most expensive of them fail.
func BenchmarkWorstOnACluster(b *testing.B) {
	c := &v1alpha1.Cluster{ObjectMeta: metav1.ObjectMeta{Name: "c1", Namespace: "n", UID: "u", Labels: map[string]string{"env": "prod"}}}
	c.Spec.TemplateValues = &v1alpha1.GenericMap{Data: map[string]any{"port": int64(8080), "list": []any{"a", "b"}, "m": map[string]any{"a": map[string]any{"b": "c"}}}}
	run := func(name string, spec *v1alpha1.BundleSpec) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
			}
			prepare, best, failed := time.Duration(1<<62), time.Duration(1<<62), 0.0
			for range 3 {
				v := NewVersion(&v1alpha1.Bundle{Spec: *spec}, Facts{ManifestID: "s-m"})
				begun := processorTime(b)
				v.plan(targeting.Match{})
				between := processorTime(b)
				content := v.Content(targeting.Match{}, nil, c)
				prepare, best = min(prepare, between-begun), min(best, processorTime(b)-between)
				if content.Failure != "" {
					failed = 1
				}
			}
			text, _ := json.Marshal(spec)
			b.ReportMetric(float64(prepare)/1e6, "prepare-ms")
			b.ReportMetric(float64(best)/1e6, "cluster-ms")
			b.ReportMetric(float64(len(text))/1e6, "MB")
			b.ReportMetric(failed, "failed")
			b.ReportMetric(0, "ns/op")
		})
	}
	helm := func(values map[string]any, keys map[string]string) *v1alpha1.BundleSpec {
		s := &v1alpha1.BundleSpec{Targets: []v1alpha1.BundleTarget{{}}}
		s.Helm = &v1alpha1.HelmOptions{TemplateValues: keys}
		if values != nil {
			s.Helm.Values = &v1alpha1.GenericMap{Data: values}
		}
		return s
	}
	var names []string
	for name := range loops {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		run("loop/"+name, helm(nil, map[string]string{"k": loops[name]}))
	}
	for name, shape := range shapes {
		run("plain/"+name, helm(shape(1_400_000), nil))
		for _, size := range []int{60_000, 1_400_000} {
			data := shape(size)
			data["label"] = "global.fleet.clusterLabels.env"
			run(fmt.Sprint("label/", name, "/", size), helm(data, nil))
			data = shape(size)
			data["template"] = "${ .ClusterName }"
			run(fmt.Sprint("template/", name, "/", size), helm(data, nil))
		}
	}
	keys := map[string]string{}
	for i := range 20_000 {
		keys[fmt.Sprint("k", i)] = "${ 1 }"
	}
	run("20,000 keys", helm(nil, keys))
	keys = map[string]string{}
	for i := range 2000 {
		keys[fmt.Sprint("k", i)] = strings.Repeat(`${ derivePassword 1 "long" "p" "u" "s" }`, 4)
	}
	run("2,000 keys of four passwords", helm(nil, keys))
}
