// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package derive_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
)

// keysOf returns options with n templateValues of the same text.
func keysOf(n int, text string) string {
	keys := map[string]string{}
	for i := range n {
		keys[fmt.Sprintf("k%04d", i)] = text
	}
	out, err := json.Marshal(map[string]any{"helm": map[string]any{"templateValues": keys}})
	if err != nil {
		panic(err)
	}
	return string(out)
}

const overBudget = "exceed the work that they may take on one Cluster"

// All templates of a version share one budget on a Cluster.
func TestTheErrorForACostlyTemplateNamesTheFieldAndTheFix(t *testing.T) {
	t.Parallel()
	lists := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for _, c := range []struct{ name, options, want, refused string }{
		{"2,000 keys of four passwords each", keysOf(2000, strings.Repeat(`${ derivePassword 1 "long" "p" "u" "s" }`, 4)), "derivePassword is not supported", "helm.templateValues[k0000]"},
		{"40 keys of three passwords each", keysOf(40, strings.Repeat(`${ derivePassword 1 "long" "p" "u" "s" }`, 3)), "derivePassword is not supported", "helm.templateValues[k0000]"},
		{"a password behind a label that no Cluster has", keysOf(1, `${ if hasKey .ClusterLabels "nope" }${ derivePassword 1 "long" "p" "u" "s" }${ end }x`), "", ""},
		{"a password behind a label that the Cluster has", keysOf(1, `${ if hasKey .ClusterLabels "env" }${ derivePassword 1 "long" "p" "u" "s" }${ end }x`), "derivePassword is not supported", ""},
		{"one key with a long loop", keysOf(1, `${ range 20000 }${ end }`), "", ""},
		{"ten keys with a long loop each", keysOf(10, `${ range 20000 }${ end }`), "at helm.templateValues[k0004], the templates and values of a Bundle " + overBudget, ""},
		{"many hashes of large texts", keysOf(100, `${ $x := repeat 500000 "x" }${ sha512sum $x }`), overBudget, ""},
		{"many regular expressions", keysOf(500, `${ regexMatch "(a{200})(b{200})" "x" }`), overBudget, ""},
		{"many calls without a branch", keysOf(2, strings.Repeat(`${ semverCompare "1" "2" }`, 1000)), overBudget, "helm.templateValues[k0000]"},
		{"many actions", keysOf(1, strings.Repeat(`${1}`, 60000)), "have too many entries for templates", "helm.values"},
		{"one key with much text", keysOf(1, `${ repeat 100000 "x" }`), "", ""},
		{"ten keys with much text", keysOf(10, `${ repeat 500000 "x" }`), overBudget, ""},
		{"many values from one template", keysOf(1, `[${ range 40000 }1,${ end }]`), overBudget, ""},
		{"a tower of aliases", keysOf(1, "${ \"\" }a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d]\n"), "failed to interpret rendered template as helm values: ", ""},
		{"a tower of aliases without a template", keysOf(1, "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e]\n"), "failed to interpret rendered template as helm values: ", ""},
		{"lists of 3,000 levels", `{"helm":{"values":{"a":` + lists(3000) + `}}}`, "helm.values are nested more than 100 levels deep: nest them less", "helm.values"},
		{"lists of 3,000 levels beside a template", `{"helm":{"values":{"a":` + lists(3000) + `,"b":"${ .ClusterName }"}}}`, "helm.values are nested more than 100 levels deep: nest them less", "helm.values"},
		{"lists of 3,000 levels that no template may be in", `{"helm":{"disablePreProcess":true,"values":{"a":` + lists(3000) + `}}}`, "helm.values are nested more than 100 levels deep: nest them less", "helm.values"},
		{"lists of 90 levels", `{"helm":{"values":{"a":` + lists(90) + `}}}`, "", ""},
		{"lists of 3,000 levels out of a template", keysOf(1, `${ repeat 3000 "[" }${ repeat 3000 "]" }`), "values are nested more than 100 levels deep", ""},
		{"50,000 values that are plain", `{"helm":{"values":{"a":[` + strings.Repeat("1,", 50000) + `1]}}}`, "", ""},
		{"50,000 values beside a template", `{"helm":{"values":{"a":[` + strings.Repeat("1,", 50000) + `1],"b":"${ .ClusterName }"}}}`, "have too many entries for templates", "helm.values"},
		{"50,000 values beside a label", `{"helm":{"values":{"a":[` + strings.Repeat("1,", 50000) + `1],"b":"global.fleet.clusterLabels.env"}}}`, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v := versionOf(t, c.options)
			content := v.Content(plain, nil, labelled())
			require.Equal(t, c.want == "", content.Failure == "", content.Failure)
			require.Contains(t, content.Failure, c.want)
			require.Less(t, len(content.Failure), 1500)
			require.True(t, content.Equal(versionOf(t, c.options).Content(plain, nil, labelled())), "it fails in the same way each time")
			excess := v.Excess()
			require.Equal(t, c.refused != "", excess != nil, "%+v", excess)
			if excess != nil {
				require.Equal(t, c.refused, excess.Field)
				require.Equal(t, -1, excess.Target)
				require.NotEmpty(t, excess.Text)
			}
		})
	}
}

func TestAClusterWithLargeValuesFailsAlone(t *testing.T) {
	t.Parallel()
	large := labelled()
	large.Name = "large"
	large.Spec.TemplateValues = &v1alpha1.GenericMap{Data: map[string]any{"port": int64(1), "list": slices.Repeat([]any{"x"}, 200_000)}}
	reads := versionOf(t, keysOf(1, `${ .ClusterValues.port }`))
	require.Contains(t, reads.Content(plain, nil, large).Failure, "cluster large in namespace fleet-default: ")
	require.Contains(t, reads.Content(plain, nil, large).Failure, overBudget)
	require.Empty(t, reads.Content(plain, nil, labelled()).Failure)
	reads = versionOf(t, keysOf(1, `${ .ClusterName }`))
	require.Empty(t, reads.Content(plain, nil, large).Failure, "a template that does not look at them does not pay for them")
}

func TestAFailureIsShort(t *testing.T) {
	t.Parallel()
	key := strings.Repeat("k", 100_000)
	for _, options := range []string{
		keysOf(1, "1"+key+": a\n'1"+key+"': b${ .ClusterName }"), keysOf(1, "{"+key+": ${ .ClusterName }"), keysOf(1, `${ fail "`+key+`" }`),
		`{"helm":{"templateValues":{"` + key + `":"${ fail \"x\" }"}}}`, `{"helm":{"templateValues":{"` + key + `":"${ range 10000000 }${ end }"}}}`,
	} {
		content := versionOf(t, options).Content(plain, nil, labelled())
		require.NotEmpty(t, content.Failure)
		require.Less(t, len(content.Failure), 2200)
	}
}

func TestATargetThatIsTooCostlyIsNamed(t *testing.T) {
	t.Parallel()
	costly := `"helm":{"templateValues":{"k":"${ derivePassword 1 \"long\" \"p\" \"u\" \"s\" }"}}`
	for _, c := range []struct {
		name, spec string
		target     int
	}{
		{"a target", `{"targets":[{"clusterName":"a"},{"clusterName":"b",` + costly + `}]}`, 1},
		{"a customization that replaces the target's options", `{"targetRestrictions":[{"clusterName":"b"}],"targets":[{"clusterName":"a",` + costly + `},{"clusterName":"b"}]}`, 0},
		{"a customization that is merged with others may work", `{"targetCustomizationMode":"AllMatches","targetRestrictions":[{"clusterName":"b"}],"targets":[{"clusterName":"a",` + costly + `},{"clusterName":"b"}]}`, -2},
		{"a target that is not deployed to", `{"targets":[{"clusterName":"b","doNotDeploy":true,` + costly + `}]}`, -2},
		{"a target that takes the template away", `{` + costly + `,"targets":[{"clusterName":"b","helm":{"templateValues":{"k":"x"}}}]}`, -2},
		{"the Bundle, through a target that leaves it as it is", `{` + costly + `,"targets":[{"clusterName":"b","helm":{"templateValues":{"k":"x"}}},{"clusterName":"c"}]}`, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			excess := versionOf(t, c.spec).Excess()
			if c.target == -2 {
				require.Nil(t, excess)
				return
			}
			require.NotNil(t, excess)
			require.Equal(t, c.target, excess.Target)
		})
	}
}

// The budget is used up at the same place, whatever the order of maps and whatever other
// Clusters were evaluated before.
func TestTheBudgetIsTheSameEveryTime(t *testing.T) {
	t.Parallel()
	pieces := []string{
		`${ range $k, $v := .ClusterValues }${ range 900 }${ $_ := print $k $v }${ end }${ end }`, `${ toJson . | len }`, `${ range 3000 }${ $_ := merge (dict) $.ClusterValues }${ end }`,
		`${ $x := repeat 50000 "ab " }${ range 6 }${ $_ := snakecase $x }${ end }`, `${ range until 2000 }${ $_ := regexMatch "(a|b)*c" "ababab" }${ end }`, `${ .ClusterName }`,
		`${ $d := dict }${ range until 800 }${ $_ := set $d (print "k" .) (list . .) }${ end }${ $d | toJson | len }`, `${ range 900 }${ $_ := randAlphaNum 100 }${ end }`, `${ repeat 20000 "a: " }`,
	}
	over := 0
	for i := range 8 {
		r := rand.New(rand.NewPCG(*seed, uint64(i)))
		options := v1alpha1.BundleDeploymentOptions{Helm: &v1alpha1.HelmOptions{TemplateValues: map[string]string{}}}
		for k := range 1 + r.IntN(6) {
			options.Helm.TemplateValues[fmt.Sprint("k", k)] = pieces[r.IntN(len(pieces))]
		}
		one, other := versionWith(options), versionWith(options)
		clusters := []*v1alpha1.Cluster{randomCluster(r, 0), randomCluster(r, 1)}
		var first []*derive.Content
		for _, c := range clusters {
			first = append(first, one.Content(plain, nil, c))
		}
		for n := len(clusters) - 1; n >= 0; n-- {
			again := other.Content(plain, nil, clusters[n])
			require.True(t, first[n].Equal(again), "seed %d, round %d: %s and %s", *seed, i, first[n].Failure, again.Failure)
			if strings.Contains(again.Failure, overBudget) {
				over++
			}
		}
	}
	require.Greater(t, over, 2, "the test has to reach the end of budgets")
}
