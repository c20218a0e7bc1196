package devicefile

import (
	"cmp"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"lwbs/bootstrap/admin"
	"lwbs/lwm2m"
	"lwbs/store"
)

// exported is a device as a line of JSON has it, which [JSONLines] reads.
type exported struct {
	Endpoint lwm2m.EndpointName `json:"endpoint"`
	admin.DeviceSettings
}

// settingsOf are what an import gives a device that is like d. It has the keys that d shows. A key to
// bootstrap with that is being replaced, and the one that replaces it, are left out: an import gives
// a device one key.
func settingsOf(d admin.Device) (set admin.DeviceSettings, err error) {
	set = admin.DeviceSettings{Profile: &d.Profile, Disabled: &d.Disabled, NoSec: &d.NoSec, Vars: d.Vars}
	if d.Format != 0 {
		set.Format = &d.Format
	}
	if d.Note != "" {
		set.Note = &d.Note
	}
	if len(d.Tags) > 0 {
		set.Tags = &d.Tags
	}
	bytes := func(text string) (b []byte) {
		if err == nil {
			b, err = hex.DecodeString(text)
		}
		return b
	}
	of := func(kind store.CredentialKind) (all []admin.Credential) {
		for _, c := range d.Credentials {
			if c.Kind == kind {
				all = append(all, c)
			}
		}
		return all
	}
	if psk := of(store.CredentialPSK); len(psk) == 1 {
		if set.PSKIdentity = &psk[0].Identity; psk[0].Key != "" {
			set.PSK, set.PSKIdentity = &admin.PSK{Identity: psk[0].Identity, Key: bytes(psk[0].Key)}, nil
		}
	}
	names := func(all []admin.Credential) *[]string {
		var names []string
		for _, c := range all {
			names = append(names, c.Identity)
		}
		if names == nil {
			return nil
		}
		return &names
	}
	set.Certificates, set.CertificateNames = names(of(store.CredentialCertificate)), names(of(store.CredentialCertificateName))
	for name, a := range d.Accounts {
		if a.OwnIdentity {
			setIn(&set.AccountIdentities, name, a.Identity)
		}
		if len(a.Certificate) > 0 {
			setIn(&set.AccountCertificates, name, a.Certificate)
		}
		if a.Key != "" {
			setIn(&set.AccountKeys, name, bytes(a.Key))
		}
		if a.MasterSecret != "" {
			setIn(&set.AccountMasterSecrets, name, bytes(a.MasterSecret))
		}
	}
	for path, s := range d.Secrets {
		if s.Value != "" {
			setIn(&set.Secrets, path, bytes(s.Value))
		}
	}
	if err != nil {
		return set, fmt.Errorf("device %q: a key is not in hexadecimal digits", d.Endpoint)
	}
	return set, nil
}

// A JSONWriter writes devices as [JSONLines] reads them.
type JSONWriter struct{ out io.Writer }

// NewJSONWriter returns a JSONWriter.
func NewJSONWriter(out io.Writer) *JSONWriter { return &JSONWriter{out} }

// Write writes a device.
func (w *JSONWriter) Write(d admin.Device) error {
	set, err := settingsOf(d)
	if err != nil {
		return err
	}
	e := json.NewEncoder(w.out)
	e.SetEscapeHTML(false)
	return e.Encode(exported{d.Endpoint, set})
}

// Columns are those of a table that devices are exported to: which there are depends on the devices.
type Columns struct{ names map[string]bool }

// Add adds the columns that a device needs. Its error says what a table cannot hold.
func (c *Columns) Add(d admin.Device) error {
	cells, err := cellsOf(d)
	if err != nil {
		return err
	}
	for name := range cells {
		setIn(&c.names, name, true)
	}
	return nil
}

// columnOrder is that of the columns in a table; the others follow by name.
var columnOrder = []string{"endpoint", "profile", "psk-identity", "psk-key", "certificate-fingerprint", "certificate-name", "format", "no-sec", "disabled", "tag", "note"}

// sorted are the columns in their order.
func (c *Columns) sorted() []string {
	place := func(name string) int {
		if i := slices.Index(columnOrder, name); i >= 0 {
			return i
		}
		return len(columnOrder)
	}
	return slices.SortedFunc(maps.Keys(c.names), func(a, b string) int { return cmp.Or(place(a)-place(b), strings.Compare(a, b)) })
}

// A TableWriter writes devices as [Table] reads them, with keys in hexadecimal digits.
type TableWriter struct {
	out   *csv.Writer
	names []string
}

// NewTableWriter writes the headings.
func NewTableWriter(out io.Writer, c *Columns) (*TableWriter, error) {
	if len(c.names) == 0 {
		c.names = map[string]bool{"endpoint": true, "profile": true}
	}
	w := &TableWriter{csv.NewWriter(out), c.sorted()}
	return w, w.out.Write(w.names)
}

// Write writes a device.
func (w *TableWriter) Write(d admin.Device) error {
	cells, err := cellsOf(d)
	if err != nil {
		return err
	}
	var row []string
	for _, name := range w.names {
		row = append(row, cells[name])
		delete(cells, name)
	}
	if len(cells) > 0 {
		return fmt.Errorf("device %q was changed meanwhile: export once more", d.Endpoint)
	}
	return w.out.Write(row)
}

// End writes the rest.
func (w *TableWriter) End() error {
	w.out.Flush()
	return w.out.Error()
}

// cellsOf are the cells of a device by column. Its error says what an import would not read as it is.
func cellsOf(d admin.Device) (map[string]string, error) {
	set, err := settingsOf(d)
	if err != nil {
		return nil, err
	}
	cells := map[string]string{"endpoint": string(d.Endpoint), "profile": d.Profile, "no-sec": yesNo(d.NoSec), "disabled": yesNo(d.Disabled), "note": d.Note}
	if set.Format != nil {
		cells["format"] = d.Format.String()
	}
	if set.PSKIdentity != nil {
		cells["psk-identity"] = *set.PSKIdentity
	}
	if set.PSK != nil {
		cells["psk-identity"], cells["psk-key"] = set.PSK.Identity, hex.EncodeToString(set.PSK.Key)
	}
	for name, all := range map[string]*[]string{"certificate-fingerprint": set.Certificates, "certificate-name": set.CertificateNames} {
		if all == nil {
			continue
		}
		if len(*all) > 1 {
			return nil, inTable(d, name, "there are several")
		}
		cells[name] = (*all)[0]
	}
	for _, tag := range d.Tags {
		if strings.ContainsAny(tag, "|,;\n") {
			return nil, inTable(d, "tag", fmt.Sprintf("%q would be several", tag))
		}
	}
	cells["tag"] = strings.Join(d.Tags, "|")
	for name, value := range d.Vars {
		cells["var."+name] = value
	}
	for name, identity := range set.AccountIdentities {
		cells["account."+name+".identity"] = identity
	}
	for what, all := range map[string]map[string][]byte{"key": set.AccountKeys, "master-secret": set.AccountMasterSecrets, "certificate": set.AccountCertificates} {
		for name, b := range all {
			cells["account."+name+"."+what] = hex.EncodeToString(b)
		}
	}
	for path, b := range set.Secrets {
		cells["secret."+strings.TrimPrefix(path.String(), "/")] = string(b)
	}
	for name, text := range cells {
		switch {
		case text == "" && name != "endpoint":
			delete(cells, name)
		case strings.TrimSpace(text) != text:
			return nil, inTable(d, name, "white space at its beginning or end is not read")
		case !utf8.ValidString(text):
			return nil, inTable(d, name, "it is no text")
		case strings.Contains(text, "\r"):
			return nil, inTable(d, name, "a carriage return is not read")
		case shortened.MatchString(text):
			return nil, inTable(d, name, "it looks like a number that a spreadsheet has shortened")
		}
	}
	return cells, nil
}

// inTable is the error about what a table cannot hold.
func inTable(d admin.Device, column, why string) error {
	return fmt.Errorf("device %q: a table cannot hold its %s: %s; lwbs export jsonl can", d.Endpoint, column, why)
}

func yesNo(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}
