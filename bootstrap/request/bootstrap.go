package request

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"lwbs/bootstrap/outcome"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A Bootstrap is what a client asked with POST /bs (Core 1.1.1 §6.1.7.1).
type Bootstrap struct {
	Endpoint lwm2m.EndpointName // empty when not given
	Format   *lwm2m.Format      // pct; nil when not given
}

// The resources of a Bootstrap-Server, and the one of an LwM2M Server that clients
// register at.
const (
	PathBootstrap    = "bs"
	PathPack         = "bspack"
	PathRegistration = "rd"
)

// Resource is the last segment of a Uri-Path. What stands before it comes from the
// Bootstrap-Server URI that the client was made with, which Anjay keeps in front; one
// empty segment at the end is a trailing slash of the same origin.
func Resource(path []string) string {
	if n := len(path); n > 1 && path[n-1] == "" {
		path = path[:n-1]
	}
	if len(path) == 0 {
		return ""
	}
	return path[len(path)-1]
}

// preferable are the formats that a client may prefer (Core 1.2.2 §6.1.7.1, "pct").
var preferable = []lwm2m.Format{
	lwm2m.FormatTLV, lwm2m.FormatSenMLJSON, lwm2m.FormatSenMLCBOR, lwm2m.FormatLwM2MCBOR,
}

// ParseBootstrap reads the parameters of a Bootstrap-Request, in any order. Those that
// the specification does not have are ignored: some clients keep the query of their
// Bootstrap-Server URI. What could be read is returned with the refusal too.
func ParseBootstrap(queries []string) (Bootstrap, *outcome.Refusal) {
	var req Bootstrap
	var refused *outcome.Refusal
	if req.Endpoint, refused = ParseEndpoint(queries); refused != nil {
		return req, refused
	}
	pct := parameters(queries, "pct")
	if len(pct) > 1 {
		return req, outcome.BadRequest("pct repeated", "the request has %d pct parameters", len(pct))
	}
	if len(pct) == 1 {
		format, refused := parsePreferred(pct[0])
		if refused != nil {
			return req, refused
		}
		req.Format = &format
	}
	return req, nil
}

// parameters are the values of the query parameters of this name.
func parameters(queries []string, name string) (values []string) {
	for _, q := range queries {
		if n, value, _ := strings.Cut(q, "="); n == name {
			values = append(values, value)
		}
	}
	return values
}

// ParseEndpoint reads ep, of which there is one at most; the empty name where there is
// none.
func ParseEndpoint(queries []string) (lwm2m.EndpointName, *outcome.Refusal) {
	ep := parameters(queries, "ep")
	switch len(ep) {
	case 0:
		return "", nil
	case 1:
		name := lwm2m.EndpointName(ep[0])
		if err := name.Validate(); err != nil {
			return "", outcome.BadRequest("ep invalid", "%v: %s", err, outcome.Printable(ep[0], outcome.MaxIdentity))
		}
		return name, nil
	}
	return "", outcome.BadRequest("ep repeated", "the request has %d ep parameters", len(ep))
}

// parsePreferred reads the value of pct.
func parsePreferred(s string) (lwm2m.Format, *outcome.Refusal) {
	n, err := strconv.ParseUint(s, 10, 16)
	switch {
	case errors.Is(err, strconv.ErrRange):
	case err != nil:
		return 0, outcome.BadRequest("pct is not a number", "pct is %s, which is not a number", outcome.Printable(s, outcome.MaxIdentity))
	default:
		if f := lwm2m.FormatNumber(uint16(n)); slices.Contains(preferable, f) {
			return f, nil
		}
	}
	return 0, &outcome.Refusal{
		Failure: *outcome.Failed(store.CauseFormatUnknown, "the client prefers content format %s, in which nothing can be written", outcome.Printable(s, outcome.MaxIdentity)),
		Code:    lwm2m.CodeUnsupportedFormat, Reply: "pct unsupported",
	}
}
