package devicefile

// Cumulocity is the table for bulk registration of its LwM2M agent, as its users download it: headings
// such as "endpoint id", "bootstrapSecurityMode", "bootstrap psk_key"; keys in hexadecimal digits.
// Certificates are PEM in a cell. What its accounts are, such as "lwm2m server uri", is in the profile
// here, and compared with it.
func Cumulocity(o PresetOptions) Preset {
	p := &preset{
		names: map[string]string{
			"endpointid": "endpoint", "bootstrappskid": "psk-identity", "bootstrappskkey": "psk-key",
			"securitymode": "securityMode", "bootstrapsecuritymode": "bootstrapSecurityMode",
			"lwm2mpskid": "lwm2m psk_id", "lwm2mpskkey": "lwm2m psk_key",
			"x509clientcertificate": "x509ClientCertificate", "x509clientprivatekey": "x509ClientPrivateKey",
			"lwm2mserveruri": "lwm2m server uri", "lwm2mshortserverid": "lwm2mShortServerId",
			"registrationlifetime": "registrationLifetime", "bindingmode": "bindingMode",
			"type": "", "name": "", // of the device in Cumulocity
		},
		uses: map[string]columnUse{
			"securityMode":          modeUse(func(f *foreignRow) *string { return &f.serverMode }),
			"bootstrapSecurityMode": modeUse(func(f *foreignRow) *string { return &f.bootstrapMode }),
			"lwm2m psk_id":          modeUse(func(f *foreignRow) *string { return &f.server.identity }),
			"lwm2m psk_key":         keyUse(func(f *foreignRow) *[]byte { return &f.server.key }),
			"x509ClientCertificate": keyUse(func(f *foreignRow) *[]byte { return &f.certificate }),
			"x509ClientPrivateKey":  keyUse(func(f *foreignRow) *[]byte { return &f.privateKey }),
			"lwm2m server uri":      factUse("lwm2m server uri", factURI),
			"lwm2mShortServerId":    factUse("lwm2mShortServerId", factServer),
			"registrationLifetime":  factUse("registrationLifetime", factLifetime),
			"bindingMode":           factUse("bindingMode", factBinding),
		},
	}
	p.finish = func(row *Row) error {
		const bootstrap, server = "bootstrapSecurityMode", "securityMode"
		mode, err := knownMode(bootstrap, row.foreign.bootstrapMode)
		if err == nil {
			err = p.bootstraps(row, bootstrap, mode)
		}
		if err != nil {
			return err
		}
		if mode, err = knownMode(server, row.foreign.serverMode); err != nil {
			return err
		}
		return p.given(row, server, mode, row.foreign.server)
	}
	return p
}
