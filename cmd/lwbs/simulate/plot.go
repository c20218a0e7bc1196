package simulate

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// The size of a plot and the margins of its area, in pixels.
const (
	plotWidth, plotHeight               = 760.0, 220.0
	leftMargin, rightMargin             = 64.0, 28.0
	topMargin, bottomMargin             = 12.0, 28.0
	areaWidth, areaHeight               = plotWidth - leftMargin - rightMargin, plotHeight - topMargin - bottomMargin
	horizontalLabels, verticalMostLines = 6, 6
)

// A plot is a diagram over the time of a run, as SVG.
type plot struct {
	Title string
	Lines []line
	Ticks []tick // of the vertical axis
	Times []tick // of the horizontal one
}

// A line is one curve.
type line struct {
	Name  string
	Class string   // which has its colour
	Parts []string // the points of SVG polylines, with gaps between
}

// A tick is a label at a place along an axis.
type tick struct {
	At   float64
	Text string
}

// A series is the values of a curve, one for each slot; NaN for none.
type series struct {
	name, class string
	values      []float64
}

// newPlot draws curves over slots of a width. Logarithmic is for values above 0 of different magnitudes.
func newPlot(title string, width time.Duration, logarithmic bool, label func(float64) string, all ...series) plot {
	low, high := bounds(logarithmic, all)
	place := func(v float64) float64 {
		if logarithmic {
			return topMargin + areaHeight*(1-(math.Log10(v)-math.Log10(low))/(math.Log10(high)-math.Log10(low)))
		}
		return topMargin + areaHeight*(1-v/high)
	}
	p := plot{Title: title}
	slots := 1
	for _, s := range all {
		slots = max(slots, len(s.values))
	}
	across := func(slot float64) float64 { return leftMargin + areaWidth*slot/float64(slots) }
	for _, s := range all {
		l := line{Name: s.name, Class: s.class}
		var points []string
		for i, v := range s.values {
			if math.IsNaN(v) || logarithmic && v <= 0 {
				l.add(points)
				points = nil
				continue
			}
			points = append(points, fmt.Sprintf("%.1f,%.1f", across(float64(i)+0.5), place(v)))
		}
		l.add(points)
		p.Lines = append(p.Lines, l)
	}
	for _, v := range marks(logarithmic, low, high) {
		p.Ticks = append(p.Ticks, tick{place(v), label(v)})
	}
	step := math.Ceil(float64(slots) / horizontalLabels)
	for i := 0.0; i <= float64(slots); i += step {
		p.Times = append(p.Times, tick{across(i), (time.Duration(i) * width).String()})
	}
	return p
}

// add adds a part of the curve; one point alone is drawn as a short dash.
func (l *line) add(points []string) {
	switch len(points) {
	case 0:
	case 1:
		l.Parts = append(l.Parts, points[0]+" "+points[0])
	default:
		l.Parts = append(l.Parts, strings.Join(points, " "))
	}
}

// bounds are the ends of the vertical axis.
func bounds(logarithmic bool, all []series) (low, high float64) {
	low, high = math.Inf(1), 0
	for _, s := range all {
		for _, v := range s.values {
			if v > 0 { // which NaN is not
				low, high = min(low, v), max(high, v)
			}
		}
	}
	switch {
	case high == 0 && logarithmic:
		return 1, 10
	case high == 0:
		return 0, 1
	case !logarithmic:
		return 0, roundUp(high)
	}
	low, high = math.Pow(10, math.Floor(math.Log10(low))), math.Pow(10, math.Ceil(math.Log10(high)))
	if low == high {
		high *= 10
	}
	return low, high
}

// roundUp is the next of 1, 2, 5, 10, 20, 50 and so on.
func roundUp(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, n := range []float64{1, 2, 5} {
		if v <= n*power {
			return n * power
		}
	}
	return 10 * power
}

// marks are where the vertical axis has labels.
func marks(logarithmic bool, low, high float64) (all []float64) {
	if logarithmic {
		decades := math.Round(math.Log10(high / low))
		step := math.Ceil(decades / verticalMostLines)
		for d := 0.0; d <= decades; d += step {
			all = append(all, low*math.Pow(10, d))
		}
		return all
	}
	const parts = 4
	for i := range parts + 1 {
		all = append(all, high*float64(i)/parts)
	}
	return all
}
