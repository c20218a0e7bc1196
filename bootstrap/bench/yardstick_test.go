//go:build linux

package bench_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"

	piondtls "github.com/pion/dtls/v3"
	"github.com/plgd-dev/go-coap/v3/dtls"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/mux"
	coapnet "github.com/plgd-dev/go-coap/v3/net"
	"github.com/plgd-dev/go-coap/v3/options"
	"github.com/plgd-dev/go-coap/v3/udp"
)

// yardstickVariable names the yardstick that this program is to be, where it was started as a peer of
// [BenchmarkPeers], and yardstickDir where the certificates of the devices' CA and of the server are.
const (
	yardstickVariable = "LWBS_BENCH_YARDSTICK"
	yardstickDir      = "LWBS_BENCH_DIR"
)

// A yardstick is a server that answers each request of a device with 2.04 and knows nothing of LwM2M: what the
// datagrams of a bootstrap cost at least with the library that it is made of.
type yardstick struct {
	plain  func(at *net.UDPAddr) (net.Addr, error) // nil: it has none
	secure func(at *net.UDPAddr) (net.Addr, error)
}

var yardsticks = map[string]yardstick{
	rawUDPName: {plain: echoUDP},
	pionName:   {secure: echoPion},
	goCoAPName: {plain: goCoAP, secure: goCoAPSecure},
}

// serveYardstick is the whole program where it was started as a yardstick. It ends with its standard input.
func serveYardstick(name string) error {
	y, ok := yardsticks[name]
	if !ok {
		return fmt.Errorf("no yardstick is called %q", name)
	}
	at := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}
	for scheme, serve := range map[string]func(*net.UDPAddr) (net.Addr, error){"coap": y.plain, "coaps": y.secure} {
		if serve == nil {
			continue
		}
		addr, err := serve(at)
		if err != nil {
			return err
		}
		fmt.Printf("listening on %s://%v\n", scheme, addr)
	}
	fmt.Println("ready")
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// answer makes the answer of a request in its place: 2.04 in the acknowledgement (RFC 7252 §5.2.1).
func answer(b []byte) []byte {
	if len(b) < 4 || len(b) < 4+int(b[0]&0x0f) {
		return nil
	}
	token := int(b[0] & 0x0f)
	b[0], b[1] = b[0]&0xcf|0x20, 0x44
	return b[:4+token]
}

func echoUDP(at *net.UDPAddr) (net.Addr, error) {
	socket, err := net.ListenUDP("udp4", at)
	if err != nil {
		return nil, err
	}
	_ = socket.SetReadBuffer(receiveBuffer)
	go func() {
		buf := make([]byte, 2048)
		for {
			n, from, err := socket.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			_, _ = socket.WriteToUDPAddrPort(answer(buf[:n]), from)
		}
	}()
	return socket.LocalAddr(), nil
}

// receiveBuffer is what lwbs asks the system for too.
const receiveBuffer = 16 << 20

func echoPion(at *net.UDPAddr) (net.Addr, error) {
	opts, err := pionOptions()
	if err != nil {
		return nil, err
	}
	l, err := piondtls.ListenWithOptions("udp4", at, opts...)
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				buf := make([]byte, 2048)
				for {
					n, err := conn.Read(buf) // which shakes hands first
					if err != nil {
						return
					}
					if _, err := conn.Write(answer(buf[:n])); err != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr(), nil
}

// pionOptions know the key of each device, and the certificates of their CA.
func pionOptions() ([]piondtls.ServerOption, error) {
	dir := os.Getenv(yardstickDir)
	pair, err1 := tls.LoadX509KeyPair(filepath.Join(dir, "server.crt"), filepath.Join(dir, "server.key"))
	ca, err2 := os.ReadFile(filepath.Join(dir, "ca.crt"))
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	block, _ := pem.Decode(ca)
	trusted, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(trusted)
	return []piondtls.ServerOption{
		piondtls.WithPSK(keyOf),
		piondtls.WithCertificates(pair),
		piondtls.WithClientAuth(piondtls.RequireAndVerifyClientCert),
		piondtls.WithClientCAs(pool),
		piondtls.WithCipherSuites(piondtls.TLS_PSK_WITH_AES_128_CCM_8, piondtls.TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8),
		piondtls.WithExtendedMasterSecret(piondtls.RequestExtendedMasterSecret),
	}, nil
}

// keyOf is the key of the device with an identity.
func keyOf(identity []byte) ([]byte, error) {
	var i int
	if _, err := fmt.Sscanf(string(identity), endpointFormat, &i); err != nil || !bytes.Equal(identity, []byte(endpoint(i))) {
		return nil, errors.New("unknown identity")
	}
	return key(i), nil
}

// answering is the handler of go-coap.
func answering(w mux.ResponseWriter, _ *mux.Message) { _ = w.SetResponse(codes.Changed, 0, nil) }

func goCoAP(at *net.UDPAddr) (net.Addr, error) {
	l, err := coapnet.NewListenUDP("udp4", at.String())
	if err != nil {
		return nil, err
	}
	router := mux.NewRouter()
	router.DefaultHandleFunc(answering)
	go func() { _ = udp.NewServer(options.WithMux(router)).Serve(l) }()
	return l.LocalAddr(), nil
}

func goCoAPSecure(at *net.UDPAddr) (net.Addr, error) {
	opts, err := pionOptions()
	if err != nil {
		return nil, err
	}
	l, err := coapnet.NewDTLSListener("udp4", at.String(), coapnet.NewDTLSServerOptions(opts...))
	if err != nil {
		return nil, err
	}
	router := mux.NewRouter()
	router.DefaultHandleFunc(answering)
	go func() { _ = dtls.NewServer(options.WithMux(router)).Serve(l) }()
	return l.Addr(), nil
}
