package main

import (
	"cmp"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/explain"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt"
	"lwbs/store/seal"
)

// remember puts attempts into the history, as a server would have.
func (sh *shell) remember(sessions ...store.Session) {
	sh.t.Helper()
	k, err := seal.KeyringFor(sh.path("x.db.key"), false)
	if err != nil {
		sh.t.Fatal(err)
	}
	db, err := bolt.Open(sh.path("x.db"), k, bolt.Options{})
	if err != nil {
		sh.t.Fatal(err)
	}
	defer db.Close()
	for i, s := range sessions {
		s.ID, s.Transport, s.Remote, s.Stage = fmt.Sprintf("s%03d", i), cmp.Or(s.Transport, "coaps"), "192.0.2.1:5683", store.StageRequest
		s.Started, s.Ended = time.Now(), time.Now()
		if err := db.AppendSession(sh.t.Context(), s); err != nil {
			sh.t.Fatal(err)
		}
	}
}

// Every remedy that names commands can be carried out with them, as they stand but for the
// words in capitals; then it says that nothing is left to do.
func TestRemediesCanBeCarriedOut(t *testing.T) {
	fingerprint := strings.Repeat("ab", 32)
	own := func(ep lwm2m.EndpointName, claimed lwm2m.EndpointName, cause store.Cause) store.Session {
		return store.Session{Endpoint: ep, Claimed: claimed, Known: true, Proof: store.ProofIdentity, Identity: "id-A", Cause: cause}
	}
	unproved := func(ep lwm2m.EndpointName, identity string, cause store.Cause) store.Session {
		return store.Session{Endpoint: ep, Known: true, Proof: store.ProofNone, Identity: identity, Cause: cause}
	}
	unknown := func(ep lwm2m.EndpointName, identity string, cause store.Cause) store.Session {
		return store.Session{Endpoint: ep, Proof: store.ProofNone, Identity: identity, Cause: cause}
	}
	of := func(group string, variant store.Variant, s store.Session) store.Session {
		s.Group, s.Variant = group, variant
		return s
	}
	tests := []struct {
		name    string
		session store.Session
		ask     string
		do      []string // as why has them
		after   string   // what why says then; empty where the attempt says nothing of it
	}{
		{"unknown identity", unknown("", "id-X", store.CauseIdentityUnknown), "id-X",
			[]string{"lwbs device add NAME --profile PROFILE --psk-identity id-X --psk-key-file FILE --psk-key-format hex"}, "come again"},
		{"identity that is nearly right", unknown("", "id_a", store.CauseIdentityUnknown), "id_a", []string{"lwbs device set meter-A --psk-identity id_a"}, "come again"},
		{"unknown name", unknown("new-one", "", store.CauseEndpointUnknown), "new-one", []string{"lwbs device add new-one --profile PROFILE"}, "come again"},
		{"name that is nearly right", unknown("METER_A", "", store.CauseEndpointUnknown), "METER_A", []string{"lwbs device rename meter-A METER_A"}, "come again"},
		{"another name", own("meter-A", "meter-X", store.CauseEndpointUnknown), "meter-X", []string{"lwbs device rename meter-A meter-X"}, "come again"},
		{"the name of another device", own("meter-A", "meter-B", store.CauseIdentityMismatch), "meter-B", []string{"lwbs device delete meter-B", "lwbs device rename meter-A meter-B"}, "come again"},
		{"a certificate of another device's name", own("named-A", "meter-B", store.CauseCertificateName), "meter-B",
			[]string{"lwbs device set named-A --certificate-name none", "lwbs device set meter-B --certificate-name NAME"}, ""},
		{"a certificate that is not known", unproved("meter-A", fingerprint, store.CauseCertificateUnknown), "meter-A", []string{"lwbs device set meter-A --certificate-fingerprint " + fingerprint}, ""},
		{"wrong key", unproved("meter-A", "id-A", store.CauseKeyDiffers), "meter-A",
			[]string{"lwbs device get meter-A --reveal", "lwbs device set meter-A --psk-identity id-A --psk-key-file FILE --psk-key-format hex"}, ""},
		{"plain CoAP", unproved("meter-A", "", store.CauseNoSecRefused), "meter-A", []string{"lwbs device set meter-A --no-sec"}, "come again"},
		{"disabled", own("meter-off", "", store.CauseDisabled), "meter-off", []string{"lwbs device enable meter-off"}, "enabled by now"},
		{"format", store.Session{Endpoint: "meter-A", Known: true, Proof: store.ProofIdentity, Cause: store.CauseRefused, Operations: []store.Operation{
			{Op: lwm2m.OpWrite, Path: lwm2m.InstancePath(0, 1), Format: lwm2m.FormatSenMLJSON, Code: lwm2m.CodeUnsupportedFormat},
		}}, "meter-A", []string{"lwbs device set meter-A --format FORMAT"}, ""},
		{"key that is too long", store.Session{Endpoint: "meter-A", Known: true, Proof: store.ProofIdentity, Cause: store.CauseRefused, Operations: []store.Operation{
			{Op: lwm2m.OpWrite, Path: lwm2m.ResourcePath(0, 1, 5), Code: lwm2m.CodeBadRequest},
		}}, "meter-A", []string{"lwbs device set meter-A --account-key-file ACCOUNT=FILE"}, ""},
		{"a disabled group", of("off", store.VariantGroupDisabled, unknown("", "off-1", store.CauseIdentityUnknown)), "off-1", []string{"lwbs group enable off"}, "group off enrols it by now"},
		{"a disabled group, for one", of("off", store.VariantGroupDisabled, unknown("", "off-1", store.CauseIdentityUnknown)), "off-1", []string{"lwbs device add off-1 --group off"}, "come again"},
		{"a disabled group, by certificate", of("off", store.VariantGroupDisabled, unknown("off-1", "", store.CauseEndpointUnknown)), "off-1", []string{"lwbs device add off-1 --group off"}, "come again"},
		{"a group at its end", of("over", store.VariantGroupEnded, unknown("", "over-1", store.CauseIdentityUnknown)), "over-1", []string{"lwbs group set over --until TIME"}, "group over enrols it by now"},
		{"a full group", of("full", store.VariantGroupFull, unknown("", "full-2", store.CauseIdentityUnknown)), "full-2",
			[]string{"lwbs device list --group full", "lwbs group set full --max-devices NUMBER"}, "group full enrols it by now"},
		{"a full group, for one", of("full", store.VariantGroupFull, unknown("", "full-2", store.CauseIdentityUnknown)), "full-2", []string{"lwbs device add full-2 --group full"}, "come again"},
		{"a denied name", of("full", store.VariantGroupDenied, unknown("", "full-bad", store.CauseIdentityUnknown)), "full-bad", []string{"lwbs group allow full full-bad"}, ""},
		{"a denied device", of("", store.VariantGroupDenied, own("open-bad", "", store.CauseDisabled)), "open-bad", []string{"lwbs group allow open open-bad"}, "does not deny it any more"},
		{"a device that was reset", of("open", store.VariantGroupRecord, unknown("", "open-1", store.CauseIdentityUnknown)), "open-1", []string{"lwbs device set open-1 --group open"}, "come again"},
		{"a device that was reset, with its identity", unproved("open-2", "open-2", store.CauseKeyDiffers), "open-2", []string{"lwbs device set open-2 --psk none --group open"}, ""},
		{"the key of another group", of("open", "", unknown("", "open-9", store.CauseKeyDiffers)), "open-9", []string{"lwbs group get open"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sh := newShell(t)
			sh.ok("profile apply -f $D/meter.yaml")
			for _, line := range []string{
				"group add off --profile meter --match off-*", "group disable off", "group add over --profile meter --match over-* --until 2020-01-01",
				"group add full --profile meter --match full-* --max-devices 1", "device add full-1 --group full", "group deny full full-bad",
				"group add open --profile meter --match open-*", "device add open-bad --group open", "group deny open open-bad",
				"device add open-1 --group open", "device set open-1 --psk generate --psk-identity open-1-2", "device add open-2 --group open", "device set open-2 --psk generate",
			} {
				sh.ok(line)
			}
			sh.ok("device add meter-A --profile meter --psk generate --psk-identity id-A")
			sh.ok("device add meter-B --profile meter --psk generate")
			sh.ok("device add named-A --profile meter --certificate-name serial-A")
			sh.ok("device add meter-off --profile meter --psk generate")
			sh.ok("device disable meter-off")
			sh.remember(tt.session)
			before := sh.ok("why " + tt.ask)
			for _, command := range tt.do {
				contains(t, "why", before, command)
				line := strings.NewReplacer("NAME", "serial-A", "PROFILE", "meter", "FILE", filepath.Join("$D", "key.hex"), "ACCOUNT", "main", "FORMAT", "tlv", "TIME", "90d", "NUMBER", "5").Replace(strings.TrimPrefix(command, "lwbs "))
				if status, _, errs := sh.run(line); status != exitDone {
					t.Errorf("%s: status %d: %s", line, status, errs)
				}
			}
			if tt.after != "" {
				contains(t, "why after that", sh.ok("why "+tt.ask), tt.after)
			}
		})
	}
}

// Whatever is said of whatever attempt, the commands and options in it exist.
func TestRemediesNameWhatThereIs(t *testing.T) {
	app := newApp(strings.NewReader(""), nil, nil)
	named := regexp.MustCompile(`lwbs ([a-z][a-z0-9-]*)(?: ([a-z-]+))?`)
	options := regexp.MustCompile(`--[a-z][a-z-]*`)
	seen := make(map[string]bool)
	checked := make(map[string]bool)
	check := func(text string) {
		if checked[text] {
			return
		}
		checked[text] = true
		for _, sentence := range strings.Split(text, "lwbs ")[1:] {
			m := named.FindStringSubmatch("lwbs " + sentence)
			if m == nil {
				t.Errorf("no command behind lwbs in %q", text)
				continue
			}
			commands, flags := app.Commands, app.Flags
			for _, word := range m[1:] {
				at := slices.IndexFunc(commands, func(c *cli.Command) bool { return c.HasName(word) })
				if at < 0 {
					if word == m[1] || len(commands) > 0 && word != "" {
						t.Errorf("there is no %q of %q: %s", word, m[0], text)
					}
					break
				}
				commands, flags = commands[at].Subcommands, append(slices.Clone(flags), commands[at].Flags...)
			}
			for _, option := range options.FindAllString(sentence, -1) {
				seen[option] = true
				if command.FlagNamed(flags, strings.TrimPrefix(option, "--")) == nil {
					t.Errorf("there is no %s of %q: %s", option, m[0], text)
				}
			}
		}
	}
	device := &store.Device{Endpoint: "meter"}
	group, member := &store.Group{Name: "g", MaxDevices: 3}, &store.Device{Endpoint: "meter", Group: "g"}
	variants := []store.Variant{"", store.VariantGroupDenied, store.VariantGroupDisabled, store.VariantGroupEnded, store.VariantGroupFull, store.VariantGroupName, store.VariantGroupRecord}
	profile := &store.Profile{Name: "p", Accounts: []store.Account{{Name: "main"}}}
	var facts []explain.Facts
	for _, claimed := range []bool{false, true} {
		for _, holder := range []lwm2m.EndpointName{"", "meter", "other"} {
			for _, near := range [][]store.NearDevice{nil, {{Endpoint: "near"}}, {{Endpoint: "near", Identity: "id"}}} {
				facts = append(facts, explain.Facts{}, explain.Facts{Looked: true, Claimed: claimed, Holder: holder, Near: near},
					explain.Facts{Looked: true, Claimed: claimed, Holder: holder, Near: near, Device: device, Profile: profile})
			}
		}
	}
	for _, refuses := range variants {
		facts = append(facts, explain.Facts{Looked: true, Group: group, Refuses: refuses}, explain.Facts{Looked: true, Group: group, Device: member, Profile: profile})
	}
	codes := []lwm2m.Code{lwm2m.CodeBadRequest, lwm2m.CodeNotFound, lwm2m.CodeNotAcceptable, lwm2m.CodeUnsupportedFormat, lwm2m.CodeBadOption, lwm2m.CodeInternalServerError, lwm2m.CodeNotImplemented}
	for _, cause := range readCauses[store.Cause](t) {
		for _, s := range []store.Session{
			{Endpoint: "meter", Known: true, Proof: store.ProofIdentity, Identity: "id"},
			{Endpoint: "meter", Claimed: "meter-X", Known: true, Proof: store.ProofIdentity, Identity: "id"},
			{Endpoint: "meter", Known: true, Proof: store.ProofNone, Identity: strings.Repeat("ab", 32), Transport: "coap"},
			{Endpoint: "meter", Proof: store.ProofNone}, {Proof: store.ProofNone, Identity: "id"}, {Proof: store.ProofNone, Network: "192.0.2.0/24"},
		} {
			s.ID, s.Cause = "s1", cause
			for _, f := range facts {
				check(f.Explain(s).Remedy)
				for _, variant := range variants {
					ofGroup := s
					ofGroup.Group, ofGroup.Variant = "g", variant
					check(f.Explain(ofGroup).Remedy)
				}
				if len(f.Near) > 0 || f.Holder != "" {
					continue // which says nothing about answers
				}
				for _, code := range codes {
					for _, path := range []lwm2m.Path{lwm2m.InstancePath(0, 1), lwm2m.ResourcePath(0, 1, 5), lwm2m.InstancePath(1, 0), lwm2m.InstancePath(2, 0), lwm2m.InstancePath(21, 0), lwm2m.InstancePath(3, 0)} {
						s.Operations = []store.Operation{{Op: lwm2m.OpWrite, Path: path, Code: code, Bytes: 2000}}
						check(f.Explain(s).Remedy)
					}
				}
			}
		}
	}
	check(explain.Alternating([]store.Session{{Remote: "a:1"}, {Remote: "b:1"}, {Remote: "a:1"}, {Remote: "b:1"}}))
	for _, option := range []string{"--psk-identity", "--reveal", "--certificate-name", "--tls-cert", "--failed"} {
		if !seen[option] {
			t.Errorf("nothing names %s: the test does not find what it looks for", option)
		}
	}
}
