package request

import (
	"strings"
	"testing"

	"lwbs/lwm2m"
	"lwbs/store"
)

func TestParseBootstrap(t *testing.T) {
	tests := []struct {
		name     string
		queries  []string
		endpoint lwm2m.EndpointName
		format   lwm2m.Format // zero: none
		code     lwm2m.Code   // zero: accepted
		cause    store.Cause
	}{
		{"name only", []string{"ep=dev-1"}, "dev-1", 0, 0, ""},
		{"name and format", []string{"ep=dev-1", "pct=112"}, "dev-1", lwm2m.FormatSenMLCBOR, 0, ""},
		{"the other way round", []string{"pct=11542", "ep=dev-1"}, "dev-1", lwm2m.FormatTLV, 0, ""},
		{"unknown parameters", []string{"x=1", "ep=a=b", "lwm2m"}, "a=b", 0, 0, ""},
		{"no name", []string{"pct=110"}, "", lwm2m.FormatSenMLJSON, 0, ""},
		{"nothing", nil, "", 0, 0, ""},
		{"two names", []string{"ep=a", "ep=a"}, "", 0, lwm2m.CodeBadRequest, store.CauseBadRequest},
		{"empty name", []string{"ep="}, "", 0, lwm2m.CodeBadRequest, store.CauseBadRequest},
		{"name is no UTF-8", []string{"ep=a\xff"}, "", 0, lwm2m.CodeBadRequest, store.CauseBadRequest},
		{"name too long", []string{"ep=" + strings.Repeat("x", 300)}, "", 0, lwm2m.CodeBadRequest, store.CauseBadRequest},
		{"control sign in the name", []string{"ep=a\nb"}, "", 0, lwm2m.CodeBadRequest, store.CauseBadRequest},
		{"format is no number", []string{"ep=a", "pct=tlv"}, "a", 0, lwm2m.CodeBadRequest, store.CauseBadRequest},
		{"two formats", []string{"ep=a", "pct=110", "pct=112"}, "a", 0, lwm2m.CodeBadRequest, store.CauseBadRequest},
		{"format that nothing is written in", []string{"ep=a", "pct=0"}, "a", 0, lwm2m.CodeUnsupportedFormat, store.CauseFormatUnknown},
		{"format out of range", []string{"ep=a", "pct=70000"}, "a", 0, lwm2m.CodeUnsupportedFormat, store.CauseFormatUnknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req, refused := ParseBootstrap(tt.queries)
			if req.Endpoint != tt.endpoint {
				t.Errorf("endpoint %q, want %q", req.Endpoint, tt.endpoint)
			}
			if got := req.Format; (got == nil) != (tt.format == 0) || got != nil && *got != tt.format {
				t.Errorf("format %v, want %v", got, tt.format)
			}
			switch {
			case tt.code == 0 && refused != nil:
				t.Errorf("refused: %+v", refused)
			case tt.code != 0 && (refused == nil || refused.Code != tt.code || refused.Cause != tt.cause):
				t.Errorf("refusal %+v, want %v %s", refused, tt.code, tt.cause)
			}
		})
	}
}

func TestResource(t *testing.T) {
	for path, want := range map[string]string{"bs": "bs", "bs/": "bs", "tenantA/bs": "bs", "bspack": "bspack", "": "", "bs/x": "x"} {
		var segments []string
		if path != "" {
			segments = strings.Split(path, "/")
		}
		if got := Resource(segments); got != want {
			t.Errorf("%q asks for %q, want %q", path, got, want)
		}
	}
}
