package bootstrap_test

import (
	"testing"
	"time"

	"lwbs/bootstrap"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A device of a group that asks for approval waits at a listener that rejects other unknown devices,
// and goes on as a device of the group. A rejected one is not enrolled either once the group asks for no
// approval any more, and one that the group refuses does not wait.
func TestGroupAsksForApproval(t *testing.T) {
	s := newParkingServer(t, bootstrap.UnknownDevices{Policy: bootstrap.UnknownReject}, bootstrap.Config{})
	lot := lot("lot")
	lot.Approve, lot.Denied = true, []lwm2m.EndpointName{"lot-9"}
	g, err := s.db.PutGroup(t.Context(), lot)
	check(t, err)
	client := func(name string) peerClient {
		return peerClient{newScriptedClient(nil), holder(name, derived(t, g, 0, name))}
	}
	parked := s.parks(client("lot-1"), "lot-1")
	p, _ := s.server.Pending().Get(parked.Pending)
	if p.Group != "lot" || p.Profile != "p" || p.Kind != store.CredentialPSK || p.Identity != "lot-1" || p.NameUnproved() || parked.Group != "lot" {
		t.Errorf("pending is %+v, the session %+v", p, parked)
	}
	if _, err := s.db.Device(t.Context(), "lot-1"); err == nil {
		t.Error("there is a record before the approval")
	}
	_, err = s.db.PutDevice(t.Context(), store.Device{Endpoint: "lot-1", Profile: "p", Group: "lot", Credentials: []store.Credential{{Kind: store.CredentialPSK, Identity: "lot-1", Group: "lot"}}})
	check(t, err)
	if done := s.next(bootstrap.EventEnded); done.Cause != store.CauseDone || done.ID != parked.ID || done.Proof != store.ProofIdentity {
		t.Errorf("the session ended as %+v", done)
	}

	c := client("lot-2")
	parked = s.parks(c, "") // without a name: it is its identity
	_, _, err = s.server.Pending().Reject(t.Context(), parked.Pending, time.Now())
	check(t, err)
	s.next(bootstrap.EventEnded)
	g.Approve = false
	g, err = s.db.PutGroup(t.Context(), g)
	check(t, err)
	if resp := s.ask(c, ""); resp.Code != lwm2m.CodeBadRequest {
		t.Errorf("the rejected device is answered with %v", resp.Code)
	}
	if ended := s.next(bootstrap.EventEnded); ended.Cause != store.CauseRejected {
		t.Errorf("the attempt of the rejected device ended as %+v", ended)
	}
	s.ask(client("lot-3"), "lot-3")
	if done := s.next(bootstrap.EventEnded); done.Cause != store.CauseDone || !done.Enrolled {
		t.Errorf("without approval a device is not enrolled: %+v", done)
	}

	g.Approve = true
	_, err = s.db.PutGroup(t.Context(), g)
	check(t, err)
	for _, ep := range []string{"lot-9", "another-name"} {
		identity := "lot-9"
		if ep != identity {
			identity = "lot-8"
		}
		if resp := s.ask(client(identity), ep); resp.Code != lwm2m.CodeBadRequest {
			t.Errorf("%s is answered with %v", ep, resp.Code)
		}
		if ended := s.next(bootstrap.EventEnded); ended.Cause != store.CauseEndpointUnknown || ended.Variant == "" {
			t.Errorf("%s ended as %+v", ep, ended)
		}
	}
}
