package main

import (
	"encoding/xml"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// style gives drawings the colours of a page that is light or dark. A curve and its
// label have one colour.
const style = `<style>
text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; fill: #3d444d }
.title { font-size: 15px; font-weight: 600; fill: #1f2328 }
.bold { font-weight: 600; fill: #1f2328 }
.grid { stroke: #d8dee4; stroke-width: 1 }
.line { fill: none; stroke-width: 1.75; stroke-linejoin: round }
.wide { stroke-width: 3 }
.band { opacity: .16 }
.c0 { stroke: #57606a } .f0 { fill: #57606a }
.c1 { stroke: #0969da } .f1 { fill: #0969da }
.c2 { stroke: #8250df } .f2 { fill: #8250df }
.c3 { stroke: #bc4c00 } .f3 { fill: #bc4c00 }
.c4 { stroke: #9a6700 } .f4 { fill: #9a6700 }
.c5 { stroke: #cf222e } .f5 { fill: #cf222e }
.c6 { stroke: #1a7f37 } .f6 { fill: #1a7f37 }
.c7 { stroke: #bf3989 } .f7 { fill: #bf3989 }
.rest { fill: #afb8c1 }
@media (prefers-color-scheme: dark) {
text { fill: #b7bdc8 } .title, .bold { fill: #f0f6fc } .grid { stroke: #30363d }
.c0 { stroke: #9198a1 } .f0 { fill: #9198a1 }
.c1 { stroke: #4493f8 } .f1 { fill: #4493f8 }
.c2 { stroke: #ab7df8 } .f2 { fill: #ab7df8 }
.c3 { stroke: #f0883e } .f3 { fill: #f0883e }
.c4 { stroke: #d29922 } .f4 { fill: #d29922 }
.c5 { stroke: #f85149 } .f5 { fill: #f85149 }
.c6 { stroke: #3fb950 } .f6 { fill: #3fb950 }
.c7 { stroke: #db61a2 } .f7 { fill: #db61a2 }
.rest { fill: #565d67 }
}
</style>
`

// A drawing is an SVG being written.
type drawing struct{ strings.Builder }

func newDrawing(width, height int, title string) *drawing {
	d := &drawing{}
	fmt.Fprintf(d, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%s">`+"\n%s",
		width, height, width, height, escaped(title), style)
	d.text(16, 26, "title", "start", title)
	return d
}

func (d *drawing) text(x, y float64, class, anchor, words string) {
	fmt.Fprintf(d, `<text x="%.1f" y="%.1f" class="%s" text-anchor="%s">%s</text>`+"\n", x, y, class, anchor, escaped(words))
}

func (d *drawing) line(x1, y1, x2, y2 float64) {
	fmt.Fprintf(d, `<path class="grid" d="M%.1f %.1fL%.1f %.1f"/>`+"\n", x1, y1, x2, y2)
}

func (d *drawing) end() []byte { return []byte(d.String() + "</svg>\n") }

func escaped(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder does not fail
	return b.String()
}

// thousands writes a whole number as 1 234 567.
func thousands(x float64) string {
	digits := strconv.FormatFloat(math.Round(x), 'f', 0, 64)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "\u202f" + digits[i:]
	}
	return digits
}

// A point is what was measured at x: the median of the rounds, and their spread.
type point struct{ x, y, low, high float64 }

// A curve is one peer's.
type curve struct {
	name   string
	ours   bool
	points []point
}

// A plane is where curves are drawn, by logarithms both ways.
type plane struct {
	left, right, top, bottom float64 // in the drawing
	fromX, toX, fromY, toY   float64 // what stands there
}

func (p *plane) x(v float64) float64 {
	return p.left + (p.right-p.left)*math.Log(v/p.fromX)/math.Log(p.toX/p.fromX)
}

func (p *plane) y(v float64) float64 {
	return p.bottom - (p.bottom-p.top)*math.Log(v/p.fromY)/math.Log(p.toY/p.fromY)
}

// drawCurves draws curves with their names at their ends.
func drawCurves(title, axis string, curves []curve) []byte {
	const width, height, lineHeight = 900, 440, 17
	p := plane{left: 76, right: width - 262, top: 66, bottom: height - 50, fromX: math.Inf(1), fromY: math.Inf(1)}
	var xs []float64
	for _, c := range curves {
		for _, at := range c.points {
			p.fromX, p.toX = min(p.fromX, at.x), max(p.toX, at.x)
			p.fromY, p.toY = min(p.fromY, at.low), max(p.toY, at.high)
			if !slices.Contains(xs, at.x) {
				xs = append(xs, at.x)
			}
		}
	}
	p.fromY, p.toY = p.fromY/1.2, p.toY*1.2
	d := newDrawing(width, height, title)
	d.text(16, 48, "", "start", "nanoseconds a record")
	for decade := math.Pow(10, math.Floor(math.Log10(p.fromY))); decade <= p.toY; decade *= 10 {
		for _, step := range []float64{1, 2, 5} {
			if v := decade * step; v >= p.fromY && v <= p.toY {
				d.line(p.left, p.y(v), p.right, p.y(v))
				d.text(p.left-10, p.y(v)+4, "", "end", thousands(v))
			}
		}
	}
	for _, x := range xs {
		d.line(p.x(x), p.bottom, p.x(x), p.bottom+5)
		d.text(p.x(x), p.bottom+21, "", "middle", thousands(x))
	}
	d.text((p.left+p.right)/2, height-10, "", "middle", axis)

	type label struct {
		of       int
		from, at float64
	}
	var labels []label
	for i, c := range curves {
		if len(c.points) == 0 {
			continue
		}
		var band, line strings.Builder
		for n, at := range c.points {
			command := 'L'
			if n == 0 {
				command = 'M'
			}
			fmt.Fprintf(&band, "%c%.1f %.1f", command, p.x(at.x), p.y(at.high))
			fmt.Fprintf(&line, "%c%.1f %.1f", command, p.x(at.x), p.y(at.y))
		}
		for _, at := range slices.Backward(c.points) {
			fmt.Fprintf(&band, "L%.1f %.1f", p.x(at.x), p.y(at.low))
		}
		class := ""
		if c.ours {
			class = " wide"
		}
		fmt.Fprintf(d, `<path class="band f%d" d="%sZ"/>`+"\n", i%8, band.String())
		fmt.Fprintf(d, `<path class="line c%d%s" d="%s"/>`+"\n", i%8, class, line.String())
		last := c.points[len(c.points)-1]
		labels = append(labels, label{i, p.y(last.y), p.y(last.y)})
	}
	// Labels stand in the order of the ends, as near to them as there is room.
	slices.SortFunc(labels, func(a, b label) int { return int(a.from*10) - int(b.from*10) })
	for i := 1; i < len(labels); i++ {
		labels[i].at = max(labels[i].at, labels[i-1].at+lineHeight)
	}
	for i, lowest := len(labels)-1, p.bottom; i >= 0; i-- {
		labels[i].at = min(labels[i].at, lowest)
		lowest = labels[i].at - lineHeight
	}
	for _, l := range labels {
		c := curves[l.of]
		last := c.points[len(c.points)-1]
		fmt.Fprintf(d, `<path class="line c%d" style="stroke-width:1" d="M%.1f %.1fL%.1f %.1f"/>`+"\n", l.of%8, p.x(last.x)+2, l.from, p.right+18, l.at)
		class := fmt.Sprintf("f%d", l.of%8)
		if c.ours {
			class = "bold"
		}
		d.text(p.right+22, l.at+4, class, "start", c.name+"  "+thousands(last.y))
	}
	return d.end()
}

// A bar is one value of a bar chart.
type bar struct {
	name  string
	ours  bool
	value float64
	words string
}

// drawBars draws one bar below the other.
func drawBars(title, below string, bars []bar) []byte {
	const width, left, step, thick = 760, 250, 30, 19
	height := 52 + step*len(bars) + 26
	most := 0.0
	for _, b := range bars {
		most = max(most, b.value)
	}
	d := newDrawing(width, height, title)
	for i, b := range bars {
		y := float64(48 + step*i)
		class, words := "rest", ""
		if b.ours {
			class, words = "f1", "bold"
		}
		long := b.value / most * (width - left - 90)
		d.text(left-12, y+14, words, "end", b.name)
		fmt.Fprintf(d, `<rect class="%s" x="%d" y="%.1f" width="%.1f" height="%d" rx="3"/>`+"\n", class, left, y, max(long, 2), thick)
		d.text(left+long+8, y+14, words, "start", b.words)
	}
	d.text(left, float64(height-12), "", "start", below)
	return d.end()
}
