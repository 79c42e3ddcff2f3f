// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package sandbox_test

import (
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/Masterminds/sprig/v3"
	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/registry/derive/sandbox"
)

func data() map[string]any {
	return map[string]any{
		"ClusterName":   "c1",
		"ClusterLabels": map[string]any{"env": "prod", "a.b/c": "dotted", "zone": "eu", "x": "1"},
		"ClusterValues": map[string]any{
			"a": map[string]any{"b": "deep"}, "n": 3.0, "list": []any{"x", "y"}, "nothing": nil, "yes": true,
		},
	}
}

func environment() sandbox.Environment {
	return sandbox.Environment{Seed: []byte("seed"), Salt: "salt", Time: time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("X", 7200))}
}

func run(text string) (string, error) { return runIn(environment(), text) }

func runIn(env sandbox.Environment, text string) (string, error) {
	t, err := sandbox.Parse("values", text)
	if err != nil {
		return "", err
	}
	var budget sandbox.Budget
	return t.Execute(env, data(), &budget)
}

// The oracle is text/template with sprig unchanged: whatever is deterministic and harmless
// gives the same text here.
func TestTheSandboxAgreesWithSprig(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`plain { } $ {{ .x }} $x`, ``, ` `, `${ .ClusterName }`, `a${- .ClusterName -}b`, "${ /* no */ }x",
		`${ .ClusterLabels.env }`, `${ index .ClusterLabels "a.b/c" }`, `${ get .ClusterLabels "nope" }`,
		`${ .ClusterValues.nothing }`, `${ .ClusterValues.n }`, `${ .ClusterValues }`, `${ . }`,
		`${ hasKey .ClusterLabels "env" }`, `${ default "d" .ClusterValues.nothing }`, `${ .ClusterLabels.env | default "d" | quote }`,
		`${ if and (eq .ClusterName "c1") (not .ClusterValues.nothing) }y${ else }n${ end }`,
		`${ if eq 1 1.0 }${ end }`, `${ eq 1 2 1 }`, `${ ne "a" "b" }`, `${ lt 1 2 }${ le 2 2 }${ gt 1 2 }${ ge 2 2 }${ lt "a" "b" }${ lt 1.5 2.5 }`,
		`${ eq .ClusterValues.nothing nil }`, `${ eq true true }`, `${ lt true false }`, `${ eq (list 1) (list 1) }`, `${ eq "a" 1 }`, `${ eq 'a' 97 }`,
		`${ eq 1 }`, `${ eq .ClusterValues.yes true }`, `${ ne nil .ClusterName }`, `${ lt nil 1 }`,
		`${ range $i, $x := .ClusterValues.list }${ $i }${ $x },${ end }`, `${ range $k, $v := .ClusterLabels }${ $k }=${ $v };${ end }`,
		`${ range 3 }${ . }${ else }none${ end }`, `${ range list }x${ else }none${ end }`,
		`${ range until 5 }${ if eq . 1 }${ continue }${ end }${ if eq . 3 }${ break }${ end }${ . }${ end }`,
		`${ with .ClusterValues.a }${ .b }${ else }n${ end }`, `${ with $x := 5 }${ $x }${ end }`,
		`${ define "t" }<${ . }>${ end }${ template "t" 1 }${ template "t" "x" }`, `${ block "b" . }${ .ClusterName }${ end }`,
		`${ $x := 1 }${ range 3 }${ $x = add $x 1 }${ end }${ $x }`,
		`${ print "a" 1 2 "b" }${ println 1 }${ printf "%05.2f|%-5s|%q|%v|%[1]v" 1.5 "x" "y" (list 1) }`,
		`${ html "<a>" }${ js "'" }${ urlquery "a b" }`, `${ len "abc" }${ slice "abc" 1 2 }${ index (list 1 2) 1 }`,
		`${ repeat 3 "ab" }`, `${ until 5 }${ until -3 }${ until 0 }`, `${ untilStep 0 10 3 }|${ untilStep 10 0 -3 }|${ untilStep 0 10 -1 }|${ untilStep 10 0 1 }|${ untilStep 3 3 1 }|${ untilStep 0 5 0 }`,
		`${ seq 5 }|${ seq -3 }|${ seq 2 5 }|${ seq 5 2 }|${ seq 0 2 10 }|${ seq 10 -2 0 }|${ seq 0 -2 10 }|${ seq 10 2 0 }|${ seq }|${ seq 1 }|${ seq 0 }|${ seq 1 1 1 }`,
		`${ list 1 "a" true | toJson }`, `${ dict "a" 1 "b" (dict "c" 2) | toJson }`, `${ dict "a" 1 | toPrettyJson }`, `${ toRawJson "<" }`,
		`${ fromJson "[1,{\"a\":null}]" }`, `${ list 3 1 2 | sortAlpha | join "," }`, `${ keys (dict "a" 1) }${ values (dict "a" 1) }`,
		`${ pick .ClusterLabels "env" "x" }${ omit .ClusterLabels "env" }`, `${ dig "a" "b" "none" .ClusterValues }${ dig "a" "c" "none" .ClusterValues }`,
		`${ merge (dict "a" 1) (dict "a" 2 "b" 3) }`, `${ mergeOverwrite (dict "a" 1) (dict "a" 2 "b" 3) }`, `${ mustMerge (dict "a" (dict "x" 1)) (dict "a" (dict "y" 2)) | toJson }`,
		`${ set (dict) "a" 1 }${ unset (dict "a" 1) "a" }`, `${ deepCopy (dict "a" (list 1)) }`, `${ $d := dict "a" 1 }${ $e := deepCopy $d }${ $_ := set $e "a" 2 }${ $d }`,
		`${ first (list 1 2) }${ rest (list 1 2) }${ last (list 1 2) }${ initial (list 1 2) }${ append (list 1) 2 }${ prepend (list 1) 0 }${ concat (list 1) (list 2) }${ reverse (list 1 2) }${ uniq (list 1 1 2) }${ without (list 1 2) 1 }${ has 1 (list 1) }${ compact (list 1 0 "") }${ slice (list 1 2 3) 1 }${ chunk 2 (list 1 2 3) }`,
		`${ ternary "a" "b" true }${ coalesce 0 "" "x" }${ empty "" }${ all 1 1 }${ any 0 1 }`,
		`${ upper "a" }${ lower "A" }${ title "ab cd" }${ untitle "Ab" }${ trim " a " }${ trimAll "$" "$5$" }${ trimSuffix "-" "a-" }${ trimPrefix "-" "-a" }${ nospace " a b " }${ initials "Ab Cd" }${ swapcase "aB" }${ snakecase "FooBar" }${ camelcase "foo_bar" }${ kebabcase "FooBar" }`,
		`${ trunc 3 "abcdef" }${ trunc -3 "abcdef" }${ abbrev 5 "abcdefgh" }${ abbrevboth 5 10 "1234 5678 9123" }${ substr 1 3 "abcd" }${ plural "one" "many" 1 }`,
		`${ wrap 5 "aaa bbb ccc" }|${ wrapWith 3 "-" "abcdefgh" }`, `${ indent 2 "a\nb" }${ nindent 2 "a\nb" }`, `${ replace "a" "b" "aXa" }`,
		`${ cat "a" 1 nil "b" }${ quote "a" 1 nil }${ squote "a" 1 }`, `${ contains "a" "abc" }${ hasPrefix "a" "abc" }${ hasSuffix "c" "abc" }`,
		`${ split "," "a,b" }${ (split "," "a,b")._1 }${ splitn "," 2 "a,b,c" }${ splitList "," "a,b" }`,
		`${ add 1 2 3 }${ sub 5 3 }${ mul 2 3 }${ div 7 2 }${ mod 7 2 }${ add1 1 }${ max 1 3 2 }${ min 3 1 }${ floor 1.7 }${ ceil 1.2 }${ round 1.256 2 }${ addf 1.1 2.2 }${ mulf 1.5 2 }${ divf 1 3 }${ subf 3 1.5 }${ add1f 1.5 }${ maxf 1 2.5 }${ minf 1 2.5 }`,
		`${ int "5" }${ int64 "5" }${ float64 "1.5" }${ atoi "5" }${ toString 1.5 }${ toStrings (list 1 2) }${ toDecimal "777" }`,
		`${ kindOf 1 }${ typeOf (list) }${ kindIs "int" 1 }${ typeIs "string" "a" }${ typeIsLike "string" "a" }${ deepEqual (list 1) (list 1) }`,
		`${ b64enc "a" }${ b64dec "YQ==" }${ b32enc "a" }${ b32dec "ME======" }${ sha1sum "a" }${ sha256sum "a" }${ sha512sum "a" }${ adler32sum "a" }`,
		`${ base "/a/b.c" }${ dir "/a/b" }${ clean "/a/../b" }${ ext "a.c" }${ isAbs "/a" }${ osBase "/a" }`,
		`${ regexMatch "^a" "abc" }${ regexFind "b." "abc" }${ regexFindAll "." "abc" 2 }${ regexReplaceAll "a(b)" "abab" "$1x" }${ regexReplaceAllLiteral "a" "aba" "$1" }${ regexSplit "b" "abc" -1 }${ regexQuoteMeta "a.b" }`,
		`${ mustRegexMatch "(" "a" }`, `${ regexReplaceAll "x*" "abc" "-" }`, `${ regexReplaceAll "a" "aaa" "" }`,
		`${ semverCompare ">=1.2.0" "v1.3.0" }${ (semver "1.2.3-a+b").Minor }${ semver "1.2" }`,
		`${ urlParse "https://u:p@h:1/p?q#f" }${ urlJoin (dict "scheme" "http" "host" "h" "path" "/p") }`,
		`${ duration "95" }${ durationRound "2h10m" }${ durationRound "-400h" }${ durationRound "10s" }${ durationRound "1s" }`,
		`${ dateInZone "2006-01-02T15:04" 0 "UTC" }${ dateInZone "15:04 MST" 0 "America/New_York" }${ htmlDateInZone 86400 "UTC" }${ dateInZone "15" 0 "Nowhere/Else" }`,
		`${ (toDate "2006-01-02" "2026-05-06").Year }${ toDate "2006-01-02" "2026-05-06" | unixEpoch }${ toDate "2006-01-02" "2026-05-06" | dateModify "-24h" | unixEpoch }${ mustToDate "2006" "x" }`,
		`${ typeOf (toDate "2006" "2026") }${ kindOf (toDate "2006" "2026") }${ toDate "2006-01-02" "2026-05-06" }${ (toDate "2006" "2026").Format "Jan 2" }${ toDate "2006" "2026" | toJson }`,
		`${ decryptAES "k" "" }`, `${ hello }`, `${ fail "no" }`, `${ tuple 1 2 }`,
		`${ .nope }`, `${ .ClusterLabels.nope }`, `${ .ClusterLabels.env.x }`, `${ nope }`, `${ if }`, `${ template "nope" }`, `${ range 1.5 }${ end }`,
		`${ env "HOME" }`, `${ expandenv "$HOME" }`, `${ getHostByName "localhost" }`, `${ include "x" . }`, `${ tpl "x" . }`,
		`${ upper 1 }`, `${ upper }`, `${ upper "a" "b" }`, `${ "a" "b" }`, `${ 1 | 2 }`, `${ (1) }`, `${ call 1 }`, `${ $.ClusterName }`,
		`${ pluck "a" (dict "a" 1) (dict "b" 2) (dict "a" 3) }`, `${ mustSlice (list 1 2) 0 1 }${ mustHas 1 (list 1) }${ mustUniq (list 1 1) }${ mustFirst (list) }`,
		`${ toJson .ClusterValues }`, `${ .ClusterValues | toString }`, `${ join "-" (list 1 nil "a") }${ join "-" "x" }`,
	} {
		want, wantErr := plainSprig(text)
		got, err := run(text)
		if wantErr != nil {
			require.Error(t, err, "%s gives %s, not an error", text, got)
			continue
		}
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
}

func plainSprig(text string) (string, error) {
	funcs := sprig.TxtFuncMap()
	for _, name := range []string{"env", "expandenv", "getHostByName"} {
		delete(funcs, name)
	}
	t, err := template.New("values").Delims("${", "}").Option("missingkey=error").Funcs(funcs).Parse(text)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = t.Execute(&b, data())
	return b.String(), err
}

func TestErrorsNameThePlaceInTheTemplate(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a\n${ .ClusterLabels.nope }":          `template: values:2:17: executing "values" at <.ClusterLabels.nope>: map has no entry for key "nope"`,
		`${ .ClusterLabels.nope | upper }`:     `map has no entry for key "nope"`,
		`${ fail "stop here" }`:                `template: values:1:3: executing "values" at <fail "stop here">: error calling fail: stop here`,
		`${ repeat 1000000000 "x" }`:           `executing "values" at <repeat 1000000000 "x">: error calling repeat: result would be larger than 1048576 bytes`,
		`${ if }`:                              `template: values:1: missing value for if`,
		`${ env "HOME" }`:                      `template: values:1: function "env" not defined`,
		`${ genCA "ca" 1 }`:                    "template function genCA is not supported: its result would differ from replica to replica; put the value in a Secret and use valuesFrom",
		`${ bcrypt "x" }`:                      "template function bcrypt is not supported",
		`${ htpasswd "u" "p" }`:                "template function htpasswd is not supported",
		`${ genPrivateKey "rsa" }`:             "template function genPrivateKey is not supported",
		`${ genSelfSignedCert "x" nil nil 1 }`: "template function genSelfSignedCert is not supported",
		`${ genSignedCert "x" nil nil 1 1 }`:   "template function genSignedCert is not supported",
	} {
		_, err := run(text)
		require.ErrorContains(t, err, want, text)
	}
}

func TestEvaluationsAreRepeatable(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`${ randAlphaNum 40 }`, `${ randAlpha 40 }`, `${ randNumeric 40 }`, `${ randAscii 40 }`, `${ randBytes 40 }`,
		`${ randInt 0 1000000000000 }`, `${ uuidv4 }`, `${ shuffle "abcdefghijklmnopqrstuvwxyz" }`,
		`${ encryptAES "secret" "text" }`, `${ now }`, `${ now | date "2006-01-02T15:04:05 MST" }`, `${ date "2006" "nothing" }`, `${ htmlDate now }`,
		`${ ago (toDate "2006" "2020") }`, `${ durationRound (toDate "2006" "2020") }`, `${ now | unixEpoch }`,
		`${ keys .ClusterLabels }`, `${ values .ClusterLabels }`, `${ toJson .ClusterLabels }`, `${ .ClusterLabels }`,
		`${ range keys .ClusterLabels .ClusterValues }${ . },${ end }`,
	} {
		first, err := run(text)
		require.NoError(t, err, text)
		for range 20 {
			again, err := run(text)
			require.NoError(t, err, text)
			require.Equal(t, first, again, text)
		}
	}
}

func TestRandomnessComesFromSeedAndSalt(t *testing.T) {
	t.Parallel()
	const text = `${ randAlphaNum 40 } ${ randAlphaNum 40 }`
	first, err := run(text)
	require.NoError(t, err)
	require.Regexp(t, `^[A-Za-z0-9]{40} [A-Za-z0-9]{40}$`, first)
	require.NotEqual(t, first[:40], first[41:], "two calls differ")
	for _, change := range []func(*sandbox.Environment){
		func(e *sandbox.Environment) { e.Seed = []byte("other") },
		func(e *sandbox.Environment) { e.Salt = "other" },
	} {
		env := environment()
		change(&env)
		other, err := runIn(env, text)
		require.NoError(t, err)
		require.NotEqual(t, first, other)
	}
}

func TestRandomFunctions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`${ randAlphaNum 0 }`:                           `^$`,
		`${ randAlphaNum -5 }`:                          `^$`,
		`${ randAlpha 30 }`:                             `^[A-Za-z]{30}$`,
		`${ randNumeric 30 }`:                           `^[0-9]{30}$`,
		`${ randAscii 300 }`:                            `^[ -~]{300}$`,
		`${ randBytes 3 }`:                              `^[A-Za-z0-9+/]{4}$`,
		`${ range 50 }${ randInt 3 5 }${ end }`:         `^[34]{50}$`,
		`${ uuidv4 }`:                                   `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`,
		`${ shuffle "aab" }`:                            `^(aab|aba|baa)$`,
		`${ encryptAES "k" "a text" | decryptAES "k" }`: `^a text$`,
		`${ encryptAES "k" "" }`:                        `^$`,
	} {
		got, err := run(text)
		require.NoError(t, err, text)
		require.Regexp(t, want, got, text)
	}
	_, err := run(`${ randInt 5 5 }`)
	require.ErrorContains(t, err, "no number is at least 5 and less than 5")
}

func TestTimeIsThatOfTheEnvironmentInUTC(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`${ now }`:       "2026-01-02 01:04:05.000000006 +0000 UTC",
		`${ now.Local }`: "2026-01-02 01:04:05.000000006 +0000 UTC",
		`${ (now.AddDate 0 0 1).Local.Location }`:                          "UTC",
		`${ (now.Add 1000000000).Local.Zone }`:                             "",
		`${ now.Year }`:                                                    "2026",
		`${ now | date "15:04" }`:                                          "01:04",
		`${ date "15:04" 0 }`:                                              "00:00",
		`${ dateInZone "15:04 MST" now "Local" }`:                          "01:04 UTC",
		`${ dateInZone "15:04 MST" now "" }`:                               "01:04 UTC",
		`${ dateInZone "15:04 MST" now "Asia/Tokyo" }`:                     "10:04 JST",
		`${ htmlDate now }`:                                                "2026-01-02",
		`${ date "2006" "no time" }`:                                       "2026",
		`${ now | dateModify "24h" | date "02" }`:                          "03",
		`${ now | dateModify "nonsense" | date "02" }`:                     "02",
		`${ ago (now | dateModify "-90s") }`:                               "1m30s",
		`${ durationRound (now | dateModify "-49h") }`:                     "2d",
		`${ (now.Sub (now | dateModify "-90s")) }`:                         "1m30s",
		`${ now.After (now | dateModify "-1s") }`:                          "true",
		`${ now.Equal now }`:                                               "true",
		`${ now.Compare now }`:                                             "0",
		`${ (now.Truncate 3600000000000) | date "15:04:05" }`:              "01:00:00",
		`${ typeOf now }${ typeIs "time.Time" now }`:                       "time.Timetrue",
		`${ (now.In (now.Location)).UTC | date "15" }`:                     "01",
		`${ date "15:04" (toDate "2006-01-02 15:04" "2026-01-01 12:34") }`: "12:34",
	} {
		got, err := run(text)
		if want == "" {
			require.Error(t, err, text)
			continue
		}
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{`${ now.instant }`, `${ now.e }`} {
		_, err := run(text)
		require.Error(t, err, text)
	}
}

func TestTemplatesSeeTheWritesOfEarlierOnes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ first, second, want string }{
		{`${ $_ := set . "shared" "v" }`, `${ .shared }`, "v"},
		{`${ $_ := set .ClusterLabels "new" "x" }`, `${ .ClusterLabels.new }`, "x"},
		{`${ $_ := unset .ClusterLabels "env" }`, `${ hasKey .ClusterLabels "env" }`, "false"},
		{`${ $_ := merge .ClusterValues (dict "new" 1) }`, `${ .ClusterValues.new }`, "1"},
		{`${ $_ := mergeOverwrite .ClusterValues (dict "a" (dict "b" "x")) }`, `${ .ClusterValues.a.b }`, "x"},
		{`${ $l := list "b" "a" }${ $_ := set . "l" $l }${ $_ := sortAlpha $l }`, `${ .l }`, "[b a]"},
		{`${ $x := "v" }${ define "t" }x${ end }`, `${ .x }`, "<no value>"},
	} {
		in, budget := data(), new(sandbox.Budget)
		for i, text := range []string{c.first, c.second} {
			tmpl, err := sandbox.Parse("values", text)
			require.NoError(t, err)
			got, err := tmpl.Execute(environment(), in, budget)
			switch {
			case i == 0:
				require.NoError(t, err, text)
			case c.want == "<no value>":
				require.Error(t, err, "variables and templates are of one text alone")
			default:
				require.NoError(t, err, text)
				require.Equal(t, c.want, got, text)
			}
		}
	}
}

func TestOneTemplateServesManyAtOnce(t *testing.T) {
	t.Parallel()
	tmpl, err := sandbox.Parse("values", `${ $_ := set .ClusterLabels "n" "1" }${ range 100 }${ randAlpha 2 }${ end }${ keys .ClusterLabels }`)
	require.NoError(t, err)
	want, err := tmpl.Execute(environment(), data(), new(sandbox.Budget))
	require.NoError(t, err)
	for range 8 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			for range 20 {
				got, err := tmpl.Execute(environment(), data(), new(sandbox.Budget))
				require.NoError(t, err)
				require.Equal(t, want, got)
			}
		})
	}
}

func BenchmarkExecute(b *testing.B) {
	for name, text := range map[string]string{
		"plain":  `a: ${ .ClusterLabels.env }`,
		"sprig":  `a: ${ .ClusterLabels.env | upper | quote }`,
		"random": `a: ${ randAlphaNum 20 }`,
	} {
		b.Run(name, func(b *testing.B) {
			tmpl, err := sandbox.Parse("values", text)
			require.NoError(b, err)
			in := data()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := tmpl.Execute(environment(), in, new(sandbox.Budget)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
