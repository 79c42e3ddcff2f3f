// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package plot

import "math"

// axis is logarithmic: low and high are powers of ten, or parts of a decade where all
// values are close together.
type axis struct {
	low, high float64
	from, to  float64 // their places in the drawing
}

func (f *Figure) axes() (x, y axis) {
	var xs, ys []float64
	for i := range f.Series {
		for _, p := range f.Series[i].Points {
			if p.X > 0 && p.Y > 0 {
				xs, ys = append(xs, p.X), append(ys, p.Y)
			}
		}
	}
	return over(xs, left, width-right), over(ys, height-bottom, top)
}

// over returns an axis that holds all values, with some room around them.
func over(values []float64, from, to float64) axis {
	if len(values) == 0 {
		return axis{}
	}
	low, high := values[0], values[0]
	for _, v := range values {
		low, high = min(low, v), max(high, v)
	}
	return axis{low: down(low * 0.95), high: up(high * 1.05), from: from, to: to}
}

// parts are the places within a decade where an axis may end.
var parts = []float64{1, 2, 5, 10}

func decade(v float64) float64 { return math.Pow(10, math.Floor(math.Log10(v))) }

func down(v float64) float64 {
	d := decade(v)
	at := d
	for _, p := range parts {
		if d*p <= v {
			at = d * p
		}
	}
	return at
}

func up(v float64) float64 {
	d := decade(v)
	for _, p := range parts {
		if d*p >= v {
			return d * p
		}
	}
	return d * 10
}

func (a axis) empty() bool { return a.low <= 0 || a.high <= a.low }

func (a axis) at(v float64) float64 {
	share := math.Log10(v/a.low) / math.Log10(a.high/a.low)
	return a.from + share*(a.to-a.from)
}

type tick struct {
	value    float64
	decade   bool
	labelled bool
}

func (t tick) stroke() string {
	if t.decade {
		return `stroke="#c8c8c8"`
	}
	return `stroke="#ececec"`
}

// ticks returns ticks at the decades and between them. If the axis has few decades, the
// ticks between them have labels too.
func (a axis) ticks() []tick {
	var all []tick
	few := math.Log10(a.high/a.low) < 2.5
	for d := decade(a.low); d <= a.high*1.0001; d *= 10 {
		for n := 1.0; n < 10; n++ {
			v := d * n
			if v < a.low*0.9999 || v > a.high*1.0001 {
				continue
			}
			all = append(all, tick{value: v, decade: n == 1, labelled: n == 1 || few && (n == 2 || n == 5)})
		}
	}
	return all
}
