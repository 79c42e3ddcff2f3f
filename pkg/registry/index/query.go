// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package index

import "iter"

// plan is the cheaper way to find what an edit affects.
type plan struct {
	// byMentions means to visit what mentions a touched label, and not what is filed under
	// the labels.
	byMentions bool
	// visits is the number of entries in postings that the whole sequence looks at.
	visits int
}

// Matching yields the ids whose selectors match labels.
func (x *Selectors[ID]) Matching(labels map[string]string) iter.Seq[ID] {
	return func(yield func(ID) bool) {
		// A selector is filed under one requirement, and a label set reaches it through one
		// posting. So nothing is visited twice.
		for p := range x.reached(labels) {
			for _, e := range p.filed() {
				f := &x.filings[e.slot]
				if f.selector.Matches(labels) && !f.yield(yield) {
					return
				}
			}
		}
	}
}

// reached yields the postings with filed selectors that can match labels.
func (x *Selectors[ID]) reached(labels map[string]string) iter.Seq[*posting] {
	return func(yield func(*posting) bool) {
		for key, value := range labels {
			k := x.postings[key]
			if k == nil {
				continue
			}
			if p := k.values[value]; p != nil && !yield(p) {
				return
			}
			if k.present != nil && !yield(k.present) {
				return
			}
		}
		yield(&x.unfiled)
	}
}

// Affected yields the ids of the selectors that match exactly one of the two label sets.
func (x *Selectors[ID]) Affected(before, after map[string]string) iter.Seq[ID] {
	return func(yield func(ID) bool) {
		e := edit{before: before, after: after, touched: x.touched(before, after)}
		if x.plan(&e).byMentions {
			x.affectedMentions(&e, yield)
		} else {
			x.affectedFiled(&e, yield)
		}
	}
}

// edit is a label set before and after an edit.
type edit struct {
	before, after map[string]string
	// touched lists the postings of all mentions that the edit makes true or false. A
	// selector in none of them cannot change its answer.
	touched []*posting
}

// touched returns a slice and not an edit, which would then be allocated for each query.
func (x *Selectors[ID]) touched(before, after map[string]string) []*posting {
	var out []*posting
	add := func(p *posting) {
		if p != nil {
			out = append(out, p)
		}
	}
	for key, a := range before {
		b, kept := after[key]
		if kept && a == b {
			continue
		}
		if k := x.postings[key]; k != nil {
			add(k.values[a])
			if kept {
				add(k.values[b])
			} else {
				add(k.present)
			}
		}
	}
	for key, b := range after {
		if _, kept := before[key]; kept {
			continue
		}
		if k := x.postings[key]; k != nil {
			add(k.values[b])
			add(k.present)
		}
	}
	return out
}

// plan compares the two ways. Both visit what is filed under a touched label, or is loose
// and mentions one. The rest is either everything else that mentions a touched label, or
// everything filed under an untouched one.
func (x *Selectors[ID]) plan(e *edit) plan {
	common, mentions := 0, 0
	for _, p := range e.touched {
		common += int(p.ends[loose])
		mentions += len(p.entries) - int(p.ends[loose])
	}
	untouched := 0
	if mentions > 0 {
		for p := range x.untouched(e) {
			if untouched += len(p.filed()); untouched >= mentions {
				break
			}
		}
	}
	if mentions <= untouched {
		return plan{byMentions: true, visits: common + mentions}
	}
	return plan{visits: common + untouched}
}

// untouched yields the postings that both label sets reach.
func (x *Selectors[ID]) untouched(e *edit) iter.Seq[*posting] {
	return func(yield func(*posting) bool) {
		for key, a := range e.before {
			b, kept := e.after[key]
			k := x.postings[key]
			if k == nil || !kept {
				continue
			}
			if p := k.values[a]; p != nil && a == b && !yield(p) {
				return
			}
			if k.present != nil && !yield(k.present) {
				return
			}
		}
	}
}

func (x *Selectors[ID]) affectedMentions(e *edit, yield func(ID) bool) {
	for _, p := range e.touched {
		if !x.visitFirst(e, p.entries, yield) {
			return
		}
	}
}

func (x *Selectors[ID]) affectedFiled(e *edit, yield func(ID) bool) {
	for _, p := range e.touched {
		for _, en := range p.filed() {
			f := &x.filings[en.slot]
			if f.selector.differs(e.before, e.after) && !f.metBefore(p, e) && !f.yield(yield) {
				return
			}
		}
		// A loose selector is found only through its mentions, so every touched mention
		// leads to it. The first one counts.
		if !x.visitFirst(e, p.loose(), yield) {
			return
		}
	}
	for p := range x.untouched(e) {
		for _, en := range p.filed() {
			f := &x.filings[en.slot]
			if f.selector.differs(e.before, e.after) && !f.yield(yield) {
				return
			}
		}
	}
}

// visitFirst yields the selectors that differ, each at the first of its touched mentions.
func (x *Selectors[ID]) visitFirst(e *edit, entries []entry, yield func(ID) bool) bool {
	for _, en := range entries {
		f := &x.filings[en.slot]
		if f.selector.differs(e.before, e.after) &&
			f.selector.firstTouched(e.before, e.after) == int(en.place) && !f.yield(yield) {
			return false
		}
	}
	return true
}

// metBefore reports whether a filing in the posting of a new value is also in the posting
// of the old value, because it is filed under both values of one In.
func (f *filing[ID]) metBefore(p *posting, e *edit) bool {
	if p.presence {
		return false
	}
	r := &f.selector.requirements[f.under]
	a, had := e.before[r.key]
	return had && a != p.value && r.has(a)
}

func (f *filing[ID]) yield(yield func(ID) bool) bool {
	for _, id := range f.ids {
		if !yield(id) {
			return false
		}
	}
	return true
}
