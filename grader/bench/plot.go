package bench

import (
	"fmt"
	"html"
	"io"
	"math"
	"strings"
)

// Plot is a picture of an experiment.
type Plot struct {
	Name   string // of its file, without an ending
	title  string
	x, y   string
	series []series
	marks  []float64 // horizontal lines at these y
	logY   bool
}

// series is one set of points.
type series struct {
	name   string
	points [][2]float64
	line   bool // joined, not dotted
}

// The picture's size and the room around its frame, in px.
const (
	plotWidth, plotHeight                    = 640, 340
	roomLeft, roomRight, roomTop, roomBottom = 64, 130, 34, 44
)

// colours that are told apart with the usual kinds of colour blindness: the palette
// of Okabe and Ito, 2008.
var colours = [...]string{"#0072b2", "#d55e00", "#009e73", "#cc79a7"}

// SVG writes the plot as a picture that needs nothing else.
func (p Plot) SVG(out io.Writer) error {
	xs, ys := p.scale()
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", plotWidth, plotHeight)
	fmt.Fprintf(&b, `<title>%s</title><rect width="100%%" height="100%%" fill="#fff"/><text x="%d" y="20" font-size="14">%[1]s</text>`+"\n", html.EscapeString(p.title), roomLeft)
	for _, v := range ys.ticks() {
		fmt.Fprintf(&b, `<path d="M%d %.1fH%d" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%.3g</text>`+"\n",
			roomLeft, ys.at(v), plotWidth-roomRight, roomLeft-6, ys.at(v)+4, v)
	}
	for _, v := range xs.ticks() {
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle">%.3g</text>`+"\n", xs.at(v), plotHeight-roomBottom+16, v)
	}
	for _, v := range p.marks {
		fmt.Fprintf(&b, `<path d="M%d %.1fH%d" stroke="#555" stroke-dasharray="4 3"/>`+"\n", roomLeft, ys.at(v), plotWidth-roomRight)
	}
	for i, s := range p.series {
		colour := colours[i%len(colours)]
		if s.line {
			fmt.Fprintf(&b, `<polyline fill="none" stroke="%s" stroke-width="1.5" points="`, colour)
			for _, q := range s.points {
				fmt.Fprintf(&b, "%.1f,%.1f ", xs.at(q[0]), ys.at(q[1]))
			}
			b.WriteString("\"/>\n")
		} else {
			fmt.Fprintf(&b, `<g fill="%s" fill-opacity="0.7">`, colour)
			for _, q := range s.points {
				fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="3"/>`, xs.at(q[0]), ys.at(q[1]))
			}
			b.WriteString("</g>\n")
		}
		fmt.Fprintf(&b, `<text x="%d" y="%d" fill="%s">%s</text>`+"\n", plotWidth-roomRight+10, roomTop+14+18*i, colour, html.EscapeString(s.name))
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d">%s</text><text transform="translate(14 %d) rotate(-90)">%s</text>`+"\n</svg>\n",
		roomLeft, plotHeight-10, html.EscapeString(p.x), plotHeight-roomBottom, html.EscapeString(p.y))
	if _, err := io.WriteString(out, b.String()); err != nil {
		return fmt.Errorf("write the plot %s: %w", p.Name, err)
	}
	return nil
}

// scale fits both axes to all points.
func (p Plot) scale() (x, y axis) {
	x = axis{low: math.Inf(1), high: math.Inf(-1), from: roomLeft, to: plotWidth - roomRight}
	y = axis{low: math.Inf(1), high: math.Inf(-1), from: plotHeight - roomBottom, to: roomTop, log: p.logY}
	for _, s := range p.series {
		for _, q := range s.points {
			x.hold(q[0])
			y.hold(q[1])
		}
	}
	for _, v := range p.marks {
		y.hold(v)
	}
	x.settle()
	y.settle()
	return x, y
}

// axis maps values to px.
type axis struct {
	low, high, from, to float64
	log                 bool
}

// floor is the least value on a logarithmic axis.
const floor = 1e-3

func (a *axis) hold(v float64) {
	if a.log {
		v = max(v, floor)
	}
	if !math.IsNaN(v) && !math.IsInf(v, 0) {
		a.low, a.high = min(a.low, v), max(a.high, v)
	}
}

// settle makes an axis of nothing, or of one value, one that can be drawn.
func (a *axis) settle() {
	if a.low > a.high {
		a.low, a.high = 1, 2
	}
	if a.low == a.high {
		if a.log {
			a.low, a.high = a.low/2, a.high*2
		} else {
			a.low, a.high = a.low-1, a.high+1
		}
	}
}

func (a axis) at(v float64) float64 {
	low, high := a.low, a.high
	if a.log {
		v, low, high = math.Log(max(v, floor)), math.Log(low), math.Log(high)
	}
	return a.from + (v-low)/(high-low)*(a.to-a.from)
}

func (a axis) ticks() []float64 {
	var out []float64
	if a.log {
		for v := math.Pow(10, math.Ceil(math.Log10(a.low))); v <= a.high; v *= 10 {
			out = append(out, v)
		}
		if len(out) > 1 {
			return out
		}
		return []float64{a.low, a.high}
	}
	step := math.Pow(10, math.Floor(math.Log10((a.high-a.low)/2)))
	for (a.high-a.low)/step > 6 {
		step *= 2
	}
	for n := math.Ceil(a.low / step); n*step <= a.high; n++ {
		out = append(out, n*step)
	}
	return out
}

// Plot draws the lateness of each generator's last run over its share of
// requests.
func (p Pace) Plot() Plot {
	out := Plot{Name: "pace", title: "How late requests arrive", x: "share of requests, %", y: "ms late", logY: true}
	for _, r := range p.Rows {
		s := series{name: r.Name, line: true}
		for q, v := range r.Late {
			s.points = append(s.points, [2]float64{float64(q), v})
		}
		out.series = append(out.series, s)
	}
	return out
}

// Plot draws the error of every generator's quantiles on every shape, in the
// order of the table.
func (t Truth) Plot() Plot {
	out := Plot{
		Name: "truth", title: "P50, P95 and P99 of steady, bimodal, stalling: off the truth",
		x: "1–3 steady, 4–6 bimodal, 7–9 stalling", y: "%", marks: []float64{0},
	}
	where := map[string]int{}
	for _, r := range t.Rows {
		i, ok := where[r.Name]
		if !ok {
			i = len(out.series)
			where[r.Name] = i
			out.series = append(out.series, series{name: r.Name})
		}
		s := &out.series[i]
		for _, q := range []string{"p50", "p95", "p99"} {
			s.points = append(s.points, [2]float64{float64(len(s.points) + 1), 100 * r.Error(q)})
		}
	}
	return out
}

// Plot draws every trial's ratio, with a line at what each kind's work would
// give.
func (a AA) Plot() Plot {
	out := Plot{Name: "aa", title: "P95 before ÷ after, one dot for each trial", x: "trial", y: "ratio", logY: true}
	for _, f := range factors {
		s := series{name: fmt.Sprintf("%.1f × the work", f)}
		for _, t := range a.Trials {
			if t.Factor == f {
				s.points = append(s.points, [2]float64{float64(len(s.points) + 1), t.All.Ratio})
			}
		}
		out.series, out.marks = append(out.series, s), append(out.marks, 1/f)
	}
	return out
}
