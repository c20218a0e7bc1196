"""A DTLS client on Mbed TLS, in the manner of "openssl s_client": what it reads from
standard input it sends, one datagram for each read, and what the server says it writes to
standard output. Key and identity are public: this is for tests."""

import argparse
import os
import selectors
import socket
import sys

from mbedtls import exceptions, pk, tls
from mbedtls.x509 import CRT


def configuration(args):
    """The versions that Mbed TLS allows by default are DTLS 1.0 and 1.2, and its first
    flight then has the record version 0xfe00."""
    options = {"handshake_timeout_min": 1.0, "handshake_timeout_max": 4.0}
    if args.psk:
        options["pre_shared_key"] = (args.identity, bytes.fromhex(args.psk))
        options["validate_certificates"] = False
    if args.ca:
        with open(args.ca, encoding="ascii") as f:
            options["trust_store"] = tls.TrustStore([CRT.from_PEM(f.read())])
    if args.certificate:
        with open(args.certificate, encoding="ascii") as c, open(args.key, encoding="ascii") as k:
            options["certificate_chain"] = ([CRT.from_PEM(c.read())], pk.ECC.from_PEM(k.read()))
    if args.suite:
        options["ciphers"] = (args.suite,)
    return tls.DTLSConfiguration(**options)


def converse(secure):
    """Carries datagrams both ways until standard input or the association ends."""
    with selectors.DefaultSelector() as selector:
        selector.register(sys.stdin.fileno(), selectors.EVENT_READ)
        selector.register(secure.fileno(), selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fd == secure.fileno():
                    data = secure.recv(8192)
                    if not data:
                        return
                    os.write(sys.stdout.fileno(), data)
                    continue
                data = os.read(sys.stdin.fileno(), 8192)
                if not data:
                    return
                secure.send(data)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connect", required=True, metavar="HOST:PORT")
    parser.add_argument("--identity", metavar="TEXT")
    parser.add_argument("--psk", metavar="HEX")
    parser.add_argument("--ca", metavar="FILE", help="certificate to trust, PEM")
    parser.add_argument("--name", help="of the server, in its certificate; the host by default")
    parser.add_argument("--certificate", metavar="FILE", help="its own, PEM")
    parser.add_argument("--key", metavar="FILE", help="of that: an ECDSA key, PKCS#8 in PEM")
    parser.add_argument("--suite", metavar="NAME", help="the only one to offer")
    args = parser.parse_args()

    host, _, port = args.connect.rpartition(":")
    plain = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    secure = tls.ClientContext(configuration(args)).wrap_socket(plain, server_hostname=args.name or host)
    secure.connect((host, int(port)))
    try:
        secure.do_handshake()
    except exceptions.TLSError as error:
        sys.exit(f"handshake: {error}")
    print(f"handshake complete: {secure.negotiated_tls_version()} {secure.cipher()}", file=sys.stderr)
    converse(secure)


main()
