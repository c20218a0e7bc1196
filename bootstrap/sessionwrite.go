package bootstrap

import (
	"context"
	"fmt"
	"slices"

	"lwbs/bootstrap/outcome"
	"lwbs/bootstrap/plan"
	"lwbs/lwm2m"
	"lwbs/lwm2m/content"
	"lwbs/store"
)

// A planned is an operation of the plan that is still to be carried out.
type planned struct {
	plan.Operation

	// instead is why the Write failed that this one is the first part of; nil for all others.
	// A failure of this one is reported as that.
	instead *outcome.Failure
}

// plannedOf are operations that stand for themselves.
func plannedOf(operations []plan.Operation) []planned {
	out := make([]planned, len(operations))
	for i, o := range operations {
		out[i].Operation = o
	}
	return out
}

// write writes, in another format where the client dislikes the first, and in smaller
// parts where that does not help. A write that is refused ends the session without
// Finish: the client must not believe itself complete.
func (s *session) write(ctx context.Context, o planned) *outcome.Failure {
	s.setStage(store.StageWrite)
	refused := o.instead
	var understood lwm2m.Format // the first that was not refused as a format
	var answered lwm2m.Code     // the answer to it
	for {
		payload, err := content.Encode(s.format, o.Path, o.Objects)
		switch {
		case err != nil:
			return outcome.Failed(store.CauseInternal, "encode %v as %v: %v", o.Path, s.format, err)
		case s.tooLarge(payload) && s.divide(o, nil):
			return nil
		}
		if refused != nil { // before the first try the caller has asked
			if f := s.permitted(ctx); f != nil {
				return f
			}
		}
		answer, f := s.do(ctx, step{op: o.Op, path: o.Path, format: s.format, payload: payload})
		if f == nil && answer.Code.Success() || f != nil && f.Cause != store.CauseReset && f.Cause != store.CauseInternal {
			s.wrote(o, f != nil)
		}
		switch {
		case f != nil:
			return f
		case answer.Code == lwm2m.CodeCreated:
			s.addQuirks("answers Bootstrap-Write with 2.01 in place of 2.04")
			fallthrough
		case answer.Code == lwm2m.CodeChanged:
			s.written = true
			return nil
		}
		if understood == 0 && answer.Code != lwm2m.CodeUnsupportedFormat {
			understood, answered = s.format, answer.Code
		}
		if refused == nil { // later answers may be about another format
			refused = s.refused()
		}
		switch {
		case s.fallBack(answer.Code):
		case divisible(answered) && s.divide(o, refused):
			s.tolerate()
			s.addQuirks(fmt.Sprintf("refuses a Write of the whole of %v with %s", o.Path, answered.Dotted()))
			s.useFormat(understood)
			return nil
		default:
			return refused
		}
	}
}

// encodable returns why the Writes of the plan cannot be encoded. It is called before the first
// operation is sent, so that a failure leaves the client as it was. Formats that cannot carry the
// plan are left out, unless the profile prescribes one.
func (s *session) encodable() *outcome.Failure {
	formats, first := plan.Encodable(s.operations, append([]lwm2m.Format{s.format}, s.untried...))
	if len(formats) == 0 {
		return outcome.Failed(store.CausePlanInvalid, "%v", first)
	}
	if formats[0] != s.format {
		s.addNotes(fmt.Sprintf("%v: written in %v", first, formats[0]))
		s.intended = formats[0]
		s.useFormat(formats[0])
	}
	s.untried = formats[1:]
	return nil
}

// wrote notes that the client has what o writes, or may have it where that is unconfirmed.
func (s *session) wrote(o planned, unconfirmed bool) {
	for _, p := range plan.Instances(o.Objects) {
		w, known := s.writes[p]
		if !known || slices.ContainsFunc(s.changes.Written, func(has store.WrittenInstance) bool { return has.Path == p }) {
			continue
		}
		w.Unconfirmed = unconfirmed
		s.changes.Written = append(s.changes.Written, w)
	}
}

// tooLarge reports whether a payload is more than the profile says the device can hold.
func (s *session) tooLarge(payload []byte) bool {
	limit := s.given.Profile.Device.MaxPayload
	return limit > 0 && len(payload) > limit
}

// divisible reports whether a Write that was answered like this may go through in parts:
// it was too large, or one Resource in it is at fault, which then is known.
func divisible(code lwm2m.Code) bool {
	return code == lwm2m.CodeRequestTooLarge || code == lwm2m.CodeBadRequest
}

// divide puts the parts of a Write at the head of the plan, and reports whether it has any. A
// failure of the first part is reported as why, the failure of the whole.
func (s *session) divide(o planned, why *outcome.Failure) bool {
	parts := plannedOf(o.Parts())
	if len(parts) == 0 {
		return false
	}
	parts[0].instead = why
	s.left = append(parts, s.left...)
	return true
}

// fallBack turns to another format where the answer to a write may be about the
// format, and reports whether it did. Some clients have no 4.15: old Wakaama says
// 4.00, 4.06 or 5.00, and Zephyr 5.00.
func (s *session) fallBack(code lwm2m.Code) bool {
	unclear := code == lwm2m.CodeBadRequest || code == lwm2m.CodeNotAcceptable || code == lwm2m.CodeInternalServerError
	if code != lwm2m.CodeUnsupportedFormat && (!unclear || s.written) {
		return false
	}
	formats, _ := plan.Encodable(s.operations, s.untried)
	if len(formats) == 0 {
		return false
	}
	s.tolerate()
	s.useFormat(formats[0])
	s.untried = formats[1:]
	return true
}

// useFormat sets the format of the Writes that follow.
func (s *session) useFormat(f lwm2m.Format) {
	s.format = f
	s.update(func(r *store.Session) { r.Format = f })
}
