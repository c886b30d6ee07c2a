"""What a viewer decoded: picture size and motion, the tone of each channel, and how far sound and picture are apart."""

import numpy as np

# Test pictures flash a white square here and sound a pip at each full second: the middle, as fractions of width and height.
FLASH_AT = (0.5, 0.82)
FLASH_RADIUS = 0.025
FLASH_LUMA = 140
TONE_STEP_S = 0.005


def readable(luma):
    """Whether the row of black and white cells along the upper edge reads as what it says, as in src/codec/pattern.rs."""
    height, width = luma.shape
    rows = max(4, height // 30)

    def level(cell):
        start, end = width * cell // 44, width * (cell + 1) // 44
        inset = (end - start) // 4
        return float(luma[rows // 4 : rows - rows // 4, start + inset : end - inset].mean())

    white, black = level(0), level(1)
    bits = [int(level(cell) > (white + black) / 2) for cell in range(2, 42)]
    octets = [int("".join(map(str, bits[at : at + 8])), 2) for at in range(0, 40, 8)]
    crc = 0x5A
    for octet in octets[:4]:
        crc ^= octet
        for _ in range(8):
            crc = ((crc << 1) ^ 7 if crc & 0x80 else crc << 1) & 0xFF
    return white > black + 64 and crc == octets[4]


class Video:
    def __init__(self):
        self.frames = 0
        self.unreadable = 0
        self.width = self.height = 0
        self.sizes = set()
        self.motion = []
        self.flashes = []
        self._previous = None
        self._lit = True  # an unknown past: the first frame is no flash

    def add(self, luma, seconds):
        """luma: the whole picture, one byte a pixel; seconds: media time, or None where it is not known."""
        self.frames += 1
        self.height, self.width = luma.shape
        self.sizes.add((self.width, self.height))
        self.unreadable += not readable(luma)
        small = luma[:: max(1, self.height // 45), :: max(1, self.width // 80)].astype(np.int16)
        if self._previous is not None and self._previous.shape == small.shape:
            self.motion.append(float(np.abs(small - self._previous).mean()))
        self._previous = small
        x, y, radius = self.width * FLASH_AT[0], self.height * FLASH_AT[1], self.height * FLASH_RADIUS
        square = luma[int(y - radius) : int(y + radius) + 1, int(x - radius) : int(x + radius) + 1]
        lit = float(square.mean()) > FLASH_LUMA
        if lit and not self._lit and seconds is not None:
            self.flashes.append(seconds)
        self._lit = lit

    def report(self):
        return {
            "frames": self.frames,
            "width": self.width,
            "height": self.height,
            "sizes": sorted(self.sizes),
            "motion": round(float(np.median(self.motion)), 3) if self.motion else 0.0,
            "unreadable": self.unreadable,
        }


class Audio:
    def __init__(self, rate=48000):
        self.rate = rate
        self.blocks = []
        self.starts = []

    def add(self, samples, seconds):
        """samples: floats of -1 to 1, shape (n, 2); seconds: media time of the first one, or None."""
        self.blocks.append(samples)
        self.starts.append(seconds)

    def report(self):
        if not self.blocks:
            return {"seconds": 0.0, "left_hz": 0.0, "right_hz": 0.0, "rms": 0.0}
        samples = np.concatenate(self.blocks)
        # The first moments hold decoder start-up and concealment.
        settled = samples[len(samples) // 4 :]
        return {
            "seconds": round(len(samples) / self.rate, 2),
            "left_hz": self._tone(settled[:, 0]),
            "right_hz": self._tone(settled[:, 1]),
            "rms": round(float(np.sqrt((settled**2).mean())), 4),
        }

    def _tone(self, channel):
        if len(channel) < self.rate // 4:
            return 0.0
        spectrum = np.abs(np.fft.rfft(channel * np.hanning(len(channel))))
        return round(float(spectrum.argmax()) * self.rate / len(channel), 1)

    def beeps(self):
        """Media times at which the volume jumped up."""
        found, quiet = [], False
        step = int(self.rate * TONE_STEP_S)
        loud = max((float(np.abs(block).max()) for block in self.blocks), default=0.0)
        for block, start in zip(self.blocks, self.starts):
            for at in range(0, len(block) - step + 1, step):
                level = float(np.abs(block[at : at + step]).max())
                if level > loud * 0.6:
                    if quiet and start is not None:
                        found.append(start + at / self.rate)
                    quiet = False
                elif level < loud * 0.4:
                    quiet = True
        return found


def skew_ms(flashes, beeps):
    """Median of picture minus sound over all flashes with a beep near them; positive: the picture is late."""
    near = []
    for flash in flashes:
        gaps = [flash - beep for beep in beeps if abs(flash - beep) < 0.5]
        if gaps:
            near.append(min(gaps, key=abs))
    return round(float(np.median(near)) * 1000, 1) if near else None
