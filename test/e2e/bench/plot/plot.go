// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package plot draws figures of measurements as SVG: lines over two logarithmic axes. A
// cost that grows in proportion is a line of slope one, and a cost that does not grow is a
// level line. The same figure gives the same bytes.
package plot

import (
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
)

// Figure holds the content of a plot. Points that are not above zero have no place on a
// logarithmic axis and are left out.
type Figure struct {
	// Name is the name of its file, without the extension.
	Name   string   `json:"name"`
	Title  string   `json:"title"`
	X      string   `json:"x"`
	Y      string   `json:"y"`
	Series []Series `json:"series"`
}

// Series is one line.
type Series struct {
	Name   string  `json:"name"`
	Points []Point `json:"points"`
}

// Point is one measurement.
type Point struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
}

const (
	width, height            = 760.0, 400.0
	left, right, top, bottom = 76.0, 196.0, 46.0, 58.0
)

// colours can also be distinguished by people with colour blindness.
var colours = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#806000"}

// SVG draws the figure.
func (f *Figure) SVG() string {
	var out strings.Builder
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" width="%g" height="%g" font-family="DejaVu Sans, Helvetica, Arial, sans-serif" font-size="12">`+"\n", width, height, width, height)
	fmt.Fprintf(&out, `<rect width="%g" height="%g" fill="#ffffff"/>`+"\n", width, height)
	text(&out, left, 26, "start", 15, f.Title)
	x, y := f.axes()
	if x.empty() || y.empty() {
		text(&out, left, height/2, "start", 13, "nothing was measured")
		out.WriteString("</svg>\n")
		return out.String()
	}
	for _, tick := range x.ticks() {
		at := x.at(tick.value)
		line(&out, at, y.to, at, y.from, tick.stroke())
		if tick.labelled {
			text(&out, at, height-bottom+18, "middle", 12, Short(tick.value))
		}
	}
	for _, tick := range y.ticks() {
		at := y.at(tick.value)
		line(&out, x.from, at, x.to, at, tick.stroke())
		if tick.labelled {
			text(&out, left-8, at+4, "end", 12, Short(tick.value))
		}
	}
	fmt.Fprintf(&out, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="none" stroke="#555555"/>`+"\n", x.from, y.to, x.to-x.from, y.from-y.to)
	text(&out, (x.from+x.to)/2, height-16, "middle", 13, f.X)
	fmt.Fprintf(&out, `<text transform="translate(18 %.1f) rotate(-90)" text-anchor="middle" font-size="13" fill="#222222">%s</text>`+"\n", (y.from+y.to)/2, html.EscapeString(f.Y))
	for i := range f.Series {
		f.Series[i].draw(&out, i, x, y)
	}
	out.WriteString("</svg>\n")
	return out.String()
}

func (s *Series) draw(out *strings.Builder, n int, x, y axis) {
	colour := colours[n%len(colours)]
	var path []string
	for _, p := range s.Points {
		if p.X > 0 && p.Y > 0 {
			path = append(path, fmt.Sprintf("%.1f,%.1f", x.at(p.X), y.at(p.Y)))
			marker(out, n, x.at(p.X), y.at(p.Y), colour)
		}
	}
	stroke := `stroke="` + colour + `" stroke-width="2"`
	if n >= len(colours) {
		stroke += ` stroke-dasharray="5 4"` // because the colours repeat
	}
	fmt.Fprintf(out, `<polyline points="%s" fill="none" %s/>`+"\n", strings.Join(path, " "), stroke)
	const step = 20
	at := top + 10 + float64(n)*step
	line(out, width-right+14, at, width-right+36, at, stroke)
	marker(out, n, width-right+25, at, colour)
	text(out, width-right+42, at+4, "start", 12, s.Name)
}

// marker draws the marker of a series, which distinguishes it without colours.
func marker(out *strings.Builder, n int, x, y float64, colour string) {
	const r = 4.0
	switch n % 3 {
	case 0:
		fmt.Fprintf(out, `<circle cx="%.1f" cy="%.1f" r="%g" fill="%s"/>`+"\n", x, y, r, colour)
	case 1:
		fmt.Fprintf(out, `<rect x="%.1f" y="%.1f" width="%g" height="%g" fill="%s"/>`+"\n", x-r, y-r, 2*r, 2*r, colour)
	default:
		fmt.Fprintf(out, `<path d="M%.1f %.1f l%g %g h%g z" fill="%s"/>`+"\n", x, y-r-1, r+1, 2*r, -2*(r+1), colour)
	}
}

func text(out *strings.Builder, x, y float64, anchor string, size int, what string) {
	fmt.Fprintf(out, `<text x="%.1f" y="%.1f" text-anchor="%s" font-size="%d" fill="#222222">%s</text>`+"\n", x, y, anchor, size, html.EscapeString(what))
}

func line(out *strings.Builder, x1, y1, x2, y2 float64, stroke string) {
	fmt.Fprintf(out, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" %s/>`+"\n", x1, y1, x2, y2, stroke)
}

// Short returns a number as an axis and a table show it: 3k, 1M, 0.25.
func Short(v float64) string {
	for _, unit := range []struct {
		size float64
		name string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if math.Abs(v) >= unit.size {
			return strconv.FormatFloat(v/unit.size, 'g', 3, 64) + unit.name
		}
	}
	if v != 0 && math.Abs(v) < 0.001 {
		return strconv.FormatFloat(v, 'e', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}
