package ladder

import (
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
)

var update = flag.Bool("update", false, "write the golden files")

var began = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

func path(text string) lwm2m.Path {
	var p lwm2m.Path
	if err := p.UnmarshalText([]byte(text)); err != nil {
		panic(err)
	}
	return p
}

// session is one whose device answered all of ops, with the last of them as its end.
func session(cause store.Cause, stage store.Stage, ops ...store.Operation) store.Session {
	return store.Session{
		ID: "1", Endpoint: "urn:imei:490154203237518", Identity: "urn:imei:490154203237518", Transport: store.TransportDTLS, Stage: stage,
		Started: began, Ended: began.Add(412 * time.Millisecond), Cause: cause, Operations: ops,
	}
}

var (
	discover = store.Operation{Op: lwm2m.OpDiscover, Path: path("/"), Bytes: 42, Code: lwm2m.CodeContent, Took: 38 * time.Millisecond, Transmissions: 1}
	write    = store.Operation{Op: lwm2m.OpWrite, Path: path("/0/1"), Format: lwm2m.FormatTLV, Bytes: 96, Code: lwm2m.CodeChanged, Took: 120 * time.Millisecond, Transmissions: 2}
	refused  = store.Operation{Op: lwm2m.OpWrite, Path: path("/1/0"), Format: lwm2m.FormatTLV, Bytes: 20, Code: lwm2m.CodeBadRequest, Took: 31 * time.Millisecond, Transmissions: 1, Diagnostic: "lifetime <too> long & wrong"}
	finish   = store.Operation{Op: lwm2m.OpFinish, Code: lwm2m.CodeChanged, Took: 20 * time.Millisecond, Transmissions: 1}
)

func TestLadderOfSessions(t *testing.T) {
	tolerated := refused
	tolerated.Tolerated = true
	silent := store.Operation{Op: lwm2m.OpWrite, Path: path("/0/1"), Format: lwm2m.FormatSenMLCBOR, Bytes: 96, Error: "no answer within 93 s", Took: 93 * time.Second, Transmissions: 5}
	parked := session("", store.StageParked, func() store.Operation { o := discover; o.Repeated = 12; return o }())
	parked.Ended = time.Time{}
	for name, s := range map[string]store.Session{
		"done":      session(store.CauseDone, store.StageDone, discover, write, finish),
		"refused":   session(store.CauseRefused, store.StageWrite, discover, write, refused),
		"tolerated": session(store.CauseDone, store.StageDone, discover, tolerated, finish),
		"silent":    session(store.CauseSilent, store.StageWrite, discover, silent),
		"handshake": session(store.CauseKeyDiffers, store.StageHandshake),
		"parked":    parked,
	} {
		t.Run(name, func(t *testing.T) {
			got := string(Draw(s))
			wellFormed(t, got)
			got = strings.ReplaceAll(got, "><", ">\n<") + "\n"
			file := filepath.Join("testdata", name+".svg")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s differs (-update writes it):\n%s", file, got)
			}
		})
	}
}

// What a device sends is text, however it is written, and cannot make the drawing large.
func TestLadderOfAnAttacker(t *testing.T) {
	for _, text := range []string{`"><script>alert(1)</script>`, `</text></svg><img src=x onerror=alert(1)>`, "\x00\x1b[31m\xff\u202e", strings.Repeat("&<>\"'", 200)} {
		o := refused
		o.Diagnostic, o.Error = text, text
		s := session(store.Cause(text), store.Stage(text), o, store.Operation{Op: lwm2m.Op(text), Error: text})
		s.Endpoint, s.Claimed, s.Identity = lwm2m.EndpointName(text), lwm2m.EndpointName(text), text
		drawn := string(Draw(s))
		wellFormed(t, drawn)
		if strings.Contains(drawn, "<script") || strings.Contains(drawn, "<img") || len(drawn) > 8<<10 {
			t.Errorf("%d bytes: %s", len(drawn), drawn)
		}
	}
}

// A session of very many operations is drawn with its first and its last.
func TestLadderOfManyOperations(t *testing.T) {
	var ops []store.Operation
	for range 5000 {
		ops = append(ops, write)
	}
	drawn := string(Draw(session(store.CauseRefused, store.StageWrite, append(ops, refused)...)))
	wellFormed(t, drawn)
	if !strings.Contains(drawn, "4881 more operations") || !strings.Contains(drawn, "lifetime &lt;too&gt;") || len(drawn) > 128<<10 {
		t.Errorf("%d bytes", len(drawn))
	}
}

func TestTookOnALadder(t *testing.T) {
	for took_, want := range map[time.Duration]string{
		0: "", 300 * time.Microsecond: "<1 ms", 38 * time.Millisecond: "38 ms", 9999 * time.Millisecond: "9999 ms", 93 * time.Second: "93 s", 2 * time.Hour: "2h0m0s",
	} {
		if got := took(took_); got != want {
			t.Errorf("%v is %q, want %q", took_, got, want)
		}
	}
}

// wellFormed reports what is wrong with a drawing as XML.
func wellFormed(t *testing.T, drawn string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(drawn))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("%v in %s", err, drawn)
		}
	}
}
