"""Opens a TLS connection to HOST PORT as any client does, and prints what it is offered there as one JSON line."""

import hashlib
import json
import socket
import ssl
import sys

host, port = sys.argv[1], int(sys.argv[2])
context = ssl.create_default_context()
# The caller compares the certificate with the one that it made.
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
context.set_alpn_protocols(["http/1.1"])
with socket.create_connection((host, port), timeout=10) as plain, context.wrap_socket(plain) as tls:
    tls.sendall(f"GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    status = int(tls.makefile("rb").readline().split()[1])
    digest = hashlib.sha256(tls.getpeercert(binary_form=True)).hexdigest()
    print(json.dumps({"sha256": digest, "protocol": tls.selected_alpn_protocol(), "tls": tls.version(), "status": status}))
