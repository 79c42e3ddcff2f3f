// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package sandbox_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/registry/derive/sandbox"
)

// No template may take down the process that serves all others. Each case ends because
// something is counted; otherwise the test would time out.
func TestHostileTemplatesEnd(t *testing.T) {
	t.Parallel()
	const (
		work   = "exceed the work that they may take on one Cluster"
		large  = "value is larger than 1048576 bytes"
		would  = "result would be larger than 1048576 bytes"
		output = "template exceeds the limit of 2097152 bytes for its output"
		deep   = "nested more than 100 levels deep"
	)
	mib := `${ $x := repeat 1000000 "x" }`
	for _, c := range []struct{ name, text, want string }{
		// Loops.
		{"a range over a huge number", `${ range 1000000000000000000 }${ end }`, work},
		{"a range over a huge number that prints", `${ range 1000000000000000000 }x${ end }`, work},
		{"ranges in ranges", `${ range 1000 }${ range 1000 }${ range 1000 }${ end }${ end }${ end }`, work},
		{"ranges in ranges over a list", `${ $l := until 1000 }${ range $l }${ range $l }${ end }${ end }`, work},
		{"a loop that only continues", `${ range 1000000000 }${ continue }${ end }`, work},
		{"a long body in a short loop", `${ range 1000 }` + strings.Repeat(`${ $.ClusterName }`, 1000) + `${ end }`, work},
		{"a long text many times", `${ range 90000 }` + strings.Repeat("x", 1000) + `${ end }`, output},
		{"a branch in a loop", `${ range 100000 }${ if true }${ else }x${ end }${ end }`, work},
		// Recursion.
		{"a template that calls itself", `${ define "t" }${ template "t" . }${ end }${ template "t" . }`, "template calls are " + deep},
		{"templates that call each other", `${ define "a" }${ template "b" . }${ end }${ define "b" }${ template "a" . }${ end }${ template "a" . }`, "template calls are " + deep},
		{"the main template calls itself", `${ template "values" . }`, "template calls are " + deep},
		{"a template that calls itself twice", `${ define "t" }${ if lt . 50 }${ template "t" (add1 .) }${ template "t" (add1 .) }${ end }${ end }${ template "t" 0 }`, work},
		// Size.
		{"print that doubles", `${ $x := "x" }${ range 100 }${ $x = print $x $x }${ end }${ $x }`, large},
		{"printf that doubles", `${ $x := "x" }${ range 100 }${ $x = printf "%s%s" $x $x }${ end }`, large},
		{"cat that doubles", `${ $x := "x" }${ range 100 }${ $x = cat $x $x }${ end }`, large},
		{"a list of itself twice", `${ $x := list 1 }${ range 50 }${ $x = list $x $x }${ end }${ $x }`, large},
		{"a list of itself twice, as JSON", `${ $x := list 1 }${ range 50 }${ $x = list $x $x }${ end }${ toJson $x }`, large},
		{"concat that doubles", `${ $x := list 1 }${ range 100 }${ $x = concat $x $x }${ end }`, large},
		{"a map of itself twice", `${ $x := dict }${ range 60 }${ $x = dict "a" $x "b" $x }${ end }${ toString $x }`, large},
		{"many large values", mib + `${ range 1000 }${ $y := upper $x }${ end }`, work},
		{"many large outputs", mib + `${ $x }${ $x }${ $x }`, output},
		{"many large comparisons", mib + `${ $y := lower $x }${ range 10000 }${ if eq $x $y }${ end }${ end }`, work},
		{"many searches in large values", mib + `${ range 10000 }${ if contains "y" $x }${ end }${ end }`, work},
		// Numbers that become sizes.
		{"repeat", `${ repeat 1000000000000 "x" }`, would},
		{"repeat of the largest number", `${ repeat 9223372036854775807 "xx" }`, would},
		{"repeat of repeat", `${ repeat 100000 "x" | repeat 100000 }`, would},
		{"until", `${ until 1000000000000 }`, work},
		{"until downwards", `${ until -9223372036854775808 }`, work},
		{"untilStep", `${ untilStep 0 1000000000000 1 }`, work},
		{"untilStep over the largest number ends", `${ len (untilStep 0 9223372036854775807 9223372036854775806) }`, ""},
		{"untilStep that turns around", `${ untilStep -9223372036854775808 9223372036854775807 1 }`, work},
		{"seq", `${ seq 1000000000000 }`, work},
		{"seq to the largest number", `${ seq 9223372036854775807 }`, work},
		{"seq down to the smallest", `${ seq 0 -1 -9223372036854775808 }`, work},
		{"indent", `${ indent 1000000000000 "x" }`, would},
		{"indent of many lines", `${ repeat 100000 "\n" | indent 1000 }`, would},
		{"nindent", `${ nindent 1000000000000 "x" }`, would},
		{"nindent below zero", `${ nindent -1 "x" }`, "cannot indent by -1"},
		{"randAlphaNum", `${ randAlphaNum 1000000000000 }`, would},
		{"randAlpha", `${ randAlpha 1000000000000 }`, would},
		{"randNumeric", `${ randNumeric 1000000000000 }`, would},
		{"randAscii", `${ randAscii 1000000000000 }`, would},
		{"randBytes", `${ randBytes 1000000000000 }`, would},
		{"randBytes below zero", `${ randBytes -1 }`, "cannot make -1 bytes"},
		{"wrap is fine", mib + `${ len (wrap 1000 $x) }`, ""},
		{"wrapWith a long separator", mib + `${ wrapWith 1 (repeat 1000 "y") $x }`, would},
		{"wrapWith a width below zero", mib + `${ wrapWith -9223372036854775808 (repeat 1000 "y") $x }`, would},
		{"join with a long separator", mib + `${ join $x (until 100) }`, would},
		{"replace by something long", mib + `${ replace "x" "yy" $x }`, would},
		{"replace of nothing", mib + `${ replace "" "yy" $x }`, would},
		{"split into bytes", mib + `${ split "" $x }`, would},
		{"splitn into bytes", mib + `${ splitn "" -1 $x }`, would},
		{"splitList into bytes", mib + `${ splitList "" $x }`, would},
		{"chunk by nothing", `${ chunk 0 (list 1) }`, "cannot make chunks of 0 elements"},
		{"chunk below zero", `${ chunk -5 (list 1) }`, "cannot make chunks of -5 elements"},
		{"uniq of many", `${ uniq (until 30000) }`, work},
		{"without of many", `${ without (until 30000) 1 2 3 4 5 6 7 8 9 | len }`, ""},
		// printf.
		{"printf with one width is fine", `${ printf "%100d" 1 | len }`, ""},
		{"printf with many widths", `${ printf (repeat 1000 "%1000000d") 1 }`, would},
		{"printf with precisions", `${ printf (repeat 1000 "%.1000000f") 1.0 }`, would},
		{"printf with stars", `${ printf (repeat 100 "%[1]*[2]d") 1000000 1 }`, would},
		{"printf that names one argument often", mib + `${ printf (repeat 1000 "%[1]s") $x }`, would},
		{"printf with an overflowing width", `${ printf (repeat 100 "%99999999999999999999d") 1 }`, would},
		// Regular expressions.
		{"a replacement for each place", `${ $x := repeat 200000 "x" }${ regexReplaceAll "" $x "yyyyyyyyyyyyyyyyyyyyyyyyyy" }`, "result would be larger"},
		{"a replacement of all by itself many times", `${ regexReplaceAll "x*" (repeat 300000 "x") "$0$0$0$0" }`, would},
		{"a literal replacement for each place", `${ $x := repeat 200000 "x" }${ regexReplaceAllLiteral "x" $x "yyyyyyyyyyyyyy" }`, "result would be larger"},
		{"a large expression on a large text", mib + `${ regexMatch "(x?){900}y" $x }`, work},
		{"many expressions", `${ range 1000 }${ $_ := regexMatch "(a{1000})(b{1000})" "x" }${ end }`, work},
		{"a long expression", mib + `${ regexMatch $x "x" }`, "regular expression is longer than 1024 bytes"},
		{"matches of nothing", `${ $x := repeat 200000 "x" }${ regexFindAll "" $x -1 }`, large},
		{"splits at nothing", `${ $x := repeat 200000 "x" }${ regexSplit "" $x -1 }`, large},
		{"a bad expression says so", `${ regexMatch "(" "x" }`, ""},
		// Numbers and the like.
		{"decimals with many digits", `${ mulf 1.5 ` + strings.Repeat("1e308 ", 100) + `}`, "takes at most 64 numbers"},
		{"a long version", `${ semver (repeat 1000 "1") }`, "version is longer than 256 bytes"},
		{"a long constraint", `${ semverCompare (repeat 1000 "1") "1.0.0" }`, "constraint is longer than 256 bytes"},
		{"many passwords", `${ if true }${ derivePassword 1 "long" "p" "u" "s" }${ end }`, "derivePassword is not supported"},
		{"a long certificate", `${ buildCustomCert (repeat 20000 "x") "" }`, "certificate is longer than 16384 bytes"},
		{"division by zero", `${ div 1 0 }`, "divide by zero"},
		{"a slice out of range", `${ slice (list 1) 5 9 }`, "slice index out of"},
		{"a substring out of range", `${ substr 5 2 "abc" }`, "error calling substr"},
		// Values that contain themselves.
		{"a map in itself", `${ $d := dict }${ $_ := set $d "d" $d }${ $d }`, deep},
		{"a map in a list in itself", `${ $d := dict }${ $_ := set $d "d" (list $d) }${ print $d }`, deep},
		{"a map merged into itself", `${ $d := dict "a" (dict) }${ $_ := merge $d.a $d }${ print $d.a | len }`, ""},
		{"a map that grows behind a list", `${ $d := dict }${ $l := list }${ range 100 }${ $l = append $l $d }${ end }${ $_ := set $d "x" (repeat 100000 "x") }${ $l }`, large},
		{"a map that grows behind a list, compared", `${ $d := dict }${ $l := list }${ range 100 }${ $l = append $l $d }${ end }${ $_ := set $d "x" (repeat 100000 "x") }${ eq $l $l }`, large},
		{"a deep list", `${ $l := list }${ range 1000 }${ $l = list $l }${ end }${ $l }`, deep},
		{"deep JSON", `${ fromJson (print (repeat 5000 "[") (repeat 5000 "]")) }`, deep},
		// The text itself.
		{"nested parentheses", `${ ` + strings.Repeat("(", 5000) + `1` + strings.Repeat(")", 5000) + ` }`, "nests its parentheses more than 200 levels deep"},
		{"too many nested parentheses for the parser", `${ ` + strings.Repeat("(", 20000) + `1` + strings.Repeat(")", 20000) + ` }`, "max expression depth exceeded"},
		{"nested conditions", strings.Repeat(`${ if 1 }`, 5000) + strings.Repeat(`${ end }`, 5000), "nests its control structures more than 200 levels deep"},
		{"too many conditions for the parser", strings.Repeat(`${ if 1 }`, 100000), "more than 10000 control structures"},
		{"a long chain of else", `${ if 0 }` + strings.Repeat(`${- else if 0 }`, 9000) + `${ end }`, "nests its control structures"},
		{"an overlong text", strings.Repeat("x", 5<<20), "template is longer than 4194304 bytes"},
		{"a failure with a long text", mib + `${ fail $x }`, "..."},
		{"an error that quotes a long name", `${ .` + strings.Repeat("x", 100000) + ` }`, "..."},
		// Names that templates must not use.
		{"the step function", `${ __step -1000000 }`, `function "__step" not defined`},
		{"the leave function", `${ __leave }`, `function "__leave" not defined`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			text, err := run(c.text)
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want, "%.100s", text)
			require.Less(t, len(err.Error()), 1100)
		})
	}
}

func TestALegitimateTemplateStaysFarWithinTheLimits(t *testing.T) {
	t.Parallel()
	// 5,000 lines, each with a default and a comparison.
	line := "key%d: ${ if eq .ClusterName \"c1\" }${ default \"x\" .ClusterLabels.env | quote }${ end }\n"
	var text strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&text, line, i)
	}
	out, err := run(text.String())
	require.NoError(t, err)
	require.Equal(t, 5000, strings.Count(out, `"prod"`))

	out, err = run(`${ $d := dict }${ range until 1000 }${ $_ := set $d (print "k" .) "a value of some length" }${ end }${ len $d }`)
	require.NoError(t, err)
	require.Equal(t, "1000", out)
	out, err = run(`${ $l := list }${ range until 1000 }${ $l = append $l . }${ end }${ len $l }`)
	require.NoError(t, err)
	require.Equal(t, "1000", out)
}

func FuzzTemplate(f *testing.F) {
	for _, text := range []string{
		`${ range until 3 }${ . }${ end }`, `${ define "t" }${ . }${ end }${ template "t" 1 }`,
		`${ $x := dict "a" 1 }${ set $x "b" (list 1 2) | toJson }`, `${ printf "%[1]*d %v" 3 4 }`,
		`${ .ClusterLabels.env | upper | repeat 3 | nindent 2 }`, `${ regexReplaceAll "a(b)" "abab" "$1x" }`,
		`${ with .ClusterValues }${ .a.b }${ else }${ end }`, `${ now | date "2006" }${ randAlphaNum 5 }${ uuidv4 }`,
		`${ range $k, $v := .ClusterLabels }${ $k }=${ $v }${ break }${ end }`, `${ merge (dict) .ClusterValues | toPrettyJson }`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		one, err := run(text)
		two, again := run(text)
		require.Equal(t, one, two)
		require.Equal(t, err == nil, again == nil)
		require.LessOrEqual(t, len(one), sandbox.MaxOutput)
		if err != nil {
			require.Equal(t, err.Error(), again.Error())
			require.Less(t, len(err.Error()), 1100)
		}
	})
}
