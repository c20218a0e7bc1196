package devicefile

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"unicode"

	"lwbs/cmd/lwbs/internal/input"
	"lwbs/lwm2m"
	"lwbs/lwm2m/content"
	"lwbs/store/profilefile"
)

// A columnUse puts the text of a cell, which is not empty, into the settings of a device.
type columnUse func(text string, row *Row, form input.KeyForm) error

// columnUses are what a column can be for, by its name here.
var columnUses = map[string]columnUse{
	"endpoint": func(text string, row *Row, _ input.KeyForm) error {
		row.endpoint = lwm2m.EndpointName(text)
		return nil
	},
	"profile":      func(text string, row *Row, _ input.KeyForm) error { row.settings.Profile = &text; return nil },
	"note":         func(text string, row *Row, _ input.KeyForm) error { row.settings.Note = &text; return nil },
	"psk-identity": func(text string, row *Row, _ input.KeyForm) error { row.pskIdentity = text; return nil },
	"psk-key": func(text string, row *Row, form input.KeyForm) error {
		key, err := cellKey(text, row, form)
		row.pskKey = key
		return err
	},
	"tag": func(text string, row *Row, _ input.KeyForm) error {
		for _, tag := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune("|,;\n", r) }) {
			if tag = strings.TrimSpace(tag); tag != "" && !slices.Contains(row.settings.AddTags, tag) {
				row.settings.AddTags = append(row.settings.AddTags, tag)
			}
		}
		return nil
	},
	"certificate-fingerprint": func(text string, row *Row, _ input.KeyForm) error {
		fingerprint, err := input.Fingerprint(text)
		row.settings.Certificates = &[]string{fingerprint}
		return err
	},
	"certificate-name": func(text string, row *Row, _ input.KeyForm) error {
		row.settings.CertificateNames = &[]string{text}
		return nil
	},
	"format": func(text string, row *Row, _ input.KeyForm) error {
		row.settings.Format = new(lwm2m.Format)
		if err := row.settings.Format.UnmarshalText([]byte(text)); err != nil || *row.settings.Format != 0 && !content.Writable(*row.settings.Format) {
			return fmt.Errorf("%q is not tlv, senml-json, senml-cbor, lwm2m-cbor or none", text)
		}
		return nil
	},
	"no-sec": func(text string, row *Row, _ input.KeyForm) (err error) {
		row.settings.NoSec, err = yesOrNo(text)
		return err
	},
	"disabled": func(text string, row *Row, _ input.KeyForm) (err error) {
		row.settings.Disabled, err = yesOrNo(text)
		return err
	},
}

// columnForms are the names with a part of their own, as help and errors show them.
var columnForms = []string{"var.NAME", "account.NAME.key", "account.NAME.identity", "account.NAME.certificate", "account.NAME.master-secret", "secret.PATH"}

// yesOrNo reads a cell as people answer a question.
func yesOrNo(text string) (*bool, error) {
	switch strings.ToLower(text) {
	case "yes", "y", "true", "1", "x":
		return new(true), nil
	case "no", "n", "false", "0", "-":
		return new(false), nil
	}
	return nil, fmt.Errorf("%q is not yes or no", text)
}

// useOf is what the column of a name here is for, nil for none of this name.
func useOf(name string) columnUse {
	if use := columnUses[name]; use != nil {
		return use
	}
	kind, rest, _ := strings.Cut(name, ".")
	account, what, _ := cutLast(rest, ".")
	switch {
	case rest == "":
	case kind == "var":
		return func(text string, row *Row, _ input.KeyForm) error {
			setIn(&row.settings.Vars, rest, text)
			return nil
		}
	case kind == "secret":
		return secretUse(rest)
	case kind != "account" || account == "":
	case what == "key":
		return func(text string, row *Row, form input.KeyForm) error {
			return putBytes(&row.settings.AccountKeys, account, text, row, form)
		}
	case what == "master-secret":
		return func(text string, row *Row, form input.KeyForm) error {
			return putBytes(&row.settings.AccountMasterSecrets, account, text, row, form)
		}
	case what == "identity":
		return func(text string, row *Row, _ input.KeyForm) error {
			setIn(&row.settings.AccountIdentities, account, text)
			return nil
		}
	case what == "certificate":
		return func(text string, row *Row, form input.KeyForm) error {
			if plain, ok := input.PEMText([]byte(text)); ok {
				setIn(&row.settings.AccountCertificates, account, plain)
				return nil
			}
			return putBytes(&row.settings.AccountCertificates, account, text, row, form)
		}
	}
	return nil
}

// secretUse is the use of a column with values of a secret Resource; nil where that is no path.
func secretUse(text string) columnUse {
	path, err := lwm2m.ParsePath("/" + strings.TrimPrefix(text, "/"))
	if err != nil {
		return nil
	}
	return func(text string, row *Row, _ input.KeyForm) error {
		setIn(&row.settings.Secrets, path, []byte(text))
		return nil
	}
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

func setIn[K comparable, V any](into *map[K]V, key K, value V) {
	if *into == nil {
		*into = make(map[K]V)
	}
	(*into)[key] = value
}

func putBytes(into *map[string][]byte, key, text string, row *Row, form input.KeyForm) error {
	if plain, ok := input.PEMText([]byte(text)); ok {
		setIn(into, key, plain)
		return nil
	}
	b, err := cellKey(text, row, form)
	setIn(into, key, b)
	return err
}

// columnAliases are headings that others give such columns, without case, spaces and signs.
var columnAliases = map[string]string{
	"endpointname": "endpoint", "endpointclientname": "endpoint", "ep": "endpoint", "endpointid": "endpoint",
	"lwm2mendpoint": "endpoint", "lwm2mclientendpoint": "endpoint", "clientendpoint": "endpoint", "clientname": "endpoint",
	"pskid": "psk-identity", "identity": "psk-identity", "lwm2mclientidentity": "psk-identity", "bootstrappskid": "psk-identity", "bootstrapidentity": "psk-identity",
	"psk": "psk-key", "key": "psk-key", "presharedkey": "psk-key", "secret": "psk-key", "secretkey": "psk-key", "hexpsk": "psk-key", "pskhex": "psk-key",
	"lwm2mclientkey": "psk-key", "bootstrappskkey": "psk-key", "bootstrapkey": "psk-key", "pskkeyhex": "psk-key",
	"tags": "tag", "label": "tag", "labels": "tag", "notes": "note", "comment": "note", "comments": "note", "remark": "note", "remarks": "note",
	"fingerprint": "certificate-fingerprint", "sha256fingerprint": "certificate-fingerprint", "profilename": "profile",
}

// resultColumns are those that import adds to the rows that it refuses; they are not read.
var resultColumns = []string{"line", "error"}

// bare is a heading without case, spaces and signs.
func bare(heading string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
}

// columnNamed is the name here of a column with this heading; empty where it has none.
func columnNamed(heading string) string {
	if name := strings.ToLower(strings.TrimSpace(heading)); columnUses[name] != nil {
		return name
	}
	if kind, rest, found := strings.Cut(heading, "."); found {
		if name := strings.ToLower(kind) + "." + rest; useOf(name) != nil {
			return name
		}
	}
	for name := range columnUses {
		if bare(name) == bare(heading) {
			return name
		}
	}
	return columnAliases[bare(heading)]
}

// ColumnOptions say what the headings of a table do not.
type ColumnOptions struct {
	Mapped    map[string]string // by heading: the name here
	Ignored   []string          // headings
	Templates map[string]string // by name here: a template over the other columns
	Keys      input.KeyForm     // how keys are written; without a format where nothing says so

	preset *preset // of another system; nil for none
}

// An OptionError is a mistake in the options, or one that others would mend.
type OptionError struct{ text string }

func (e *OptionError) Error() string { return e.text }

func usagef(format string, args ...any) error { return &OptionError{fmt.Sprintf(format, args...)} }

// Names turns the names in Mapped into those here. Its error is about one that no column can have.
func (o ColumnOptions) Names() error {
	for heading, name := range o.Mapped {
		o.Mapped[heading] = o.canonical(name)
		if o.use(o.Mapped[heading]) == nil {
			return usagef("--map %s=%s: a column can be for %s", heading, name, o.possible())
		}
	}
	return nil
}

// A columnMap is what the columns of one table are for.
type columnMap struct {
	headings []string
	names    []string // by column: the name here; empty for those that are not read
	uses     []columnUse
	computed []computedColumn
	form     input.KeyForm
	keys     bool    // a column has keys
	preset   *preset // nil for none
}

// A computedColumn is made of others.
type computedColumn struct {
	name   string
	use    columnUse
	text   *template.Template
	fields map[string]bool // the variables in it
}

// mapColumns finds out what the columns are for. Its errors say what is missing.
func mapColumns(headings []string, o ColumnOptions) (*columnMap, error) {
	m := &columnMap{headings: headings, names: make([]string, len(headings)), uses: make([]columnUse, len(headings)), form: o.Keys, preset: o.preset}
	for _, heading := range slices.Concat(slices.Sorted(maps.Keys(o.Mapped)), o.Ignored) {
		if !slices.ContainsFunc(headings, func(h string) bool { return strings.EqualFold(h, heading) }) {
			return nil, usagef("there is no column %q: the columns are %s", heading, listed(headings))
		}
	}
	used := make(map[string]string)
	for i, heading := range headings {
		name, err := o.nameOf(heading)
		if err != nil {
			return nil, err
		}
		if name == "" {
			continue
		}
		if other, twice := used[name]; twice && other == heading {
			return nil, fmt.Errorf("two columns have the heading %q: give one of them another in the file", heading)
		} else if twice {
			return nil, fmt.Errorf("columns %q and %q are both taken for %s: leave one with --ignore, or --map it to something else", other, heading, name)
		}
		used[name] = heading
		m.names[i], m.uses[i] = name, o.use(name)
		m.keys = m.keys || holdsKeys(name)
	}
	if err := m.compute(o, used); err != nil {
		return nil, err
	}
	if _, found := used["endpoint"]; !found {
		return nil, usagef("no column has the endpoint names: say which with --map COLUMN=endpoint, or make them of others, such as --endpoint 'urn:imei:{{.IMEI}}'; the columns are %s", listed(headings))
	}
	if m.keys && o.Keys.Format == "" {
		return nil, usagef("a column has keys: %s hex, base64 or text says how they are written, as that is not guessed", o.Keys.Option)
	}
	return m, nil
}

// nameOf is the name here of the column with a heading; empty for one that is not read.
func (o ColumnOptions) nameOf(heading string) (string, error) {
	is := func(other string) bool { return strings.EqualFold(heading, other) }
	if slices.ContainsFunc(o.Ignored, is) || slices.ContainsFunc(resultColumns, is) {
		return "", nil
	}
	for from, name := range o.Mapped {
		if is(from) {
			return name, nil
		}
	}
	if o.preset != nil {
		if name, ok := o.preset.names[bare(heading)]; ok {
			return name, nil
		}
	}
	if name := columnNamed(heading); name != "" {
		return name, nil
	}
	known := maps.Clone(columnAliases)
	for name := range columnUses {
		known[bare(name)] = name
	}
	if near := nearColumn(bare(heading), known); near != "" {
		return "", fmt.Errorf("column %q is not known: if it is %s, say --map %s; if not, --ignore %s", heading, near, strconv.Quote(heading+"="+near), strconv.Quote(heading))
	}
	return "", nil
}

// shortestMistyped is how many letters a heading has at least that is taken for one mistyped: shorter
// ones, such as IP and Name, are near to many.
const shortestMistyped = 5

// nearColumn is the name here of the column that a heading may be a mistyped one for; empty for none.
func nearColumn(heading string, known map[string]string) string {
	near := profilefile.Nearest(heading, slices.Sorted(maps.Keys(known)))
	if longer := len(heading) - len(near); len(heading) < shortestMistyped || longer < -1 || longer > 1 {
		return ""
	}
	return known[near]
}

// holdsKeys reports whether the cells of a column are written as --key-format says.
func holdsKeys(name string) bool {
	if strings.HasPrefix(name, "var.") || strings.HasPrefix(name, "secret.") {
		return false
	}
	return strings.HasSuffix(strings.ToLower(name), "key") || strings.HasSuffix(name, ".master-secret")
}

// compute prepares the columns that are made of others.
func (m *columnMap) compute(o ColumnOptions, used map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(o.Templates)) {
		use := o.use(name)
		if use == nil {
			return usagef("there is no column %q to make: possible are %s", name, o.possible())
		}
		if heading, twice := used[name]; twice {
			return usagef("%s is column %q of the table, and made of others too: leave the column with --ignore %s", name, heading, strconv.Quote(heading))
		}
		used[name] = "--column " + name
		text, err := template.New(name).Option("missingkey=error").Parse(o.Templates[name])
		if err != nil {
			return usagef("the template for %s: %v", name, err)
		}
		fields := make(map[string]bool)
		fieldsOf(text.Root, fields)
		if err := m.checkFields(name, fields); err != nil {
			return err
		}
		m.computed = append(m.computed, computedColumn{name, use, text, fields})
		m.keys = m.keys || holdsKeys(name)
	}
	return nil
}

// notRead are the headings of the columns that are not read, but for those in templates.
func (m *columnMap) notRead() (out []string) {
	for i, name := range m.names {
		heading := m.headings[i]
		inTemplate := slices.ContainsFunc(m.computed, func(c computedColumn) bool { return c.fields[variable(heading)] })
		if name == "" && heading != "" && !inTemplate && !slices.Contains(resultColumns, strings.ToLower(heading)) {
			out = append(out, heading)
		}
	}
	return out
}

// variable is a heading as it stands in a template: what is no letter, digit or underscore is an
// underscore.
func variable(heading string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' {
			return r
		}
		return '_'
	}, heading)
}

// possible are the names of columns.
func (o ColumnOptions) possible() string {
	all := slices.Concat(slices.Sorted(maps.Keys(columnUses)), columnForms)
	if o.preset != nil {
		all = append(all, slices.Sorted(maps.Keys(o.preset.uses))...)
	}
	return strings.Join(all, ", ")
}

// listed are headings for an error: at most ten.
func listed(headings []string) string {
	const most = 10
	var quoted []string
	for _, h := range headings[:min(len(headings), most)] {
		quoted = append(quoted, strconv.Quote(h))
	}
	if len(headings) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(quoted, ", "), len(headings)-most)
	}
	return strings.Join(quoted, ", ")
}
