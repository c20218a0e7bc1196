package coaptest

import "os"

// PionForPSK reports whether pion is to run the handshakes of the listeners under test, as
// LWBS_TEST_PSK=pion asks for: make test runs the tests of DTLS both ways.
func PionForPSK() bool { return os.Getenv("LWBS_TEST_PSK") == "pion" }
