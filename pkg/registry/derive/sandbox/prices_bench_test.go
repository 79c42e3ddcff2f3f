// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package sandbox_test

import (
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/Masterminds/sprig/v3"

	"github.com/musterfleet/muster/pkg/registry/derive/sandbox"
)

// calls are for functions whose arguments do not fit anyCalls, or whose worst case is
// another one.
var calls = map[string][]string{
	"regexMatch":      {`regexMatch "(x?){40}y" $small`, `regexMatch "(a|b|ab)*c" $small`, `regexMatch "(a{200})(b{200})" "x"`, `regexMatch "^[a-z]+-(\\d+)$" "app-17"`},
	"regexFindAll":    {`regexFindAll "a.?" $small -1`},
	"regexReplaceAll": {`regexReplaceAll "(a) ?" $small "$1$1"`},
	"regexSplit":      {`regexSplit " " $small -1`},
	"printf":          {`printf "%s%q" $text $text`, `printf "%v" $list`, `printf "%100000d" 1`, `printf "%#v" $dict`},
	"toJson":          {`toJson $list`, `toJson $texts`, `toJson $dict`, `toJson $text`},
	"toPrettyJson":    {`toPrettyJson $list`, `toPrettyJson $dict`},
	"fromJson":        {`fromJson $json`, `fromJson $jsonLists`},
	"merge":           {`merge (dict) $dict`, `merge $dict $dict`},
	"mergeOverwrite":  {`mergeOverwrite (dict) $dict`},
	"deepCopy":        {`deepCopy $dict`, `deepCopy $list`},
	"deepEqual":       {`deepEqual $dict (deepCopy $dict)`, `deepEqual $list $list`},
	"uniq":            {`uniq (until 400)`, `uniq $few`},
	"without":         {`without (until 1000) 1 2 3 4 5 6 7 8 9`, `without $few "q" "r"`},
	"has":             {`has "q" $texts`},
	"sortAlpha":       {`sortAlpha $texts`, `sortAlpha $list`},
	"join":            {`join "," $texts`, `join "," $list`},
	"toStrings":       {`toStrings $list`},
	"concat":          {`concat $list $list`},
	"chunk":           {`chunk 1 $list`},
	"reverse":         {`reverse $list`},
	"compact":         {`compact $list`},
	"until":           {`until 20000`},
	"seq":             {`seq 5000`},
	"randAlphaNum":    {`randAlphaNum 65536`},
	"randAscii":       {`randAscii 65536`},
	"randBytes":       {`randBytes 65536`},
	"uuidv4":          {`uuidv4`},
	"shuffle":         {`shuffle $text`},
	"encryptAES":      {`encryptAES "k" $text`},
	"decryptAES":      {`decryptAES "k" $secret`},
	"semver":          {`semver "1.2.3-a+b"`},
	"semverCompare":   {`semverCompare ">=1.2.0 <2.0.0 || ~3.4 || ^4.1.x" "v1.3.0"`, `semverCompare (repeat 20 "=1.2.3 ||") "v1.3.0"`},
	"urlParse":        {`urlParse "https://u:p@h:1/p?q#f"`, `urlParse $text`},
	"urlJoin":         {`urlJoin (dict "scheme" "http" "host" "h" "path" $text)`},
	"dateInZone":      {`dateInZone "2006-01-02T15:04" 0 "America/New_York"`},
	"date":            {`date $text 0`},
	"duration":        {`duration "95"`},
	"addf":            {`addf 1.5 1e300 1e-300 1.5`, `addf 1e308 1e-308`},
	"mulf":            {`mulf 1.5e300 1.5e-300 1.7 1.1 1.3`, `mulf` + strings.Repeat(" 1.1234567890123e308", 60), `addf` + strings.Repeat(" 1.1e308 1e-308", 30), `divf` + strings.Repeat(" 1.1e308", 60), `mulf 1.1e308 1.1e308 1.1e308 1.1e308 1.1e308 1.1e308 1.1e308 1.1e308`},
	"divf":            {`divf 1 3`, `divf 1e308 3e-308 7 11`},
	"round":           {`round 1.256 2`},
	"indent":          {`indent 4 $lines`},
	"nindent":         {`nindent 4 $lines`},
	"wrap":            {`wrap 5 $text`, `wrap 1 $text`},
	"wrapWith":        {`wrapWith 3 "-" $text`},
	"repeat":          {`repeat 65536 "x"`},
	"replace":         {`replace "a" "b" $text`},
	"split":           {`split " " $small`},
	"splitList":       {`splitList " " $small`},
	"contains":        {`contains "aaaaaab" $long`},
	"cat":             {`cat $text $text`, `cat $list`},
	"quote":           {`quote $text`, `quote $list`},
	"squote":          {`squote $text`},
	"keys":            {`keys $dict`},
	"values":          {`values $dict`},
	"pick":            {`pick $dict "k1"`},
	"omit":            {`omit $dict "k1"`},
	"pluck":           {`pluck "k1" $dict $dict`},
	"dict":            {`dict "a" 1`},
	"set":             {`set $dict "a" 1`, `set $dict "a" $list`},
	"get":             {`get $dict "k1"`},
	"hasKey":          {`hasKey $dict "k1"`},
	"default":         {`default 1 $dict`},
	"eq":              {`eq $text (upper $text)`, `eq 1 2`, `eq $long (print $long)`},
	"title":           {`title $text`},
	"initials":        {`initials $text`},
	"abbrev":          {`abbrev 5 $text`},
	"snakecase":       {`snakecase $text`, `snakecase $long`},
	"camelcase":       {`camelcase $text`, `camelcase $snake`},
	"kebabcase":       {`kebabcase $text`, `kebabcase $long`},
	"swapcase":        {`swapcase $text`},
	"trimAll":         {`trimAll "a" $long`},
	"substr":          {`substr 1 5 $text`},
	"int":             {`int "5"`},
	"float64":         {`float64 "1.5"`},
	"toDecimal":       {`toDecimal "777"`},
	"max":             {`max 1 2 3`},
	"toString":        {`toString $dict`, `toString $text`},
	"b64enc":          {`b64enc $text`},
	"b64dec":          {`b64dec $secret`},
	"b32enc":          {`b32enc $text`},
	"sha256sum":       {`sha256sum $text`},
	"sha512sum":       {`sha512sum $text`},
	"sha1sum":         {`sha1sum $text`},
	"adler32sum":      {`adler32sum $text`},
	"html":            {`html "<><><><><><><>"`, `html $text`},
	"js":              {`js $text`},
	"urlquery":        {`urlquery $text`},
	"print":           {`print $text`, `print $list`, `print $dict`},
	"buildCustomCert": {`buildCustomCert (b64enc "x") (b64enc "y")`},
	"toDate":          {`toDate "2006-01-02" "2026-05-06"`},
	"dateModify":      {`toDate "2006-01-02" "2026-05-06" | dateModify "-24h"`},
	"plural":          {`plural "one" "many" 1`},
	"regexQuoteMeta":  {`regexQuoteMeta $text`},
	"base":            {`base $text`},
	"clean":           {`clean $path`},
	"first":           {`first $list`},
	"rest":            {`rest $list`},
	"append":          {`append $list 1`},
	"prepend":         {`prepend $list 1`},
	"slice":           {`slice $list 1 5`},
	"dig":             {`dig "k1" "none" $dict`},
	"ternary":         {`ternary "a" "b" true`},
	"coalesce":        {`coalesce 0 "" "x"`},
	"kindOf":          {`kindOf 1`},
	"index":           {`index $dict "k1"`, `index $list 5`},
	"len":             {`len $text`},
	"lower":           {`lower $text`},
	"nospace":         {`nospace $text`},
	"trunc":           {`trunc 5 $text`},
	"all":             {`all 1 2`},
	"htmlDate":        {`htmlDate 0`},
	"unixEpoch":       {`now | unixEpoch`},
	"fail":            nil,
	"derivePassword":  nil,
	"bcrypt":          nil,
}

const preamble = `${ $text := repeat 5000 "a b. <c> " }${ $small := repeat 500 "a b" }${ $long := repeat 30000 "a" }${ $snake := repeat 5000 "ab_c" }` +
	`${ $lines := repeat 5000 "abcd\n" }${ $path := repeat 5000 "/a/../b" }${ $secret := encryptAES "k" $text }` +
	`${ $list := list }${ range until 40 }${ $list = append $list . }${ end }${ $list = concat $list $list $list $list $list }${ $list = concat $list $list $list $list $list }` +
	`${ $texts := splitList " " (repeat 1000 "abc ") }${ $few := splitList " " (repeat 100 "abc ") }` +
	`${ $dict := dict }${ range until 400 }${ $_ := set $dict (print "k" .) (list . "x") }${ end }${ $json := toJson $dict }${ $jsonLists := print "[" (repeat 2000 "[],") "[]]" }`

// BenchmarkPrices compares the price of calls in a Budget with their time. A unit should be
// at most about 100 ns.
func BenchmarkPrices(b *testing.B) {
	var names []string
	for name := range calls {
		names = append(names, name)
	}
	for name := range sprig.TxtFuncMap() {
		if _, ok := calls[name]; !ok && !strings.HasPrefix(name, "must") && !strings.HasPrefix(name, "gen") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	base := measure(b, "")
	for _, name := range names {
		some, ok := calls[name]
		if !ok {
			some = []string{name + " $text", name + " $list"}
		}
		for _, call := range some {
			if _, err := sandbox.Parse("values", preamble+"${ $_ := "+call+" }"); err != nil {
				continue // it takes other arguments
			}
			once := measure(b, "${ $_ := "+call+" }")
			if once.err {
				continue
			}
			b.Run(call, func(b *testing.B) {
				for b.Loop() {
				}
				// Each call runs as often as the budget allows, so that short calls can be
				// measured.
				n := min(max(1, 300_000/max(1, once.units-base.units)), 1000)
				m := measure(b, strings.Repeat("${ $_ := "+call+" }", n))
				units, ns := m.units-base.units, m.ns-base.ns
				b.ReportMetric(float64(units)/float64(n), "units")
				b.ReportMetric(max(0, float64(ns))/float64(n), "cpu-ns")
				b.ReportMetric(max(0, float64(ns))/float64(units), "cpu-ns/unit")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

type measured struct {
	units int
	ns    int64
	err   bool
}

// measure returns the least processor time of several runs.
func measure(tb testing.TB, text string) measured {
	tmpl, err := sandbox.Parse("values", preamble+text)
	if err != nil {
		tb.Fatal(err)
	}
	best := measured{ns: 1 << 62}
	for range 5 {
		var budget sandbox.Budget
		begun := processorTime(tb)
		_, err := tmpl.Execute(environment(), data(), &budget)
		spent := processorTime(tb) - begun
		best.err = err != nil
		best.units = budget.Used()
		best.ns = min(best.ns, int64(spent))
	}
	return best
}

func processorTime(tb testing.TB) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
