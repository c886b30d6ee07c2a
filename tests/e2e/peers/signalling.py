"""WHIP and WHEP over HTTP for the Python peers: one POST, one DELETE, nothing else."""

import sys
import urllib.error
import urllib.parse
import urllib.request


def post(url, offer, token=None):
    """Returns the session's URL and the answer; ends the program with the server's words where it refuses."""
    request = urllib.request.Request(url, data=offer.encode(), method="POST")
    request.add_header("Content-Type", "application/sdp")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            location = urllib.parse.urljoin(url, response.headers["Location"])
            return location, response.read().decode()
    except urllib.error.HTTPError as error:
        sys.exit(f"POST {url}: {error.code} {error.read().decode(errors='replace')}")


def delete(location, token=None):
    request = urllib.request.Request(location, method="DELETE")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    urllib.request.urlopen(request, timeout=10).close()
