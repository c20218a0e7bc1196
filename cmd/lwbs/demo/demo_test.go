package demo

import (
	"bytes"
	"context"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestDemo(t *testing.T) {
	defer goleak.VerifyNone(t)
	var out bytes.Buffer
	if err := demo(t.Context(), "test", &out); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, want := range []string{"POST   /bs    ep=urn:imei:490154203237518", "PUT    /0/1", "2.04 Changed", "registered at its LwM2M Server", "lwbs why"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the story lacks %q:\n%s", want, out.String())
		}
	}
	if key := regexp.MustCompile(`\b[0-9a-f]{32}\b`).FindString(out.String()); key != "" {
		t.Errorf("the story shows a key: %s", key)
	}
}

// A stopper ends what is under way as soon as a text is written.
type stopper struct {
	bytes.Buffer
	at   string
	stop func()
}

func (s *stopper) Write(b []byte) (int, error) {
	n, err := s.Buffer.Write(b)
	if strings.Contains(s.String(), s.at) {
		s.stop()
	}
	return n, err
}

// Each step is told as it is taken: who stops the demonstration there sees nothing of those
// behind it.
func TestDemoTellsWhatItDoes(t *testing.T) {
	for _, step := range []struct{ at, next string }{
		{"The server starts", "A record says"},
		{"A profile says", "A record says"},
		{"A record says", "The device is switched on"},
		{"device → DTLS handshake with its key", "device → POST"},
		{"device → DTLS handshake with the key that it was given", "device → POST   /rd"},
		{"What the device holds now", "The server keeps the history"},
	} {
		t.Run(step.at, func(t *testing.T) {
			defer goleak.VerifyNone(t)
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			out := &stopper{at: step.at, stop: stop}
			err := demo(ctx, "test", out)
			if err == nil || strings.Contains(out.String(), step.next) {
				t.Errorf("stopped at %q: error %v, told\n%s", step.at, err, out.String())
			}
		})
	}
}
