package rows

import (
	"math"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/rows/wire"
)

// The fields of a session and of its operations. A number is never used for something else.
const (
	sessionID              wire.Number = 1
	sessionEndpoint        wire.Number = 2
	sessionClaimed         wire.Number = 3
	sessionKnown           wire.Number = 4
	sessionProof           wire.Number = 5
	sessionStarted         wire.Number = 6
	sessionEnded           wire.Number = 7
	sessionRemote          wire.Number = 8
	sessionTransport       wire.Number = 9
	sessionIdentity        wire.Number = 10
	sessionGroup           wire.Number = 11
	sessionEnrolled        wire.Number = 12
	sessionProfile         wire.Number = 13
	sessionProfileRevision wire.Number = 14
	sessionDeviceRevision  wire.Number = 15
	sessionPreferredFormat wire.Number = 16
	sessionFormat          wire.Number = 17
	sessionStage           wire.Number = 18
	sessionPending         wire.Number = 19
	sessionCause           wire.Number = 20
	sessionDetail          wire.Number = 21
	sessionVariant         wire.Number = 22
	sessionAttempts        wire.Number = 23
	sessionNetwork         wire.Number = 24
	sessionOperation       wire.Number = 25
	sessionLinks           wire.Number = 26
	sessionQuirk           wire.Number = 27
	sessionNote            wire.Number = 28

	operationOp            wire.Number = 1
	operationPath          wire.Number = 2
	operationFormat        wire.Number = 3
	operationBytes         wire.Number = 4
	operationCode          wire.Number = 5
	operationError         wire.Number = 6
	operationDiagnostic    wire.Number = 7
	operationTook          wire.Number = 8
	operationTransmissions wire.Number = 9
	operationTolerated     wire.Number = 10
	operationRepeated      wire.Number = 11
)

// EncodeSession returns the stored bytes of a session. Its error wraps ErrInvalid.
func EncodeSession(s store.Session) ([]byte, error) {
	w := wire.NewWriter(wire.Session, 256+len(s.Links)+48*len(s.Operations))
	w.Text(sessionID, s.ID)
	w.Text(sessionEndpoint, string(s.Endpoint))
	w.Text(sessionClaimed, string(s.Claimed))
	w.True(sessionKnown, s.Known)
	w.Text(sessionProof, string(s.Proof))
	w.Time(sessionStarted, s.Started)
	w.Time(sessionEnded, s.Ended)
	w.Text(sessionRemote, s.Remote)
	w.Text(sessionTransport, s.Transport)
	w.Text(sessionIdentity, s.Identity)
	w.Text(sessionGroup, s.Group)
	w.True(sessionEnrolled, s.Enrolled)
	w.Text(sessionProfile, s.Profile)
	w.Uint(sessionProfileRevision, uint64(s.ProfileRevision))
	w.Uint(sessionDeviceRevision, uint64(s.DeviceRevision))
	if s.PreferredFormat != nil {
		w.PresentFormat(sessionPreferredFormat, *s.PreferredFormat)
	}
	w.Format(sessionFormat, s.Format)
	w.Text(sessionStage, string(s.Stage))
	w.Text(sessionPending, s.Pending)
	w.Text(sessionCause, string(s.Cause))
	w.Text(sessionDetail, s.Detail)
	w.Text(sessionVariant, string(s.Variant))
	w.Uint(sessionAttempts, uint64(s.Attempts))
	w.Text(sessionNetwork, s.Network)
	for i := range s.Operations {
		writeOperation(&w, &s.Operations[i])
	}
	w.Text(sessionLinks, s.Links)
	for _, quirk := range s.Quirks {
		w.Element(sessionQuirk, quirk)
	}
	for _, note := range s.Notes {
		w.Element(sessionNote, note)
	}
	return w.Record()
}

func writeOperation(w *wire.Writer, o *store.Operation) {
	m := w.Begin(sessionOperation)
	w.Text(operationOp, string(o.Op))
	w.Path(operationPath, o.Path)
	w.Format(operationFormat, o.Format)
	w.Uint(operationBytes, uint64(o.Bytes))
	w.Uint(operationCode, uint64(o.Code))
	w.Text(operationError, o.Error)
	w.Text(operationDiagnostic, o.Diagnostic)
	w.Uint(operationTook, uint64(o.Took))
	w.Uint(operationTransmissions, uint64(o.Transmissions))
	w.True(operationTolerated, o.Tolerated)
	w.Uint(operationRepeated, uint64(o.Repeated))
	w.End(m)
}

// DecodeSession reads what EncodeSession wrote, and rows of the first schema. Its error wraps ErrCorrupt or
// ErrNewer.
func DecodeSession(b []byte) (s store.Session, err error) {
	if isJSON(b) {
		_, err = decodeRow(b, &s)
		return s, err
	}
	r, err := wire.Open(b, wire.Session)
	if err != nil {
		return s, err
	}
	for r.Next() {
		readSessionField(&r, &s)
	}
	if err := r.Err(); err != nil {
		return store.Session{}, err
	}
	return s, nil
}

// readSessionField reads the next field of s.
func readSessionField(r *wire.Reader, s *store.Session) {
	switch r.Number() {
	case sessionID:
		s.ID = r.Text()
	case sessionEndpoint:
		s.Endpoint = lwm2m.EndpointName(r.Text())
	case sessionClaimed:
		s.Claimed = lwm2m.EndpointName(r.Text())
	case sessionKnown:
		s.Known = r.True()
	case sessionProof:
		s.Proof = store.Proof(r.Text())
	case sessionStarted:
		s.Started = r.Time()
	case sessionEnded:
		s.Ended = r.Time()
	case sessionRemote:
		s.Remote = r.Text()
	case sessionTransport:
		s.Transport = r.Text()
	case sessionIdentity:
		s.Identity = r.Text()
	case sessionGroup:
		s.Group = r.Text()
	case sessionEnrolled:
		s.Enrolled = r.True()
	case sessionProfile:
		s.Profile = r.Text()
	case sessionProfileRevision:
		s.ProfileRevision = store.Revision(r.Uint(math.MaxUint64))
	case sessionDeviceRevision:
		s.DeviceRevision = store.Revision(r.Uint(math.MaxUint64))
	case sessionPreferredFormat:
		s.PreferredFormat = new(r.Format())
	case sessionFormat:
		s.Format = r.Format()
	case sessionStage:
		s.Stage = store.Stage(r.Text())
	case sessionPending:
		s.Pending = r.Text()
	case sessionCause:
		s.Cause = cause(r)
	case sessionDetail:
		s.Detail = r.Text()
	case sessionVariant:
		s.Variant = store.Variant(r.Text())
	case sessionAttempts:
		s.Attempts = r.Int()
	case sessionNetwork:
		s.Network = r.Text()
	case sessionOperation:
		if s.Operations == nil {
			s.Operations = make([]store.Operation, 0, r.Alike())
		}
		s.Operations = append(s.Operations, operation(r.Nested()))
	case sessionLinks:
		s.Links = r.Text()
	case sessionQuirk:
		s.Quirks = append(s.Quirks, r.Text())
	case sessionNote:
		s.Notes = append(s.Notes, r.Text())
	}
}

// cause reads a cause, also under a former name.
func cause(r *wire.Reader) (c store.Cause) {
	r.Fail(c.UnmarshalText(r.Bytes()))
	return c
}

func operation(in wire.Reader) (o store.Operation) {
	for in.Next() {
		switch in.Number() {
		case operationOp:
			o.Op = lwm2m.Op(in.Text())
		case operationPath:
			o.Path = in.Path()
		case operationFormat:
			o.Format = in.Format()
		case operationBytes:
			o.Bytes = in.Int()
		case operationCode:
			o.Code = lwm2m.Code(in.Uint(math.MaxUint8))
		case operationError:
			o.Error = in.Text()
		case operationDiagnostic:
			o.Diagnostic = in.Text()
		case operationTook:
			o.Took = time.Duration(in.Uint(math.MaxUint64))
		case operationTransmissions:
			o.Transmissions = in.Int()
		case operationTolerated:
			o.Tolerated = in.True()
		case operationRepeated:
			o.Repeated = in.Int()
		}
	}
	return o
}
