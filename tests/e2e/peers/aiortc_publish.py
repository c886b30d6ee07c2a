"""A WHIP publisher with aiortc: a moving picture with a square that flashes, two tones that swell, both at each full second."""

import asyncio
import fractions
import json
import time

import av
import numpy as np
from aiortc import MediaStreamTrack, RTCRtpSender
from aiortc.codecs import vpx, h264

import aiortc_peer

FPS = 30
RATE = 48000
BLOCK = 960


class Paced(MediaStreamTrack):
    """Sends frame n at start + n * period, both tracks from the same start."""

    def __init__(self, start, period):
        super().__init__()
        self.start, self.period, self.n = start, period, 0

    async def turn(self):
        n = self.n
        self.n += 1
        await asyncio.sleep(max(0.0, self.start + n * self.period - time.monotonic()))
        return n


class Picture(Paced):
    kind = "video"

    def __init__(self, start, width, height):
        super().__init__(start, 1 / FPS)
        gradient = np.linspace(0, 200, width, dtype=np.uint8)
        self.base = np.repeat(gradient[None, :, None], height, axis=0).repeat(3, axis=2)

    async def recv(self):
        n = await self.turn()
        picture = np.roll(self.base, n * 4, axis=1).copy()
        height, width, _ = picture.shape
        x, y, radius = width // 2, int(height * 0.82), height // 12
        picture[y - radius : y + radius, x - radius : x + radius] = 255 if n % FPS < FPS // 5 else 0
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
        frame.pts, frame.time_base = n * 90000 // FPS, fractions.Fraction(1, 90000)
        return frame


class Tones(Paced):
    kind = "audio"

    def __init__(self, start, left, right):
        super().__init__(start, BLOCK / RATE)
        self.tones = (left, right)

    async def recv(self):
        n = await self.turn()
        at = (np.arange(BLOCK) + n * BLOCK) / RATE
        volume = np.where(at % 1 < 0.2, 0.5, 0.1)
        channels = np.stack([volume * np.sin(2 * np.pi * hz * at) for hz in self.tones], axis=1)
        samples = (channels * 32767).astype(np.int16).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = RATE, n * BLOCK, fractions.Fraction(1, RATE)
        return frame


async def main():
    parser = aiortc_peer.options(__doc__)
    parser.add_argument("--size", default="640x360")
    parser.add_argument("--left", type=float, default=440)
    parser.add_argument("--right", type=float, default=660)
    parser.add_argument("--only", choices=["audio", "video"])
    arguments = parser.parse_args()
    width, height = map(int, arguments.size.split("x"))
    vpx.DEFAULT_BITRATE = h264.DEFAULT_BITRATE = 1_000_000
    peer = aiortc_peer.peer_connection(arguments.address)
    start = time.monotonic() + 0.2
    if arguments.only != "audio":
        video = peer.addTransceiver(Picture(start, width, height), direction="sendonly")
        codecs = RTCRtpSender.getCapabilities("video").codecs
        video.setCodecPreferences([codec for codec in codecs if codec.name == arguments.codec])
    if arguments.only != "video":
        audio = peer.addTransceiver(Tones(start, arguments.left, arguments.right), direction="sendonly")
        codecs = RTCRtpSender.getCapabilities("audio").codecs
        audio.setCodecPreferences([codec for codec in codecs if codec.name.lower() == arguments.audio])
    location = await aiortc_peer.connect(peer, arguments.url, arguments.token)
    print(json.dumps({"ready": True, "session": location}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
