//! Turns RTP payloads back into frames.

use super::facts::inspect;
use super::{av1, h264, h265, sei, vp8, vp9};
use crate::media::Codec;
use crate::protocol::bitstream::{annexb, av1 as obu};
use bytes::Bytes;

/// Largest frame put together in bytes. What exceeds it is left out, and the frame counts as incomplete.
const MAX_FRAME: usize = 8 << 20;

/// A frame that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assembled {
    /// RTP timestamp of its packets, as given to [`Assembler::push`].
    pub timestamp: u64,
    pub keyframe: bool,
    /// No packet of it is missing, as far as can be known.
    pub complete: bool,
    /// From the SEI message of H.264 and H.265: see [`sei`].
    pub capture_ns: Option<u64>,
    /// Packets that it came in.
    pub packets: u32,
    /// As [`crate::media::Frame::data`].
    pub data: Bytes,
}

/// Puts the frames of one track together. Packets come in the order of their sequence numbers, a jitter buffer before it sees
/// to that; a gap marks the frame incomplete.
pub struct Assembler {
    codec: Codec,
    next_seq: Option<u64>,
    open: Option<Open>,
    /// Ended and not yet taken: two at most, a call ends no more.
    ended: [Option<Assembled>; 2],
}

struct Open {
    timestamp: u64,
    keyframe: bool,
    complete: bool,
    capture_ns: Option<u64>,
    packets: u32,
    data: Vec<u8>,
    /// A fragmented NAL unit or OBU is under way.
    fragment: Option<Vec<u8>>,
}

impl Assembler {
    /// For one track.
    pub fn new(codec: Codec) -> Self {
        Assembler { codec, next_seq: None, open: None, ended: [None, None] }
    }

    /// Takes a packet; then call [`Assembler::poll`] until it is empty. `seq` and `timestamp` are extended (they do not wrap).
    pub fn push(&mut self, seq: u64, timestamp: u64, marker: bool, payload: &Bytes) {
        let contiguous = self.next_seq == Some(seq);
        let first_ever = self.next_seq.is_none();
        if self.next_seq.is_some_and(|next| seq < next) {
            return;
        }
        self.next_seq = Some(seq + 1);
        if self.open.as_ref().is_some_and(|open| open.timestamp != timestamp) {
            // The marker was lost with the packets between, or the sender sets none.
            self.end(contiguous);
        }
        if payload.is_empty() {
            return;
        }
        let facts = inspect(self.codec, payload);
        let open = self.open.get_or_insert_with(|| Open {
            timestamp,
            keyframe: false,
            complete: contiguous || (first_ever && facts.frame_start),
            capture_ns: None,
            packets: 0,
            data: Vec::new(),
            fragment: None,
        });
        open.complete &= contiguous || open.packets == 0;
        open.packets += 1;
        open.keyframe |= facts.keyframe;
        if open.size() + payload.len() > MAX_FRAME {
            open.complete = false;
        } else {
            open.take(self.codec, payload);
        }
        let is_audio = self.codec.kind() == crate::media::MediaKind::Audio;
        if marker || is_audio {
            self.end(true);
        }
    }

    /// The next frame that ended.
    pub fn poll(&mut self) -> Option<Assembled> {
        self.ended[0].take().or_else(|| self.ended[1].take())
    }

    fn end(&mut self, whole: bool) {
        let Some(mut open) = self.open.take() else { return };
        if open.fragment.take().is_some() {
            open.complete = false;
        }
        let assembled = Assembled {
            timestamp: open.timestamp,
            keyframe: open.keyframe,
            complete: open.complete && whole && !open.data.is_empty(),
            capture_ns: open.capture_ns,
            packets: open.packets,
            data: open.data.into(),
        };
        let free = usize::from(self.ended[0].is_some());
        self.ended[free] = Some(assembled);
    }
}

impl Open {
    fn size(&self) -> usize {
        self.data.len() + self.fragment.as_ref().map_or(0, Vec::len)
    }

    fn take(&mut self, codec: Codec, payload: &[u8]) {
        match codec {
            Codec::H264 => {
                for piece in h264::pieces(payload) {
                    self.nal(piece.first, &[piece.header], piece.body);
                    let capture = piece.whole.and_then(sei::read_h264);
                    self.capture_ns = capture.or(self.capture_ns);
                }
            }
            Codec::H265 => {
                for piece in h265::pieces(payload) {
                    self.nal(piece.first, &piece.header, piece.body);
                    let capture = piece.whole.and_then(sei::read_h265);
                    self.capture_ns = capture.or(self.capture_ns);
                }
            }
            Codec::Vp8 => self.plain(payload, vp8::descriptor(payload).map(|descriptor| descriptor.length)),
            Codec::Vp9 => self.plain(payload, vp9::descriptor(payload).map(|descriptor| descriptor.length)),
            Codec::Av1 => {
                for element in av1::elements(payload) {
                    self.obu(&element);
                }
            }
            Codec::Opus | Codec::Pcmu | Codec::Pcma => self.data.extend_from_slice(payload),
        }
    }

    fn plain(&mut self, payload: &[u8], descriptor: Option<usize>) {
        match descriptor {
            Some(length) => self.data.extend_from_slice(&payload[length..]),
            None => self.complete = false,
        }
    }

    fn nal(&mut self, first: bool, header: &[u8], body: &[u8]) {
        if first {
            annexb::push(&mut self.data, header);
        } else if self.data.is_empty() {
            self.complete = false;
            return;
        }
        self.data.extend_from_slice(body);
    }

    fn obu(&mut self, element: &av1::Element<'_>) {
        let mut whole = match (element.continues, self.fragment.take()) {
            (true, Some(started)) => started,
            (true, None) => {
                self.complete = false;
                return;
            }
            (false, lost) => {
                self.complete &= lost.is_none();
                Vec::new()
            }
        };
        whole.extend_from_slice(element.data);
        if element.unfinished {
            self.fragment = Some(whole);
            return;
        }
        let Some(&header) = whole.first() else { return };
        let head = obu::header_length(header);
        if header & obu::HAS_SIZE != 0 {
            self.data.extend_from_slice(&whole);
        } else if head <= whole.len() {
            if self.data.is_empty() {
                // A temporal unit starts with a delimiter, which is not sent over RTP.
                self.data.extend_from_slice(&[obu::TEMPORAL_DELIMITER << 3 | obu::HAS_SIZE, 0]);
            }
            self.data.push(header | obu::HAS_SIZE);
            self.data.extend_from_slice(&whole[1..head]);
            obu::push_leb128(&mut self.data, (whole.len() - head) as u32);
            self.data.extend_from_slice(&whole[head..]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::Frame;
    use crate::protocol::webrtc::payload::{Packetizer, rtpdump};

    fn frames(codec: Codec, packets: impl IntoIterator<Item = (u64, u64, bool, Bytes)>) -> Vec<Assembled> {
        let mut assembler = Assembler::new(codec);
        let mut frames = Vec::new();
        for (seq, timestamp, marker, payload) in packets {
            assembler.push(seq, timestamp, marker, &payload);
            frames.extend(std::iter::from_fn(|| assembler.poll()));
        }
        frames
    }

    fn recorded(codec: Codec, dump: &'static [u8]) -> Vec<Assembled> {
        let packets = rtpdump::read(dump).into_iter().zip(100..);
        frames(codec, packets.map(|(packet, seq)| (seq, packet.timestamp, packet.marker, packet.payload)))
    }

    /// Frames of FFmpeg's packets, through our packetizer and back: the same.
    #[test]
    fn frames_survive_the_way() {
        for (codec, dump) in rtpdump::ALL {
            let originals = recorded(codec, dump);
            assert_eq!(originals.len(), 10, "{codec}");
            assert!(originals.iter().all(|frame| frame.complete), "{codec}");
            let mut packetizer = Packetizer::new(codec, 300);
            let mut packets = Vec::new();
            for frame in &originals {
                let frame = Frame {
                    track: 0,
                    codec,
                    pts: frame.timestamp,
                    duration: 0,
                    keyframe: frame.keyframe,
                    capture_ns: None,
                    data: frame.data.clone(),
                };
                let payloads = packetizer.packetize(&frame);
                let last = payloads.len() - 1;
                for (index, payload) in payloads.into_iter().enumerate() {
                    assert!(payload.len() <= 300, "{codec}");
                    packets.push((packets.len() as u64, frame.pts, index == last, payload));
                }
            }
            assert!(packets.len() > 20, "{codec}");
            let back = frames(codec, packets);
            for (mut frame, original) in back.into_iter().zip(originals) {
                frame.packets = original.packets;
                assert_eq!(frame, original, "{codec}");
            }
        }
    }

    #[test]
    fn losses_are_noticed() {
        for (codec, dump) in rtpdump::ALL {
            let packets = rtpdump::read(dump);
            // That the very first packet is missing can not always be seen.
            for lost in 1..packets.len() {
                let kept = packets.iter().zip(0..).filter(|&(_, seq)| seq != lost as u64);
                let found = frames(
                    codec,
                    kept.map(|(packet, seq)| (seq, packet.timestamp, packet.marker, packet.payload.clone())),
                );
                let damaged = packets[lost].timestamp;
                for frame in found {
                    // A frame that follows a lost end may count as incomplete, too: its own start may be missing.
                    let after_lost_end = packets[lost].marker && frame.timestamp > damaged && !frame.complete;
                    assert!(frame.complete != (frame.timestamp == damaged) || after_lost_end, "{codec} {lost}");
                }
            }
        }
    }

    #[test]
    fn the_capture_time_is_carried() {
        for (codec, dump) in [rtpdump::ALL[0], rtpdump::ALL[1]] {
            let original = &recorded(codec, dump)[0];
            let frame = Frame {
                track: 0,
                codec,
                pts: 0,
                duration: 0,
                keyframe: true,
                capture_ns: Some(1_234_567_890),
                data: original.data.clone(),
            };
            let payloads = Packetizer::new(codec, 1_200).packetize(&frame);
            let last = payloads.len() - 1;
            let packets = payloads.into_iter().enumerate().map(|(at, payload)| (at as u64, 0, at == last, payload));
            assert_eq!(frames(codec, packets)[0].capture_ns, Some(1_234_567_890), "{codec}");
        }
    }

    #[test]
    fn garbage_is_survived() {
        let mut state = 5u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        for codec in Codec::ALL {
            let mut assembler = Assembler::new(codec);
            let mut seq = 0;
            for round in 0..4_000usize {
                let payload: Vec<u8> = (0..round % 40).map(|_| next()).collect();
                seq += u64::from(next() % 3);
                assembler.push(seq, seq / 3, next() % 4 == 0, &payload.into());
                while assembler.poll().is_some() {}
            }
        }
    }

    #[test]
    fn a_frame_without_end_is_bounded() {
        for (codec, first_byte) in [(Codec::Vp8, 0x10), (Codec::Av1, 0xd0), (Codec::H264, 0x1c)] {
            let mut assembler = Assembler::new(codec);
            let payload = |first| Bytes::from([&[first][..], &[0x10; 60_000]].concat());
            assembler.push(0, 0, false, &payload(if codec == Codec::Av1 { 0x50 } else { first_byte }));
            for seq in 1..200 {
                assembler.push(seq, 0, false, &payload(first_byte));
            }
            let held = assembler.open.as_ref().map(Open::size);
            assert!(held.is_some_and(|size| size <= MAX_FRAME), "{codec}");
            assembler.push(200, 0, true, &payload(first_byte));
            assert!(assembler.poll().is_some_and(|frame| !frame.complete), "{codec}");
        }
    }
}
