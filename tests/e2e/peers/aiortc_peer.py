"""What publisher and viewer with aiortc have in common: addresses, connecting, options."""

import argparse
import asyncio
import sys

import aioice.ice
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

import signalling


def options(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("url")
    parser.add_argument("--codec", default="VP8", help="VP8 or H264")
    parser.add_argument("--audio", default="opus", help="opus, pcmu or pcma")
    parser.add_argument("--token")
    parser.add_argument("--address", default="127.0.0.1", help="local address of all media")
    return parser


def peer_connection(address):
    # aioice leaves loopback out; these tests use nothing else.
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: [address]
    # No servers: the default one is on the internet.
    return RTCPeerConnection(RTCConfiguration(iceServers=[]))


async def connect(peer, url, token):
    """Negotiates and waits for DTLS; returns the session's URL."""
    connected = asyncio.get_running_loop().create_future()

    @peer.on("connectionstatechange")
    def changed():
        if peer.connectionState == "connected" and not connected.done():
            connected.set_result(None)
        if peer.connectionState in ("failed", "closed") and not connected.done():
            sys.exit(f"connection {peer.connectionState}")

    await peer.setLocalDescription(await peer.createOffer())
    location, answer = await asyncio.to_thread(signalling.post, url, peer.localDescription.sdp, token)
    await peer.setRemoteDescription(RTCSessionDescription(sdp=answer, type="answer"))
    await asyncio.wait_for(connected, 10)
    return location
