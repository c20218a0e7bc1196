package sim

import "lwbs/lwm2m"

// Discovery is how the client answers a Bootstrap-Discover of everything as it leaves the factory:
// with its Bootstrap-Server Account and nothing else that a server has written.
func (p Personality) Discovery() (string, error) {
	d, err := newDevice(p.Config)
	if err != nil {
		return "", err
	}
	return string(d.discover(lwm2m.Path{}).Payload), nil
}
