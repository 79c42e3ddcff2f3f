// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"strconv"
	"time"
	_ "time/tzdata" // so that dateInZone does not depend on the zones of the host
)

// instant names the embedded time.Time, so that templates cannot reach it.
type instant = time.Time

// moment is the time in templates. It has the methods of time.Time, but none of them can
// reach the time zone of the host, because two replicas may disagree about it.
type moment struct {
	instant
	e *evaluation
}

func (e *evaluation) at(t time.Time) moment { return moment{t.Round(0).UTC(), e} }

func (m moment) with(t time.Time) moment { return moment{t, m.e} }

// These are the methods of time.Time that return or take a time.

func (m moment) Add(d time.Duration) moment      { return m.with(m.instant.Add(d)) }
func (m moment) AddDate(y, mo, d int) moment     { return m.with(m.instant.AddDate(y, mo, d)) }
func (m moment) In(l *time.Location) moment      { return m.with(m.instant.In(l)) }
func (m moment) Local() moment                   { return m.UTC() }
func (m moment) UTC() moment                     { return m.with(m.instant.UTC()) }
func (m moment) Round(d time.Duration) moment    { return m.with(m.instant.Round(d)) }
func (m moment) Truncate(d time.Duration) moment { return m.with(m.instant.Truncate(d)) }
func (m moment) After(o moment) bool             { return m.instant.After(o.instant) }
func (m moment) Before(o moment) bool            { return m.instant.Before(o.instant) }
func (m moment) Compare(o moment) int            { return m.instant.Compare(o.instant) }
func (m moment) Equal(o moment) bool             { return m.instant.Equal(o.instant) }
func (m moment) Sub(o moment) time.Duration      { return m.instant.Sub(o.instant) }

// Format charges its cost here, because no wrapper weighs methods.
func (m moment) Format(layout string) string {
	m.e.use(10 + len(layout))
	return m.instant.Format(layout)
}

// clocks replace the functions of sprig that read the clock or the zone of the host, or
// take a time.
var clocks = map[string]func(*evaluation) any{
	"now":  func(e *evaluation) any { return func() moment { return e.at(e.env.Time) } },
	"date": func(e *evaluation) any { return func(layout string, t any) string { return e.date(layout, t, "UTC") } },
	"htmlDate": func(e *evaluation) any {
		return func(t any) string { return e.date(time.DateOnly, t, "UTC") }
	},
	"htmlDateInZone": func(e *evaluation) any {
		return func(t any, zone string) string { return e.date(time.DateOnly, t, zone) }
	},
	"dateInZone":       func(e *evaluation) any { return e.date },
	"date_in_zone":     func(e *evaluation) any { return e.date },
	"dateModify":       func(*evaluation) any { return modify },
	"date_modify":      func(*evaluation) any { return modify },
	"mustDateModify":   func(*evaluation) any { return mustModify },
	"must_date_modify": func(*evaluation) any { return mustModify },
	"toDate": func(e *evaluation) any {
		return func(layout, text string) moment {
			t, _ := time.ParseInLocation(layout, text, time.UTC)
			return moment{t, e}
		}
	},
	"mustToDate": func(e *evaluation) any {
		return func(layout, text string) (moment, error) {
			t, err := time.ParseInLocation(layout, text, time.UTC)
			return moment{t, e}, err
		}
	},
	"unixEpoch": func(*evaluation) any {
		return func(t moment) string { return strconv.FormatInt(t.Unix(), 10) }
	},
	"ago": func(e *evaluation) any {
		return func(t any) string { return e.env.Time.Sub(e.timeOf(t)).Round(time.Second).String() }
	},
	"durationRound": func(e *evaluation) any { return e.durationRound },
}

// timeOf reads what sprig accepts as a time: a time, or seconds since 1970. Anything else
// is now.
func (e *evaluation) timeOf(v any) time.Time {
	switch v := v.(type) {
	case moment:
		return v.instant
	case int:
		return time.Unix(int64(v), 0)
	case int32:
		return time.Unix(int64(v), 0)
	case int64:
		return time.Unix(v, 0)
	}
	return e.env.Time
}

// date formats a time in a zone. An unknown zone means UTC, as in sprig, and so does the
// zone of the host.
func (e *evaluation) date(layout string, v any, zone string) string {
	location := time.UTC
	if zone != "" && zone != "Local" && zone != "UTC" {
		e.use(zoneUnits)
		if l, err := time.LoadLocation(zone); err == nil {
			location = l
		}
	}
	return e.timeOf(v).In(location).Format(layout)
}

func modify(by string, t moment) moment {
	if d, err := time.ParseDuration(by); err == nil {
		return t.Add(d)
	}
	return t
}

func mustModify(by string, t moment) (moment, error) {
	d, err := time.ParseDuration(by)
	if err != nil {
		return moment{}, err
	}
	return t.Add(d), nil
}

// units are the units of durationRound, largest first.
var units = []struct {
	name string
	size time.Duration
}{
	{"y", 365 * 24 * time.Hour},
	{"mo", 30 * 24 * time.Hour},
	{"d", 24 * time.Hour},
	{"h", time.Hour},
	{"m", time.Minute},
	{"s", time.Second},
}

// durationRound prints a duration in its largest unit.
func (e *evaluation) durationRound(v any) string {
	var d time.Duration
	switch v := v.(type) {
	case string:
		d, _ = time.ParseDuration(v)
	case int64:
		d = time.Duration(v)
	case moment:
		d = e.env.Time.Sub(v.instant)
	}
	for _, unit := range units {
		if d.Abs() > unit.size {
			return strconv.FormatInt(int64(d.Abs()/unit.size), 10) + unit.name
		}
	}
	return "0s"
}
