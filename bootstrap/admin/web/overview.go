package web

import (
	"html/template"
	"time"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/web/chart"
	"lwbs/bootstrap/admin/web/glance"
	"lwbs/bootstrap/admin/why"
)

type failures = why.Failures

// patience is how long a page waits, in all, for what is computed in the background.
const patience = 25 * time.Millisecond

// An overview is the whole fleet and the server at a glance.
type overview struct {
	Status   admin.Status
	Counters []counter
	Counted  time.Time // when the devices were counted; zero while they are counted for the first time
	Rotating int
	Expiring int // certificates of devices that expire soon, or have expired
	Behind   []admin.Behind

	Day      glance.Day
	DayAt    time.Time
	Drawn    template.HTML
	Most     int                // attempts in an hour
	Sums     map[string]int     // of the day, by what became of them
	Causes   []why.FailureCause // the first ones
	More     int                // further causes
	MostOf   int                // devices and peers of one cause
	Records  int
	CausesAt time.Time
	Uptime   string

	Certificates []expiring
	Problems     []string // of the server, one sentence each
}

// A counter is how many devices are in a state, with the filter that lists them.
type counter struct {
	State   admin.DeviceState
	Sign    string
	Word    string
	Devices int
}

// An expiring is a certificate of the server.
type expiring struct {
	admin.CertificateStatus
	Soon bool
}

// counterWords tell what a state means.
var counterWords = map[admin.DeviceState]string{
	admin.DeviceDone: "bootstrapped", admin.DeviceDue: "due: something else is to be given", admin.DeviceFailed: "failed in the last attempt",
	admin.DeviceRunning: "running now", admin.DeviceNever: "never seen here", admin.DeviceDisabled: "disabled",
}

// maxCauses is how many causes the overview shows.
const maxCauses = 6

func (p *Pages) overview(r *request) error {
	status, err := p.API.Status(r.Context())
	if err != nil {
		return err
	}
	o := overview{Status: status, Problems: serverProblems(status)}
	if status.Server {
		o.Uptime = span(time.Since(status.Started))
	}
	p.day.Get(r.Context(), 0) // so that all are computed at the same time
	p.failures.Get(r.Context(), 0)
	until := time.Now().Add(patience)
	fleet := p.fleet.Get(r.Context(), time.Until(until))
	o.Counted, o.Rotating, o.Expiring, o.Behind = fleet.At, fleet.Of.Rotating, fleet.Of.Expired+fleet.Of.Expiring, fleet.Of.Behind
	for _, s := range admin.DeviceStates() {
		o.Counters = append(o.Counters, counter{s, stateSigns[s], counterWords[s], fleet.Of.States[s]})
	}
	day := p.day.Get(r.Context(), time.Until(until))
	o.Day, o.DayAt = day.Of, day.At
	o.drawDay()
	failed := p.failures.Get(r.Context(), time.Until(until))
	o.Records, o.CausesAt = failed.Of.Records, failed.At
	o.Causes = failed.Of.Causes[:min(len(failed.Of.Causes), maxCauses)]
	o.More = len(failed.Of.Causes) - len(o.Causes)
	for _, c := range o.Causes {
		o.MostOf = max(o.MostOf, c.Devices+c.Unproved+c.Unknown)
	}
	for _, c := range status.Certificates {
		o.Certificates = append(o.Certificates, expiring{c, time.Until(c.Expires) < admin.ExpiresSoon})
	}
	for _, v := range []error{fleet.Err, day.Err, failed.Err} {
		if v != nil && r.Context().Err() == nil {
			o.Problems = append(o.Problems, "Some of what is below could not be read anew: "+v.Error())
		}
	}
	return r.show("overview", view{Title: "Overview", Nav: "overview", Command: "lwbs status", Body: o, Renew: "session-ended session-parked session-approved", Refresh: 60})
}

// daySeries are the parts of the bars of a day, from the bottom up.
var daySeries = []chart.Series{{Name: "bootstrapped", Class: "done"}, {Name: "refused, of no known device", Class: "never"}, {Name: "failed", Class: "failed"}}

// drawDay draws the attempts of the day.
func (o *overview) drawDay() {
	o.Sums = make(map[string]int)
	var bars []chart.Bar
	for _, h := range o.Day.Hours {
		bars = append(bars, chart.Bar{
			Label:  h.Start.UTC().Format("15:04") + " to " + h.Start.UTC().Add(time.Hour).Format("15:04 UTC"),
			Values: []int{h.Done, h.Refused, h.Failed},
		})
		o.Sums["done"] += h.Done
		o.Sums["refused"] += h.Refused
		o.Sums["failed"] += h.Failed
	}
	o.Most = chart.Most(bars)
	if len(bars) > 0 {
		o.Drawn = chart.Stacked("Attempts of the last 24 hours by the hour; the table below has the numbers.", daySeries, bars)
	}
}

// serverProblems are what is wrong with the server itself.
func serverProblems(s admin.Status) (all []string) {
	if !s.Server {
		all = append(all, "No server is running with this database.")
	}
	if s.Draining {
		all = append(all, "The server is about to stop, and refuses new sessions.")
	}
	if s.WriteWait > 0 {
		all = append(all, "The database has waited for the disk for "+span(time.Duration(s.WriteWait)*time.Second)+".")
	}
	if s.LogBlocked {
		all = append(all, "The log of the server is not read by its receiver: records are dropped.")
	}
	for _, o := range s.Outbox {
		if o.Dead > 0 {
			all = append(all, counted(int(o.Dead), "message", "messages")+" could not be delivered to "+o.Receiver+": lwbs outbox list shows them.")
		}
	}
	return all
}
