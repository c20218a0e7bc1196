package importer

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
)

// LeshanConfiguration reads the configuration of one device, as POST /api/bootstrap/{endpoint} of Leshan's
// Bootstrap-Server demo 1.0 to 2.0 takes it. Unlike [Leshan] it refuses what is unknown. The profile has
// no name; the device has the credential of the Bootstrap-Server Account in the configuration, if there is one.
//
// The notes tell in words what differs from Leshan. An error is one line that names the member which it is
// about, and repeats no key.
func LeshanConfiguration(ep lwm2m.EndpointName, raw []byte) (p store.Profile, d store.Device, notes []string, err error) {
	dr := draft{Entry: Entry{Device: store.Device{Endpoint: ep}}, strict: true}
	if !json.Valid(raw) {
		return p, d, nil, wrong("the body is not JSON")
	}
	if dr.readLeshanConfig(raw); dr.Outcome != "" {
		return p, d, nil, errors.New(dr.Why)
	}
	for _, a := range dr.profile.Accounts {
		keys := dr.Device.Accounts[a.Name]
		switch {
		case a.Security != "nosec" && keys.Key.IsZero():
			return p, d, nil, wrong("secretKey of the server with the short ID %d is empty, and its security mode is %s", a.ShortServerID, a.Security)
		case a.OSCORE != nil && keys.MasterSecret.IsZero():
			return p, d, nil, wrong("oscoreMasterSecret of the server with the short ID %d is empty", a.ShortServerID)
		}
	}
	return shapeOf(&dr).exact, dr.Device, dr.Changes, nil
}

// LeshanCredential reads how one device authenticates, as PUT /api/security/clients/ of Leshan's demo servers
// 1.0 to 2.0 takes it. The device has an endpoint name and one credential. Else it is as
// [LeshanConfiguration].
func LeshanCredential(raw []byte) (d store.Device, notes []string, err error) {
	dr := draft{strict: true}
	if !json.Valid(raw) {
		return d, nil, wrong("the body is not JSON")
	}
	if dr.readLeshanSecurity(raw); dr.Outcome != "" {
		return d, nil, errors.New(dr.Why)
	}
	return dr.Device, dr.Changes, nil
}

// ContentName is a name for p that follows from its content: equal profiles have the same, whatever their
// name, revision and times.
func ContentName(p store.Profile) string {
	p.Name, p.Revision, p.Created, p.Updated = "", 0, time.Time{}, time.Time{}
	sum := sha256.Sum256([]byte(canonical(keyOf(p))))
	digest := hex.EncodeToString(sum[:5])
	if len(p.Accounts) > 0 {
		if name := "leshan-" + hostOf(p.Accounts[0].URI) + "-" + digest; (store.Profile{Name: name}).Validate() == nil {
			return name
		}
	}
	return "leshan-" + digest
}

// canonical is a JSON text without members that are null or an empty list or object: a store does not tell
// them from absent ones.
func canonical(text string) string {
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return text
	}
	b, err := json.Marshal(withoutEmpty(v))
	if err != nil {
		return text
	}
	return string(b)
}

func withoutEmpty(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if v[name] = withoutEmpty(member); v[name] == nil {
				delete(v, name)
			}
		}
		if len(v) > 0 {
			return v
		}
		return nil
	case []any:
		for i := range v {
			v[i] = withoutEmpty(v[i])
		}
		if len(v) > 0 {
			return v
		}
		return nil
	}
	return v
}
