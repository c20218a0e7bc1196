package admin_test

import (
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/certtest"
	bsprofile "lwbs/bootstrap/profile"
	"lwbs/lwm2m"
	"lwbs/store"
)

// holds lets a device hold what it is given now.
func (r *rig) holds(t *testing.T, ep lwm2m.EndpointName) {
	t.Helper()
	d, err := r.local.Store.Device(t.Context(), ep)
	check(t, err)
	p, err := r.local.Store.Profile(t.Context(), d.Profile)
	check(t, err)
	d.Holds = store.Holding{Profile: p.Name, Revision: p.Revision, Content: bsprofile.ContentOf(p), Settings: d.Settings, Since: time.Now()}
	_, err = r.local.Store.PutDevice(t.Context(), d)
	check(t, err)
	check(t, r.local.Store.AppendSession(t.Context(), with(own(1, ep, store.CauseDone), func(s *store.Session) {
		s.ID, s.Profile, s.ProfileRevision = "s-"+string(ep), p.Name, p.Revision
	})))
}

// Who is due is told by what devices hold: an edit that gives them nothing else makes none due.
func TestDueByWhatDevicesHold(t *testing.T) {
	r := newRig(t)
	names := []lwm2m.EndpointName{"a", "b", "c"}
	for _, ep := range names {
		_, err := r.local.AddDevice(t.Context(), ep, admin.DeviceSettings{Profile: new("p"), PSK: &admin.PSK{}})
		check(t, err)
		r.holds(t, ep)
	}
	want := func(due ...string) {
		t.Helper()
		for _, api := range []admin.API{r.local, r.client} {
			var got []string
			page, err := api.Devices(t.Context(), admin.DeviceQuery{DeviceFilter: admin.DeviceFilter{State: admin.DeviceDue}})
			check(t, err)
			for _, d := range page {
				text := string(d.Endpoint)
				for _, reason := range d.Due {
					text += " " + string(reason)
				}
				got = append(got, text)
			}
			if !slices.Equal(got, due) {
				t.Errorf("%T: due are %q, want %q", api, got, due)
			}
		}
	}
	want()
	_, err := r.local.SetDevice(t.Context(), "a", 0, admin.DeviceSettings{AddTags: []string{"t"}, Note: new("n")})
	check(t, err)
	want()
	_, err = r.local.SetDevice(t.Context(), "a", 0, admin.DeviceSettings{AccountIdentities: map[string]string{"main": "other"}})
	check(t, err)
	_, err = r.client.SetDevice(t.Context(), "b", 0, admin.DeviceSettings{Rotate: []string{admin.RotateAll}})
	check(t, err)
	want("a record", "b rotation")

	p, err := r.local.Profile(t.Context(), "p")
	check(t, err)
	applied, err := r.client.ApplyProfile(t.Context(), p, admin.ApplyOptions{})
	check(t, err)
	if !applied.Unchanged || applied.Profile.Revision != 1 || applied.Created {
		t.Errorf("the same profile is applied as %+v", applied)
	}
	p.Verify = "record"
	_, err = r.client.ApplyProfile(t.Context(), p, admin.ApplyOptions{})
	check(t, err)
	want("a record", "b rotation")
	p.Revision, p.Accounts[0].URI = 0, "coaps://b.example"
	_, err = r.client.ApplyProfile(t.Context(), p, admin.ApplyOptions{})
	check(t, err)
	want("a profile record", "b profile rotation", "c profile")

	for _, api := range []admin.API{r.local, r.client} {
		count, err := api.CountDevices(t.Context(), admin.DeviceFilter{})
		check(t, err)
		if count.Due[bsprofile.DueProfile] != 3 || count.Due[bsprofile.DueRecord] != 1 || count.Due[bsprofile.DueRotation] != 1 || count.Due[bsprofile.DueAge] != 0 ||
			len(count.Behind) != 1 || count.Behind[0].Devices != 3 || count.Behind[0].Revision != 3 || *count.Behind[0].Holds != (admin.Held{Profile: "p", Revision: 1}) {
			t.Errorf("%T: counted %+v", api, count)
		}
		all, err := api.ProfileRevisions(t.Context(), "p")
		check(t, err)
		if len(all) != 3 || all[0].Revision != 3 || all[2].Accounts[0].URI != "coaps://a.example" {
			t.Errorf("%T: revisions %+v", api, all)
		}
	}
	r.holds(t, "c")
	want("a profile record", "b profile rotation")
}

// A key that lwbs does not make is not replaced, and the error says how else.
func TestWhatCannotBeRotated(t *testing.T) {
	r := newRig(t)
	_, err := r.local.ApplyProfile(t.Context(), store.Profile{Name: "supplied", Accounts: []store.Account{{Name: "main", URI: "coaps://a.example", ShortServerID: 7, Key: store.KeySupplied}}}, admin.ApplyOptions{})
	check(t, err)
	_, err = r.local.AddDevice(t.Context(), "s", admin.DeviceSettings{Profile: new("supplied"), PSK: &admin.PSK{}, AccountKeys: map[string][]byte{"main": []byte("0123456789abcdef")}})
	check(t, err)
	_, err = r.local.AddDevice(t.Context(), "d", admin.DeviceSettings{Profile: new("p"), PSK: &admin.PSK{}})
	check(t, err)
	for _, api := range []admin.API{r.local, r.client} {
		for _, tt := range []struct {
			ep   lwm2m.EndpointName
			key  string
			want string
		}{
			{"s", "main", "lwbs device set s --account-key-file main=FILE"},
			{"s", admin.RotateAll, `profile "supplied" has no bootstrapServer`},
			{"d", "bootstrapServer", `profile "p" has no bootstrapServer`},
			{"d", "nope", `profile "p" has no account "nope"`},
		} {
			before, err := api.Device(t.Context(), tt.ep, false)
			check(t, err)
			_, err = api.SetDevice(t.Context(), tt.ep, 0, admin.DeviceSettings{Rotate: []string{tt.key}})
			if !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%T: %s of %s: %v, want %q", api, tt.key, tt.ep, err, tt.want)
			}
			if after, err := api.Device(t.Context(), tt.ep, false); err != nil || after.Revision != before.Revision {
				t.Errorf("the record was changed, %v", err)
			}
		}
	}
}

// A rotation is asked for once, is seen, and is withdrawn, and to repeat either changes nothing.
func TestRotationIsAskedForAndWithdrawn(t *testing.T) {
	r := newRig(t)
	for _, api := range []admin.API{r.local, r.client} {
		ep := map[bool]lwm2m.EndpointName{true: "one", false: "two"}[api == admin.API(r.local)]
		_, err := api.AddDevice(t.Context(), ep, admin.DeviceSettings{Profile: new("p"), PSK: &admin.PSK{}})
		check(t, err)
		set := func(set admin.DeviceSettings) admin.Device {
			t.Helper()
			_, err := api.SetDevice(t.Context(), ep, 0, set)
			check(t, err)
			d, err := api.Device(t.Context(), ep, false)
			check(t, err)
			return d
		}
		asked := set(admin.DeviceSettings{Rotate: []string{admin.RotateAll}})
		if len(asked.Rotations) != 1 || asked.Rotations[0].Account != "main" || asked.Rotations[0].Stage != admin.RotationAsked || asked.Rotations[0].Since.IsZero() || !asked.Rotating {
			t.Errorf("rotations are %+v", asked.Rotations)
		}
		if again := set(admin.DeviceSettings{Rotate: []string{"main"}}); again.Revision != asked.Revision {
			t.Errorf("asked again, the revision is %d and not %d", again.Revision, asked.Revision)
		}
		withdrawn := set(admin.DeviceSettings{CancelRotation: true})
		if len(withdrawn.Rotations) != 0 || withdrawn.Rotating {
			t.Errorf("rotations are %+v", withdrawn.Rotations)
		}
		if again := set(admin.DeviceSettings{CancelRotation: true}); again.Revision != withdrawn.Revision {
			t.Error("withdrawn again, the record is changed")
		}
		d, err := r.local.Store.Device(t.Context(), ep)
		check(t, err)
		bsprofile.Rotate(&d, "main", time.Now())
		main := d.Accounts["main"]
		main.Pending = lwm2m.NewSecret([]byte("0123456789given!"))
		d.Accounts = map[string]store.AccountKeys{"main": main}
		_, err = r.local.Store.PutDevice(t.Context(), d)
		check(t, err)
		late, err := api.SetDevice(t.Context(), ep, 0, admin.DeviceSettings{CancelRotation: true})
		if err != nil || len(late.Warnings) != 1 || !strings.Contains(late.Warnings[0], "another key of main was made already") {
			t.Errorf("withdrawn too late: %v, %v", late.Warnings, err)
		}
		supplied := set(admin.DeviceSettings{AccountKeys: map[string][]byte{"main": []byte("fedcba9876543210")}})
		if supplied.Rotating {
			t.Error("a key that was supplied is still being replaced by one that was made")
		}
	}
}

// Devices are found by when the first of their certificates expires.
func TestCertificatesThatExpire(t *testing.T) {
	r := newRig(t)
	_, err := r.local.ApplyProfile(t.Context(), store.Profile{Name: "c", Accounts: []store.Account{{
		Name: "main", URI: "coaps://a.example", ShortServerID: 7, Security: "certificate", ServerPublicKey: store.OctetsOf(certtest.NewAuthority(t, "S").Certificate.Raw),
	}}}, admin.ApplyOptions{})
	check(t, err)
	ca := certtest.NewAuthority(t, "Vendor")
	fingerprint := store.Fingerprint([]byte("x"))
	soon, gone := time.Now().Add(10*24*time.Hour), time.Now().Add(-time.Hour)
	for ep, at := range map[lwm2m.EndpointName]time.Time{"soon": soon, "gone": gone, "later": time.Now().Add(300 * 24 * time.Hour), "unknown": {}} {
		set := admin.DeviceSettings{Profile: new("p"), Certificates: &[]string{store.Fingerprint([]byte(ep))}}
		if !at.IsZero() {
			set.CertificateExpiries = map[string]time.Time{store.Fingerprint([]byte(ep)): at, fingerprint: gone}
		}
		_, err := r.client.AddDevice(t.Context(), ep, set)
		check(t, err)
	}
	pair := ca.Client(t, "account")
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	check(t, err)
	_, err = r.client.AddDevice(t.Context(), "account", admin.DeviceSettings{Profile: new("c"), PSK: &admin.PSK{},
		AccountKeys: map[string][]byte{"main": der}, AccountCertificates: map[string][]byte{"main": pair.Certificate[0]}})
	check(t, err)
	for _, api := range []admin.API{r.local, r.client} {
		page, err := api.Devices(t.Context(), admin.DeviceQuery{DeviceFilter: admin.DeviceFilter{ExpiresBefore: time.Now().Add(admin.ExpiresSoon)}})
		check(t, err)
		var names []string
		for _, d := range page {
			names = append(names, string(d.Endpoint))
		}
		want := []string{"gone", "soon"}
		d, err := api.Device(t.Context(), "account", false)
		check(t, err)
		if at := d.Accounts["main"].Expires; at.IsZero() || !d.Expires.Equal(at) {
			t.Errorf("%T: the certificate of the account expires %v, the first %v", api, at, d.Expires)
		}
		if d.Expires.Before(time.Now().Add(admin.ExpiresSoon)) {
			want = append([]string{"account"}, want...)
		}
		if !slices.Equal(names, want) {
			t.Errorf("%T: %q expire, want %q", api, names, want)
		}
		count, err := api.CountDevices(t.Context(), admin.DeviceFilter{})
		check(t, err)
		if count.Expired != 1 || count.Expiring != len(want)-1 {
			t.Errorf("%T: %d have expired, %d expire soon", api, count.Expired, count.Expiring)
		}
	}
}
