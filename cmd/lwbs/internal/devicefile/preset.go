package devicefile

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"lwbs/cmd/lwbs/internal/input"
	"lwbs/store"
)

// PresetOptions say what a file of another system does not.
type PresetOptions struct {
	// Account is the account of the profile that the keys for the LwM2M Server belong to. Empty
	// means the only one that the profile has.
	Account string

	// NoSec permits devices that the file has without security to bootstrap over plain CoAP.
	NoSec bool
}

// A preset is what the columns of another system are for.
type preset struct {
	names  map[string]string    // by the bare heading
	uses   map[string]columnUse // of names that only this system has
	finish func(row *Row) error // puts together what they say
	PresetOptions
}

// canonical is a name as columns have it here, for one that may be a heading of the other system.
func (o ColumnOptions) canonical(name string) string {
	if o.preset != nil {
		if known, ok := o.preset.names[bare(name)]; ok {
			return known
		}
	}
	return name
}

// use is what the column of a name is for, nil for none of this name.
func (o ColumnOptions) use(name string) columnUse {
	if o.preset != nil && o.preset.uses[name] != nil {
		return o.preset.uses[name]
	}
	return useOf(name)
}

// With returns options for the files of a preset: [Cumulocity] and [ThingsBoard].
func (o ColumnOptions) With(system func(PresetOptions) Preset, p PresetOptions) ColumnOptions {
	o.preset = system(p)
	o.preset.PresetOptions = p
	return o
}

// A Preset is what the columns of another system are for.
type Preset = *preset

// Security modes as other systems write them, without signs.
const (
	modePSK         = "PSK"
	modeGenerated   = "PSKGENERATED"
	modeCertificate = "X509"
	modeNoSec       = "NOSEC"
)

// A foreignRow is what a row of another system says of the security of a device.
type foreignRow struct {
	bootstrapMode, serverMode, clientMode string // as in the file; empty where it says nothing

	server, client          foreignKey // towards the LwM2M Server; of the client, whatever it is for
	certificate, privateKey []byte
	facts                   []fact // about the LwM2M Server
}

type foreignKey struct {
	identity string
	key      []byte
}

// A fact is what a row says of an account, which lwbs has in the profile.
type fact struct{ heading, what, text string }

// known is the mode without signs; its error is about one that no device can have here.
func knownMode(column, text string) (string, error) {
	mode := strings.ToUpper(bare(text))
	if slices.Contains([]string{"", modePSK, modeGenerated, modeCertificate, modeNoSec}, mode) {
		return mode, nil
	}
	if mode == "RPK" {
		return "", fmt.Errorf("%s is RPK, a raw public key, which is not imported: give the device a pre-shared key or a certificate", column)
	}
	return "", fmt.Errorf("%s %q is not known: PSK, X509 and NO_SEC are", column, text)
}

// bootstraps gives the row the way in which its device authenticates to the Bootstrap-Server.
func (p *preset) bootstraps(row *Row, column, mode string) error {
	if mode != modePSK && mode != "" && row.pskKey != nil {
		row.warnings = append(row.warnings, fmt.Sprintf("%s is %s: the pre-shared key beside it is not taken", column, row.foreign.bootstrapMode))
		row.pskKey, row.pskIdentity = nil, ""
	}
	switch {
	case mode == modeGenerated:
		return fmt.Errorf("%s is PSK_GENERATED: the key is not in the file; make one here with lwbs device set NAME --psk generate", column)
	case mode == modeCertificate:
		row.settings.CertificateNames = &[]string{string(row.endpoint)}
		row.warnings = append(row.warnings, "it authenticates with a certificate for its name: serve needs the CA that issued it with --tls-client-ca")
	case mode == modeNoSec && !p.NoSec:
		return fmt.Errorf("%s is NO_SEC: --no-sec permits such devices to bootstrap over plain CoAP, without authentication", column)
	case mode == modeNoSec:
		row.settings.NoSec = new(true)
	}
	return nil
}

// given gives the row what its device authenticates to the LwM2M Server with.
func (p *preset) given(row *Row, column, mode string, key foreignKey) error {
	f := row.foreign
	switch {
	case mode == modeNoSec && (key.key != nil || f.privateKey != nil):
		row.warnings = append(row.warnings, fmt.Sprintf("%s is NO_SEC: the key for the LwM2M Server is not taken", column))
	case mode == modeNoSec:
	case mode == modeCertificate && (f.certificate == nil || f.privateKey == nil):
		return fmt.Errorf("%s is X509, and the certificate or its private key is missing", column)
	case mode == modeCertificate:
		setIn(&row.settings.AccountCertificates, p.Account, f.certificate)
		setIn(&row.settings.AccountKeys, p.Account, f.privateKey)
	default:
		if key.key != nil {
			setIn(&row.settings.AccountKeys, p.Account, key.key)
		}
		if key.identity != "" {
			setIn(&row.settings.AccountIdentities, p.Account, key.identity)
		}
	}
	return nil
}

// The uses of columns that presets share.

func modeUse(of func(*foreignRow) *string) columnUse {
	return func(text string, row *Row, _ input.KeyForm) error { *of(row.foreign) = text; return nil }
}

func keyUse(of func(*foreignRow) *[]byte) columnUse {
	return func(text string, row *Row, form input.KeyForm) (err error) {
		if plain, ok := input.PEMText([]byte(text)); ok {
			*of(row.foreign) = plain
			return nil
		}
		*of(row.foreign), err = cellKey(text, row, form)
		return err
	}
}

func factUse(heading, what string) columnUse {
	return func(text string, row *Row, _ input.KeyForm) error {
		row.foreign.facts = append(row.foreign.facts, fact{heading, what, text})
		return nil
	}
}

// fit makes the row fit the profile of its device: it finds the account, and compares what the file says
// of the LwM2M Server with what the profile does. Without a profile it looks at nothing.
func (row *Row) fit(p *store.Profile, account string) error {
	f, set := row.foreign, &row.settings
	keys := len(set.AccountKeys)+len(set.AccountIdentities)+len(set.AccountCertificates) > 0
	switch {
	case p == nil && account == "" && keys:
		return errors.New("it is not known which account its key for the LwM2M Server belongs to: say --profile, or --account")
	case p == nil:
		return nil
	case account == "" && len(p.Accounts) == 1:
		account = p.Accounts[0].Name
		rename(set.AccountKeys, account)
		rename(set.AccountIdentities, account)
		rename(set.AccountCertificates, account)
	case account == "" && keys:
		return fmt.Errorf("profile %q has %d accounts: say with --account which of them its key for the LwM2M Server belongs to", p.Name, len(p.Accounts))
	}
	i := slices.IndexFunc(p.Accounts, func(a store.Account) bool { return a.Name == account })
	if i < 0 {
		return nil // which is told when the row is put
	}
	for _, fact := range f.facts {
		if err := row.compare(fact, p.Name, p.Accounts[i]); err != nil {
			return err
		}
	}
	return nil
}

// rename gives the account without a name the one that it has.
func rename[V any](m map[string]V, account string) {
	if v, ok := m[""]; ok {
		delete(m, "")
		m[account] = v
	}
}

// compare reports a fact that would send the device to another server than the file says; others that
// differ are warned of.
func (row *Row) compare(f fact, profile string, a store.Account) error {
	has := map[string]string{
		factURI: a.URI, factServer: fmt.Sprint(a.ShortServerID), factLifetime: "86400", factBinding: a.Binding,
	}[f.what]
	if a.Lifetime != nil && f.what == factLifetime {
		has = fmt.Sprint(int64(time.Duration(*a.Lifetime).Seconds()))
	}
	if has == "" && f.what == factBinding {
		has = "U"
	}
	if same(f, has) {
		return nil
	}
	text := fmt.Sprintf("%q is %q, and profile %q says %q", f.heading, f.text, profile, has)
	if f.what == factURI || f.what == factServer {
		return fmt.Errorf("%s: change the profile, or leave the column with --ignore %q", text, f.heading)
	}
	row.warnings = append(row.warnings, text+", which is given")
	return nil
}

// What facts are about.
const (
	factURI      = "uri"
	factServer   = "shortServerID"
	factLifetime = "lifetime"
	factBinding  = "binding"
)

// same reports whether a fact says what the profile has; a template may give anything.
func same(f fact, has string) bool {
	plain := func(uri string) string {
		uri = strings.ToLower(strings.TrimRight(uri, "/"))
		if strings.HasPrefix(uri, "coaps://") {
			return strings.TrimSuffix(uri, ":5684")
		}
		return strings.TrimSuffix(uri, ":5683")
	}
	switch f.what {
	case factURI:
		return strings.Contains(has, "{{") || plain(f.text) == plain(has)
	case factBinding:
		return strings.Contains(has, "{{") || strings.EqualFold(f.text, has)
	}
	return strings.TrimLeft(f.text, "0") == strings.TrimLeft(has, "0")
}
