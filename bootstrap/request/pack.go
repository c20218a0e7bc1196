package request

import (
	"slices"
	"strings"

	"lwbs/bootstrap/outcome"
	"lwbs/lwm2m"
	"lwbs/lwm2m/link"
	"lwbs/store"
)

// A Pack is what a client asked with GET /bspack (Core 1.2.2 §6.1.7.7).
type Pack struct {
	Endpoint lwm2m.EndpointName // empty when not given
	Format   lwm2m.Format       // Accept
	Own      *link.Discovery    // acc, the client's Bootstrap-Server Account; nil when not given
}

// packFormats can carry several Objects. The first is for a client that names none:
// every client of LwM2M 1.2 reads it.
var packFormats = []lwm2m.Format{lwm2m.FormatSenMLCBOR, lwm2m.FormatSenMLJSON, lwm2m.FormatLwM2MCBOR}

// ParsePack reads a Bootstrap-Pack-Request. What could be read is returned with
// the refusal too.
func ParsePack(queries []string, accept lwm2m.Format) (Pack, *outcome.Refusal) {
	req := Pack{Format: accept}
	if req.Format == 0 {
		req.Format = packFormats[0]
	}
	var refused *outcome.Refusal
	if req.Endpoint, refused = ParseEndpoint(queries); refused != nil {
		return req, refused
	}
	if acc := parameters(queries, "acc"); len(acc) > 0 { // one parameter for each link is no harm, though one has them all
		own := link.ParseDiscovery([]byte(strings.Join(acc, ",")))
		req.Own = &own
	}
	if !slices.Contains(packFormats, req.Format) {
		return req, &outcome.Refusal{
			Failure: *outcome.Failed(store.CauseFormatUnknown, "the client asks for a pack in %v, which cannot carry one", req.Format),
			Code:    lwm2m.CodeNotAcceptable, Reply: "format cannot carry a pack",
		}
	}
	return req, nil
}
