package bootstrap

import (
	"fmt"

	"lwbs/lwm2m"
	"lwbs/store"
)

// A failure is why an attempt did not end well. Detail is for the operator: one
// line, never with a secret.
type failure struct {
	cause   store.Cause
	detail  string
	variant store.Variant // where the remedy depends on it
}

func failed(cause store.Cause, detail string, args ...any) *failure {
	return &failure{cause: cause, detail: fmt.Sprintf(detail, args...)}
}

// A refusal is the answer to a Bootstrap-Request that starts no session.
type refusal struct {
	failure
	code  lwm2m.Code
	reply string // to the client: short, and nothing that helps to guess
}

// response is the answer to the client, with a diagnostic payload (RFC 7252 §5.5.2).
func (r *refusal) response() Response {
	return Response{Code: r.code, Payload: []byte(r.reply)}
}

// badRequest refuses a request that breaks the specification.
func badRequest(reply, detail string, args ...any) *refusal {
	return &refusal{*failed(store.CauseBadRequest, detail, args...), lwm2m.CodeBadRequest, reply}
}

// unacceptable refuses a client that may not bootstrap. All reasons get the same
// answer, so that a stranger cannot find out which endpoint names exist: 4.00, as
// Core 1.1.1 §6.1.7.1 has it for an unknown name and for one that does not go with
// the identity.
func unacceptable(cause store.Cause, detail string, args ...any) *refusal {
	return &refusal{*failed(cause, detail, args...), lwm2m.CodeBadRequest, "endpoint not accepted"}
}

// unavailable asks the client to come back later.
func unavailable(cause store.Cause, detail string, args ...any) *refusal {
	return &refusal{*failed(cause, detail, args...), lwm2m.CodeServiceUnavailable, "try again later"}
}

// ownFault refuses for a reason that is not the client's.
func ownFault(f failure) *refusal {
	return &refusal{f, lwm2m.CodeInternalServerError, "server error"}
}
