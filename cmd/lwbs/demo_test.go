package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestDemo(t *testing.T) {
	defer goleak.VerifyNone(t)
	var out bytes.Buffer
	if err := demo(t.Context(), &out); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, want := range []string{"POST /bs?ep=urn:imei:490154203237518", "PUT    /0/1", "2.04 Changed", "registered at its LwM2M Server", "lwbs why"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the story lacks %q:\n%s", want, out.String())
		}
	}
	if key := regexp.MustCompile(`\b[0-9a-f]{32}\b`).FindString(out.String()); key != "" {
		t.Errorf("the story shows a key: %s", key)
	}
}
