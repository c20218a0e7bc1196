package metrics

import (
	"maps"
	"slices"
)

// A Transport is what one listener counted since it was opened, and what it holds now.
type Transport struct {
	Received, Sent, Retransmitted uint64            // datagrams
	Withheld                      uint64            // datagrams that were not sent, lest they amplify a forged request
	Duplicates                    uint64            // datagrams that had come before
	Dropped                       map[string]uint64 // datagrams, by reason
	Associations                  int               // now
	HalfOpen                      int               // handshakes under way now
}

// Transport adds the figures of one listener, under its transport (coap, coaps) and its
// name such as "coaps-1". Read is called at each scrape. Each name may be added once.
func (m *Metrics) Transport(transport, name string, read func() Transport) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.listeners = append(m.listeners, listener{transport: transport, name: name, read: read})
}

// A listener is one whose figures are read at each scrape.
type listener struct {
	transport, name string
	read            func() Transport
	figures         Transport
}

// listeners are all of them, of which each metric has a series or several.
type listeners []listener

func (all listeners) write(w *writer) {
	if len(all) == 0 {
		return
	}
	for i := range all {
		all[i].figures = all[i].read()
	}
	w.family("lwbs_datagrams_total", counterKind, "Datagrams of a listener, by direction (in, out).")
	for _, l := range all {
		w.sample("lwbs_datagrams_total", float64(l.figures.Received), append([]label{{"direction", "in"}}, l.labels()...)...)
		w.sample("lwbs_datagrams_total", float64(l.figures.Sent), append([]label{{"direction", "out"}}, l.labels()...)...)
	}
	for _, row := range []struct {
		name, kind, help string
		of               func(Transport) float64
	}{
		{"lwbs_retransmissions_total", counterKind, "Confirmable messages that were sent again.", func(t Transport) float64 { return float64(t.Retransmitted) }},
		{"lwbs_datagrams_withheld_total", counterKind, "Datagrams that were not sent, as the address of their peer may be forged.", func(t Transport) float64 { return float64(t.Withheld) }},
		{"lwbs_datagrams_duplicate_total", counterKind, "Requests and responses that had come before.", func(t Transport) float64 { return float64(t.Duplicates) }},
		{"lwbs_associations", gaugeKind, "Associations with peers.", func(t Transport) float64 { return float64(t.Associations) }},
		{"lwbs_handshakes_half_open", gaugeKind, "DTLS handshakes under way.", func(t Transport) float64 { return float64(t.HalfOpen) }},
	} {
		w.family(row.name, row.kind, row.help)
		for _, l := range all {
			w.sample(row.name, row.of(l.figures), l.labels()...)
		}
	}
	all.writeDropped(w)
}

func (all listeners) writeDropped(w *writer) {
	const name = "lwbs_datagrams_dropped_total"
	w.family(name, counterKind, "Datagrams that were not attended to, by reason.")
	for _, l := range all {
		for _, reason := range slices.Sorted(maps.Keys(l.figures.Dropped)) {
			w.sample(name, float64(l.figures.Dropped[reason]), label{"listener", l.name}, label{"reason", reason}, label{"transport", l.transport})
		}
	}
}

func (l listener) labels() []label {
	return []label{{"listener", l.name}, {"transport", l.transport}}
}
