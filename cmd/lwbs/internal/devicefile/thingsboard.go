package devicefile

// ThingsBoard is a table for its bulk import, whose headings are the column types that a mapping names
// there, such as LWM2M_CLIENT_ENDPOINT; a table with headings of its own says with --map which they are.
// Keys are in hexadecimal digits.
//
// A device there has credentials of a client, and may have others for the Bootstrap-Server and the LwM2M
// Server. Those of the client stand in for the ones that it does not have.
func ThingsBoard(o PresetOptions) Preset {
	const client, bootstrap, server = "LWM2M_CLIENT_SECURITY_CONFIG_MODE", "LWM2M_BOOTSTRAP_SERVER_SECURITY_MODE", "LWM2M_SERVER_SECURITY_MODE"
	p := &preset{
		names: map[string]string{
			"lwm2mclientendpoint": "endpoint", "description": "note", "label": "tag", "type": "",
			"lwm2mbootstrapserverpublickeyorid": "psk-identity", "lwm2mbootstrapserversecretkey": "psk-key",
			bare(client): client, bare(bootstrap): bootstrap, bare(server): server,
			"lwm2mclientidentity": "LWM2M_CLIENT_IDENTITY", "lwm2mclientkey": "LWM2M_CLIENT_KEY", "lwm2mclientcert": "LWM2M_CLIENT_CERT",
			"lwm2mserverclientpublickeyorid": "LWM2M_SERVER_CLIENT_PUBLIC_KEY_OR_ID", "lwm2mserverclientsecretkey": "LWM2M_SERVER_CLIENT_SECRET_KEY",
		},
		uses: map[string]columnUse{
			client:                                 modeUse(func(f *foreignRow) *string { return &f.clientMode }),
			bootstrap:                              modeUse(func(f *foreignRow) *string { return &f.bootstrapMode }),
			server:                                 modeUse(func(f *foreignRow) *string { return &f.serverMode }),
			"LWM2M_CLIENT_IDENTITY":                modeUse(func(f *foreignRow) *string { return &f.client.identity }),
			"LWM2M_CLIENT_KEY":                     keyUse(func(f *foreignRow) *[]byte { return &f.client.key }),
			"LWM2M_CLIENT_CERT":                    keyUse(func(f *foreignRow) *[]byte { return &f.certificate }),
			"LWM2M_SERVER_CLIENT_PUBLIC_KEY_OR_ID": modeUse(func(f *foreignRow) *string { return &f.server.identity }),
			"LWM2M_SERVER_CLIENT_SECRET_KEY":       keyUse(func(f *foreignRow) *[]byte { return &f.server.key }),
		},
	}
	p.finish = func(row *Row) error {
		f := row.foreign
		own, err := knownMode(client, f.clientMode)
		if err != nil {
			return err
		}
		mode, column, err := orClient(bootstrap, f.bootstrapMode, client, own)
		if err != nil {
			return err
		}
		if row.pskKey == nil && f.client.key != nil && (mode == modePSK || mode == "") {
			row.pskKey, row.pskIdentity = f.client.key, f.client.identity
		}
		if err := p.bootstraps(row, column, mode); err != nil {
			return err
		}
		if mode, column, err = orClient(server, f.serverMode, client, own); err != nil {
			return err
		}
		key := f.server
		if key.key == nil {
			key = f.client
		}
		if mode == modeCertificate {
			row.warnings = append(row.warnings, "the private key for the LwM2M Server is not in the file: put it with lwbs device set NAME --account-key-file")
			return nil
		}
		return p.given(row, column, mode, key)
	}
	return p
}

// orClient is the mode of a column, or that of the client where the file does not say; and which column
// says so.
func orClient(column, text, client, own string) (mode, said string, err error) {
	if text == "" {
		return own, client, nil
	}
	mode, err = knownMode(column, text)
	return mode, column, err
}
