package request

import (
	"slices"
	"testing"

	"lwbs/lwm2m"
)

func TestParsePack(t *testing.T) {
	tests := []struct {
		name     string
		queries  []string
		accept   lwm2m.Format
		endpoint lwm2m.EndpointName
		format   lwm2m.Format
		own      []lwm2m.InstanceID
		code     lwm2m.Code // zero: accepted
	}{
		{"name only", []string{"ep=dev-1"}, 0, "dev-1", lwm2m.FormatSenMLCBOR, nil, 0},
		{"SenML JSON", []string{"ep=dev-1"}, lwm2m.FormatSenMLJSON, "dev-1", lwm2m.FormatSenMLJSON, nil, 0},
		{"LwM2M CBOR", []string{"ep=dev-1"}, lwm2m.FormatLwM2MCBOR, "dev-1", lwm2m.FormatLwM2MCBOR, nil, 0},
		{"TLV has no place for Objects", []string{"ep=dev-1"}, lwm2m.FormatTLV, "dev-1", lwm2m.FormatTLV, nil, lwm2m.CodeNotAcceptable},
		{"account told", []string{"ep=dev-1", "acc=</0/2>"}, 0, "dev-1", lwm2m.FormatSenMLCBOR, []lwm2m.InstanceID{2}, 0},
		{"account with OSCORE", []string{"acc=</0/2>,</21/0>", "ep=dev-1"}, 0, "dev-1", lwm2m.FormatSenMLCBOR, []lwm2m.InstanceID{2}, 0},
		{"account in two parameters", []string{"acc=</0/2>", "acc=</21/0>"}, 0, "", lwm2m.FormatSenMLCBOR, []lwm2m.InstanceID{2}, 0},
		{"account that is none", []string{"acc=x"}, 0, "", lwm2m.FormatSenMLCBOR, []lwm2m.InstanceID{}, 0},
		{"pct means nothing here", []string{"ep=dev-1", "pct=0"}, 0, "dev-1", lwm2m.FormatSenMLCBOR, nil, 0},
		{"two names", []string{"ep=a", "ep=b"}, 0, "", lwm2m.FormatSenMLCBOR, nil, lwm2m.CodeBadRequest},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req, refused := ParsePack(tt.queries, tt.accept)
			if req.Endpoint != tt.endpoint || req.Format != tt.format {
				t.Errorf("endpoint %q in %v, want %q in %v", req.Endpoint, req.Format, tt.endpoint, tt.format)
			}
			if (req.Own == nil) != (tt.own == nil) || req.Own != nil && !slices.Equal(req.Own.BootstrapSecurity(), tt.own) {
				t.Errorf("own account %+v, want %v", req.Own, tt.own)
			}
			if (refused == nil) != (tt.code == 0) || refused != nil && refused.Code != tt.code {
				t.Errorf("refused: %+v, want %v", refused, tt.code)
			}
		})
	}
}
