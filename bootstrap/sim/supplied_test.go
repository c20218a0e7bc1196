package sim_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"lwbs/bootstrap/sim"
	"lwbs/lwm2m"
	"lwbs/store"
)

var (
	apnSecret    = lwm2m.NewSecret([]byte("hunter2 of the APN"))
	mqttPassword = lwm2m.NewSecret([]byte{0, 0xff, 1})
)

// withSecrets gives the device an APN and an MQTT server with their secrets.
func withSecrets(b *bench) {
	supplied := store.Literal{Text: new(store.KeySupplied)}
	text := func(s string) store.Literal { return store.Literal{Text: &s} }
	b.profile.Objects = []store.ObjectValues{
		{Path: lwm2m.InstancePath(11, 0), Resources: map[lwm2m.ResourceID]store.Literal{0: text("home"), 1: text("internet"), 4: {Number: new(json.Number("1"))}, 6: supplied}},
		{Path: lwm2m.InstancePath(24, 0), Resources: map[lwm2m.ResourceID]store.Literal{8: supplied}},
	}
	b.device.Secrets = map[lwm2m.Path]lwm2m.Secret{lwm2m.ResourcePath(11, 0, 6): apnSecret, lwm2m.ResourcePath(24, 0, 8): mqttPassword}
}

// apnDevice is a client that has Objects 11 and 24.
func apnDevice(b *bench) sim.Config {
	cfg := b.config()
	cfg.Stack.Objects = []lwm2m.ObjectID{lwm2m.ObjectSecurity, lwm2m.ObjectServer, lwm2m.ObjectDevice, 11, 24}
	return cfg
}

// resourceAt returns the value of a Resource that a device holds.
func resourceAt(t *testing.T, r sim.Result, path lwm2m.Path) lwm2m.Value {
	t.Helper()
	for _, o := range r.Objects {
		for _, in := range o.Instances {
			for _, res := range in.Resources {
				if o.ID == path.Object() && in.ID == path.Instance() && res.ID == path.Resource() {
					return res.Value
				}
			}
		}
	}
	t.Fatalf("the device has no %v", path)
	return lwm2m.Value{}
}

func TestSuppliedSecrets(t *testing.T) {
	for _, format := range []string{"tlv", "senml-json", "senml-cbor"} {
		t.Run(format, func(t *testing.T) {
			b := newBench(t, func(b *bench) { withSecrets(b); b.profile.Format = format })
			result, err := sim.Run(t.Context(), apnDevice(b))
			b.ok(err)
			s := b.session()
			if !s.Cause.Success() || len(s.Quirks) > 0 {
				t.Errorf("cause %s: %s, quirks %q", s.Cause, s.Detail, s.Quirks)
			}
			if got := resourceAt(t, result, lwm2m.ResourcePath(11, 0, 6)); string(got.Bytes()) != string(apnSecret.Reveal()) && got.Text() != string(apnSecret.Reveal()) {
				t.Errorf("the APN has a secret of %d bytes, the record one of %d", got.Len(), apnSecret.Len())
			}
			if got := resourceAt(t, result, lwm2m.ResourcePath(24, 0, 8)); string(got.Bytes()) != string(mqttPassword.Reveal()) {
				t.Errorf("the MQTT server has a password of %d bytes, the record one of %d", got.Len(), mqttPassword.Len())
			}
			if kept := fmt.Sprintf("%+v", s); strings.Contains(kept, "hunter2") {
				t.Error("the history has the secret")
			}
		})
	}
}

// Without encryption no device is given a secret unless the profile permits it.
func TestSuppliedSecretsOverPlainCoAP(t *testing.T) {
	for _, permitted := range []bool{false, true} {
		t.Run(fmt.Sprintf("permitted %v", permitted), func(t *testing.T) {
			b := newBench(t, func(b *bench) {
				withSecrets(b)
				b.device.NoSec, b.profile.SecretsOverNoSec = true, permitted
				b.profile.Accounts[0].URI = "coap://127.0.0.1:5683"
			})
			cfg := apnDevice(b)
			cfg.Dial = b.overUDP
			_, err := sim.Run(t.Context(), cfg)
			s := b.session()
			if (err == nil) != permitted || s.Cause.Success() != permitted || !permitted && !strings.Contains(s.Detail, "secretsOverNoSec") {
				t.Errorf("%v, cause %s: %s", err, s.Cause, s.Detail)
			}
		})
	}
}

// A device whose record lacks a secret is told nothing, and its history which it is.
func TestMissingSecret(t *testing.T) {
	b := newBench(t, func(b *bench) {
		withSecrets(b)
		delete(b.device.Secrets, lwm2m.ResourcePath(11, 0, 6))
	})
	if _, err := sim.Run(t.Context(), apnDevice(b)); err == nil {
		t.Error("the device was bootstrapped")
	}
	if s := b.session(); s.Cause != store.CausePlanInvalid || !strings.Contains(s.Detail, "--secret-file /11/0/6=FILE") {
		t.Errorf("cause %s: %s", s.Cause, s.Detail)
	}
	if slices.Contains(b.asked(), "PUT /11/0") {
		t.Error("the APN was written")
	}
}
