package compare

import (
	"fmt"
	"math"
	"strings"

	"github.com/p95lab/p95lab/grader/verdict"
)

// A chart's size and the room around its frame, in units of its own.
const (
	chartWidth, chartHeight                      = 720, 250
	chartLeft, chartRight, chartTop, chartBottom = 58, 96, 8, 26
)

// chart is a picture as the report's template draws it.
type chart struct {
	Width, Height       int
	Left, Right, Bottom float64 // of the frame
	Top                 float64
	Label               string // for who cannot see it
	X, Y                []tick
	Shapes              []shape
	Ends                []endLabel
}

// tick is a line across the frame with its label.
type tick struct {
	At   float64
	Text string
}

// shape is a path of a class that the style sheet knows.
type shape struct{ Class, Path string }

// endLabel names a line behind its end.
type endLabel struct {
	Y     float64
	Class string
	Text  string
}

func newChart(label string) chart {
	return chart{
		Width: chartWidth, Height: chartHeight, Label: label,
		Left: chartLeft, Right: chartWidth - chartRight, Top: chartTop, Bottom: chartHeight - chartBottom,
	}
}

// scale maps values to a place between from and to, by their logarithm if log.
type scale struct {
	low, high, from, to float64
	log                 bool
}

func (s scale) at(v float64) float64 {
	low, high := s.low, s.high
	if s.log {
		v, low, high = math.Log(max(v, s.low)), math.Log(low), math.Log(high)
	}
	if !(high > low) {
		return s.from
	}
	return s.from + (v-low)/(high-low)*(s.to-s.from)
}

// latencyScale is a logarithmic one from half a decade below all values to half
// a decade above, with its ticks.
func (c *chart) latencyScale(values []float64) scale {
	low, high := math.Inf(1), 0.0
	for _, v := range values {
		if v > 0 {
			low, high = min(low, v), max(high, v)
		}
	}
	if high == 0 {
		low, high = 1, 10
	}
	steps := halfDecades(low/4, high*4)
	s := scale{low: steps[0], high: steps[len(steps)-1], from: c.Bottom, to: c.Top, log: true}
	for _, v := range steps {
		if v <= low {
			s.low = v
		}
		if v >= high {
			s.high = v
			break
		}
	}
	for _, v := range halfDecades(s.low, s.high) {
		c.Y = append(c.Y, tick{s.at(v), millisTick(v)})
	}
	return s
}

// halfDecades are 1, 3, 10, 30, … within a range.
func halfDecades(low, high float64) (steps []float64) {
	const nearly = 1 + 1e-9
	for e := math.Floor(math.Log10(low)); e <= math.Ceil(math.Log10(high)); e++ {
		for _, m := range []float64{1, 3} {
			if v := m * math.Pow(10, e); v*nearly >= low && v <= high*nearly {
				steps = append(steps, v)
			}
		}
	}
	if len(steps) < 2 {
		return []float64{low, high}
	}
	return steps
}

func millisTick(v float64) string {
	if v >= 1000 {
		return fmt.Sprintf("%.3g s", v/1000)
	}
	return fmt.Sprintf("%.3g ms", v)
}

// path joins points; a closed one is an area.
func path(points [][2]float64, closed bool) string {
	var b strings.Builder
	for i, p := range points {
		letter := byte('L')
		if i == 0 {
			letter = 'M'
		}
		fmt.Fprintf(&b, "%c%.1f %.1f", letter, p[0], p[1])
	}
	if closed {
		b.WriteByte('Z')
	}
	return b.String()
}

// labelGap is the least room between two labels at the ends of lines.
const labelGap = 13

// label puts names behind the ends of lines, moved apart where they would
// overlap. They must be given from the top to the bottom.
func (c *chart) label(ends ...endLabel) {
	for i := range ends {
		if i > 0 {
			ends[i].Y = max(ends[i].Y, ends[i-1].Y+labelGap)
		}
	}
	c.Ends = ends
}

// timeChart draws latency over the run: after's P50, P95 and P99, before's P95
// dashed over its band from P50 to P99.
func timeChart(points []Point) chart {
	c := newChart("Latency of both sides over the run")
	if len(points) == 0 {
		return c
	}
	var all []float64
	for _, p := range points {
		all = append(all, p.P50[0], p.P99[0], p.P50[1], p.P99[1])
	}
	y := c.latencyScale(all)
	length := max(points[len(points)-1].At, 1)
	x := scale{low: 0, high: length, from: c.Left, to: c.Right}
	step := roundStep(length, 8)
	for i := 0; float64(i)*step <= length*(1+1e-9); i++ {
		v := float64(i) * step
		c.X = append(c.X, tick{x.at(v), fmt.Sprintf("%.3g s", v)})
	}
	line := func(of func(Point) float64) (out [][2]float64) {
		for _, p := range points {
			out = append(out, [2]float64{x.at(p.At), y.at(of(p))})
		}
		return out
	}
	band := line(func(p Point) float64 { return p.P50[0] })
	upper := line(func(p Point) float64 { return p.P99[0] })
	for i := len(upper) - 1; i >= 0; i-- {
		band = append(band, upper[i])
	}
	p50, p95, p99 := func(p Point) float64 { return p.P50[1] }, func(p Point) float64 { return p.P95[1] }, func(p Point) float64 { return p.P99[1] }
	before := func(p Point) float64 { return p.P95[0] }
	c.Shapes = []shape{
		{"before-band", path(band, true)},
		{"before", path(line(before), false)},
		{"p50", path(line(p50), false)}, {"p95", path(line(p95), false)}, {"p99", path(line(p99), false)},
	}
	last := points[len(points)-1]
	ends := []endLabel{{y.at(p99(last)), "p99", "after P99"}, {y.at(p95(last)), "p95", "after P95"}, {y.at(p50(last)), "p50", "after P50"}}
	c.label(insert(ends, endLabel{y.at(before(last)), "before", "before P95"})...)
	return c
}

// insert puts a label where its place is, from the top.
func insert(ends []endLabel, e endLabel) []endLabel {
	i := 0
	for i < len(ends) && ends[i].Y <= e.Y {
		i++
	}
	return append(ends[:i:i], append([]endLabel{e}, ends[i:]...)...)
}

// roundStep splits a span into at most so many parts by a round step.
func roundStep(span float64, most int) float64 {
	raw := span / float64(most)
	power := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= raw*(1-1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// shares are the ticks of a curve by share of requests.
var shares = []struct {
	share float64
	text  string
}{{0, "0"}, {0.5, "50 %"}, {0.9, "90 %"}, {0.95, "95 %"}, {0.99, "99 %"}, {0.999, "99.9 %"}, {0.9999, "99.99 %"}, {0.99999, "99.999 %"}}

// curveChart draws the latency that a share of the requests does not exceed; the
// last tenth, hundredth, thousandth have the same room each.
func curveChart(curves [2][]Step) chart {
	c := newChart("Latency of both sides by share of requests")
	if len(curves[0]) == 0 || len(curves[1]) == 0 {
		return c
	}
	nines := func(share float64) float64 { return -math.Log10(1 - share) }
	var all []float64
	most := 0.0
	for _, curve := range curves {
		for _, s := range curve {
			all = append(all, s.Latency)
			most = max(most, nines(s.Share))
		}
	}
	y := c.latencyScale(all)
	x := scale{low: 0, high: max(most, 1), from: c.Left, to: c.Right}
	for _, s := range shares {
		if nines(s.share) <= most {
			c.X = append(c.X, tick{x.at(nines(s.share)), s.text})
		}
	}
	var ends []endLabel
	for i, curve := range curves {
		var line [][2]float64
		for _, s := range curve {
			line = append(line, [2]float64{x.at(nines(s.Share)), y.at(s.Latency)})
		}
		class := [2]string{"before", "p95"}[i]
		c.Shapes = append(c.Shapes, shape{class, path(line, false)})
		ends = insert(ends, endLabel{line[len(line)-1][1], class, names[i]})
	}
	c.label(ends...)
	return c
}

// spreadChart draws how latencies are spread: bars for after, a dashed outline
// for before, as shares of their own requests.
func spreadChart(load *verdict.Summary) chart {
	c := newChart("How the latencies of both sides are spread")
	if load == nil || len(load.Before.Histogram) == 0 || len(load.After.Histogram) == 0 {
		return c
	}
	edges, before, after := trimmed(load.HistogramMS, load.Before.Histogram, load.After.Histogram)
	most := 0.0
	share := func(counts []int) []float64 {
		sum := 0
		for _, n := range counts {
			sum += n
		}
		out := make([]float64, len(counts))
		for i, n := range counts {
			out[i] = float64(n) / float64(max(1, sum))
			most = max(most, out[i])
		}
		return out
	}
	b, a := share(before), share(after)
	y := scale{low: 0, high: max(most, 0.001), from: c.Bottom, to: c.Top}
	step := (c.Right - c.Left) / float64(len(edges))
	tall := roundStep(y.high, 4)
	for i := 1; float64(i)*tall <= y.high; i++ {
		c.Y = append(c.Y, tick{y.at(float64(i) * tall), fmt.Sprintf("%.3g %%", 100*float64(i)*tall)})
	}
	// Buckets are log-spaced, and a bucket's upper edge is its right side.
	x := scale{low: edges[0], high: edges[len(edges)-1], from: c.Left + step, to: c.Right, log: true}
	free := c.Left
	for _, v := range halfDecades(edges[0], edges[len(edges)-1]) {
		if at := x.at(v); at-22 >= free {
			c.X = append(c.X, tick{at, millisTick(v)})
			free = at + 22
		}
	}
	var bars strings.Builder
	outline := [][2]float64{{c.Left, c.Bottom}}
	for i := range edges {
		left := c.Left + float64(i)*step
		if a[i] > 0 {
			fmt.Fprintf(&bars, "M%.1f %.1fV%.1fH%.1fV%.1fZ", left+0.5, c.Bottom, min(y.at(a[i]), c.Bottom-1), left+step-0.5, c.Bottom)
		}
		outline = append(outline, [2]float64{left, y.at(b[i])}, [2]float64{left + step, y.at(b[i])})
	}
	outline = append(outline, [2]float64{c.Right, c.Bottom})
	c.Shapes = []shape{{"bars", bars.String()}, {"before-band", path(outline, true)}, {"before", path(outline, false)}}
	c.label(endLabel{c.Top + 12, "before", "before"}, endLabel{c.Top + 26, "p95", "after"})
	return c
}

// trimmed cuts the empty ends off.
func trimmed(edges []float64, before, after []int) ([]float64, []int, []int) {
	from, to := len(edges), 0
	for i := range edges {
		if before[i]+after[i] > 0 {
			from, to = min(from, i), i+1
		}
	}
	from, to = max(0, from-1), min(len(edges), to+1)
	if from >= to {
		return edges, before, after
	}
	return edges[from:to], before[from:to], after[from:to]
}
