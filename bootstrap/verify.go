package bootstrap

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"lwbs/bootstrap/outcome"
	"lwbs/bootstrap/plan"
	"lwbs/lwm2m"
	"lwbs/lwm2m/content"
	"lwbs/lwm2m/link"
	"lwbs/lwm2m/object"
	"lwbs/store"
	"lwbs/store/grammar"
)

// verify looks back before Finish, where the profile asks for it: clients answer 2.04
// to a Write and drop what they do not know. Security is never readable, so that only
// Bootstrap-Discover tells of its Instances; Server and Access Control are read (Core
// 1.1.1 §6.1.7.4). A client that will not be read is none the worse for it.
func (s *session) verify(ctx context.Context) (state, *outcome.Failure) {
	s.setStage(store.StageVerify)
	differences, f := s.discoverAgain(ctx)
	if f != nil {
		return nil, f
	}
	for _, o := range []lwm2m.ObjectID{lwm2m.ObjectServer, lwm2m.ObjectAccessControl} {
		more, f := s.readBack(ctx, o)
		if f != nil {
			return nil, f
		}
		differences = append(differences, more...)
	}
	if len(differences) > 0 && s.given.Profile.Verify == grammar.VerifyFail {
		return nil, outcome.Failed(store.CauseVerifyFailed, "it %s", outcome.Printable(strings.Join(differences, "; it "), outcome.MaxError))
	}
	s.addQuirks(differences...)
	return (*session).queueOut, nil
}

// look asks what a client need not answer; it returns nothing where the client does not.
func (s *session) look(ctx context.Context, st step) (*Response, *outcome.Failure) {
	answer, f := s.do(ctx, st)
	switch {
	case f != nil && f.Cause == store.CauseAnswerTooLarge:
		s.addQuirks(f.Detail)
		s.tolerate()
		return nil, nil
	case f != nil && f.Cause != store.CauseReset:
		return nil, f
	case f != nil || answer.Code != lwm2m.CodeContent:
		s.tolerate()
		return nil, nil
	}
	return &answer, nil
}

// discoverAgain returns in what the client differs from the plan by its own account;
// nothing where it refused to tell already before.
func (s *session) discoverAgain(ctx context.Context) ([]string, *outcome.Failure) {
	if s.found == nil {
		return nil, nil
	}
	answer, f := s.look(ctx, step{op: lwm2m.OpDiscover})
	if answer == nil {
		return nil, f
	}
	now := link.ParseDiscovery(answer.Payload)
	if plan.ClearsAccounts(s.given.Profile) {
		s.addQuirks(leftovers(s.content, now)...)
	}
	return discoveredDifferences(s.content, *s.found, now), nil
}

// discoveredDifferences compares what was written with what a client says it has now;
// before is what it had.
func discoveredDifferences(given []lwm2m.Object, before, now link.Discovery) (out []string) {
	for _, p := range plan.Instances(given) {
		if !slices.ContainsFunc(now.Instances, func(in link.DiscoveredInstance) bool { return in.Path == p }) {
			out = append(out, fmt.Sprintf("does not have %v, which it accepted", p))
		}
	}
	for _, own := range before.BootstrapSecurity() {
		if !slices.Contains(now.BootstrapSecurity(), own) && len(before.BootstrapSecurity()) == 1 {
			out = append(out, fmt.Sprintf("does not have its Bootstrap-Server Account /0/%d any more", own))
		}
	}
	return out
}

// leftovers are the accounts that a client has apart from those it was given.
func leftovers(given []lwm2m.Object, now link.Discovery) (out []string) {
	written := plan.Instances(given)
	for _, in := range now.Instances {
		if in.Path.Object() <= lwm2m.ObjectServer && in.ShortServerID != 0 && !slices.Contains(written, in.Path) {
			out = append(out, fmt.Sprintf("keeps %v of server %d, which was to go", in.Path, in.ShortServerID))
		}
	}
	return out
}

// readBack reads an Object of which something was written, and returns the differences.
func (s *session) readBack(ctx context.Context, o lwm2m.ObjectID) ([]string, *outcome.Failure) {
	i := slices.IndexFunc(s.content, func(object lwm2m.Object) bool { return object.ID == o })
	if i < 0 {
		return nil, nil
	}
	path := lwm2m.ObjectPath(o)
	answer, f := s.look(ctx, step{op: lwm2m.OpRead, path: path, format: s.format})
	if answer == nil {
		return nil, f
	}
	format := answer.ContentFormat
	if format == 0 {
		format = s.format
	}
	read, err := content.Decode(format, path, answer.Payload)
	if err != nil {
		s.addQuirks(fmt.Sprintf("answers a Read of %v with what is not %v", path, format))
		return nil, nil
	}
	if o == lwm2m.ObjectServer {
		s.addNotes(serverHistory(read[0].Instances)...)
	}
	return readDifferences(format, s.content[i], read[0].Instances), nil
}

// serverHistory is what a client keeps of its LwM2M Servers: Last Bootstrapped, and the
// last alert of TLS, which tells why a registration failed.
func serverHistory(servers []lwm2m.Instance) (out []string) {
	for _, in := range servers {
		who := fmt.Sprintf("/1/%d", in.ID)
		if id, ok := in.Resource(0); ok {
			who = fmt.Sprintf("server %v", id.Value)
		}
		if alert, ok := in.Resource(11); ok {
			out = append(out, fmt.Sprintf("%s: last TLS alert %v", who, alert.Value))
		}
		if last, ok := in.Resource(12); ok {
			out = append(out, fmt.Sprintf("%s: last bootstrapped %v", who, last.Value.Time().Format(time.RFC3339)))
		}
	}
	return out
}

// readDifferences compares Instances that were written with those that were read in a
// format. What was written is put through the same format first, which changes the
// types of unknown Resources.
func readDifferences(f lwm2m.Format, written lwm2m.Object, read []lwm2m.Instance) (out []string) {
	for _, in := range written.Instances {
		p := lwm2m.InstancePath(written.ID, in.ID)
		i := slices.IndexFunc(read, func(r lwm2m.Instance) bool { return r.ID == in.ID })
		if i < 0 {
			out = append(out, fmt.Sprintf("does not hold %v, which it accepted", p))
			continue
		}
		for _, want := range throughFormat(f, p, in).Resources {
			have, ok := read[i].Resource(want.ID)
			switch {
			case !ok:
				out = append(out, fmt.Sprintf("does not hold %s, which it accepted", resourceText(p, want.ID)))
			case !sameResource(want, have):
				out = append(out, fmt.Sprintf("holds %s at %s, where %s was written", valueText(have), resourceText(p, want.ID), valueText(want)))
			}
		}
	}
	return out
}

// throughFormat is in as a client reads it.
func throughFormat(f lwm2m.Format, p lwm2m.Path, in lwm2m.Instance) lwm2m.Instance {
	payload, err := content.Encode(f, p, []lwm2m.Object{{ID: p.Object(), Instances: []lwm2m.Instance{in}}})
	if err != nil {
		return in
	}
	objects, err := content.Decode(f, p, payload)
	if err != nil {
		return in
	}
	return objects[0].Instances[0]
}

// sameResource compares values; the order of Resource Instances means nothing.
func sameResource(a, b lwm2m.Resource) bool {
	if a.Multiple != b.Multiple || len(a.Instances) != len(b.Instances) || !a.Value.Equal(b.Value) {
		return false
	}
	for _, i := range a.Instances {
		same := func(j lwm2m.ResourceInstance) bool { return i.ID == j.ID && i.Value.Equal(j.Value) }
		if !slices.ContainsFunc(b.Instances, same) {
			return false
		}
	}
	return true
}

// resourceText names a Resource: "/1/0/1 (Lifetime)".
func resourceText(instance lwm2m.Path, id lwm2m.ResourceID) string {
	text := instance.Append(uint16(id)).String()
	def, _ := object.Lookup(instance.Object())
	if d, ok := def.Resource(id); ok {
		text += " (" + d.Name + ")"
	}
	return text
}

// valueText is the value of a Resource, or its values by Resource Instance.
func valueText(r lwm2m.Resource) string {
	if !r.Multiple {
		return r.Value.String()
	}
	values := make([]string, len(r.Instances))
	for i, v := range r.Instances {
		values[i] = fmt.Sprintf("%d: %v", v.ID, v.Value)
	}
	slices.Sort(values)
	return "{" + strings.Join(values, ", ") + "}"
}
