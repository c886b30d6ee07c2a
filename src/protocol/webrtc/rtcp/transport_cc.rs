//! Reads and writes transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01, 3.1).

use super::word;

/// Arrival times are multiples of this, in microseconds.
const TICK_US: i64 = 250;
/// The reference time counts in these.
const REFERENCE_US: i64 = 64_000;

/// What a receiver tells of packets with consecutive transport-wide numbers.
#[derive(Clone, Copy, Debug)]
pub struct TransportFeedback<'a> {
    /// The first number.
    pub base: u16,
    /// How many numbers follow from `base` on.
    pub count: u16,
    /// Counts the feedback packets, so that lost ones show.
    pub number: u8,
    reference_us: i64,
    chunks: &'a [u8],
    deltas: &'a [u8],
}

impl<'a> TransportFeedback<'a> {
    /// Reads a whole RTCP packet, as [`super::Packet::TransportCc`] has it in `raw`. `None` where it contradicts itself.
    pub fn read(raw: &'a [u8]) -> Option<TransportFeedback<'a>> {
        let padding = if raw.first()? & 0x20 == 0 { 0 } else { usize::from(*raw.last()?) };
        let body = raw.get(12..raw.len().checked_sub(padding)?)?;
        let (numbers, times) = (word(body, 0)?, word(body, 4)?);
        // Signed, 24 bits.
        let reference = i64::from((times & 0xffff_ff00) as i32 >> 8);
        let mut feedback = TransportFeedback {
            base: (numbers >> 16) as u16,
            count: numbers as u16,
            number: times as u8,
            reference_us: reference * REFERENCE_US,
            chunks: &body[8..],
            deltas: &[],
        };
        let (chunk_bytes, delta_bytes) = feedback.measure()?;
        (feedback.chunks, feedback.deltas) = feedback.chunks.split_at_checked(chunk_bytes)?;
        (delta_bytes <= feedback.deltas.len()).then_some(feedback)
    }

    /// Bytes of the chunks, and of the times that they announce. Chunks are counted whole, so that this costs what the packet
    /// is long, not what it claims to cover.
    fn measure(&self) -> Option<(usize, usize)> {
        let (mut left, mut chunks, mut deltas) = (usize::from(self.count), 0, 0);
        while left > 0 {
            let chunk = Chunk::read(self.chunks.get(chunks..)?)?;
            chunks += 2;
            let used = usize::from(chunk.left).min(left);
            deltas += chunk.delta_bytes(used)?;
            left -= used;
        }
        Some((chunks, deltas))
    }

    /// Each number with the time at which its packet came, in microseconds of the receiver's clock; none: it had not come.
    pub fn arrivals(&self) -> Arrivals<'a> {
        Arrivals {
            next: self.base,
            left: self.count,
            time_us: self.reference_us,
            chunk: Chunk { symbols: 0, bits: 0, left: 0 },
            chunks: self.chunks,
            deltas: self.deltas,
        }
    }
}

/// Iterates over the numbers that a feedback covers.
#[derive(Clone, Debug)]
pub struct Arrivals<'a> {
    next: u16,
    left: u16,
    time_us: i64,
    chunk: Chunk,
    chunks: &'a [u8],
    deltas: &'a [u8],
}

impl Iterator for Arrivals<'_> {
    type Item = (u16, Option<i64>);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        if self.chunk.left == 0 {
            self.chunk = Chunk::read(self.chunks)?;
            self.chunks = &self.chunks[2..];
        }
        let ticks = match self.chunk.next() {
            0 => None,
            1 => {
                let (delta, rest) = self.deltas.split_first()?;
                self.deltas = rest;
                Some(i64::from(*delta))
            }
            _ => {
                let (delta, rest) = self.deltas.split_first_chunk::<2>()?;
                self.deltas = rest;
                Some(i64::from(i16::from_be_bytes(*delta)))
            }
        };
        let number = self.next;
        self.next = number.wrapping_add(1);
        self.time_us += ticks.unwrap_or_default() * TICK_US;
        Some((number, ticks.map(|_| self.time_us)))
    }
}

/// A packet status chunk (3.1.3, 3.1.4): symbols of 1 or 2 bits from the top of `symbols`; 0 bits: one symbol, repeated.
#[derive(Clone, Copy, Debug)]
struct Chunk {
    symbols: u16,
    bits: u8,
    left: u16,
}

impl Chunk {
    fn read(bytes: &[u8]) -> Option<Chunk> {
        let word = u16::from_be_bytes(*bytes.first_chunk()?);
        Some(match word >> 14 {
            0 | 1 => Chunk { symbols: word >> 13, bits: 0, left: word & 0x1fff },
            2 => Chunk { symbols: word << 2, bits: 1, left: 14 },
            _ => Chunk { symbols: word << 2, bits: 2, left: 7 },
        })
    }

    fn next(&mut self) -> u16 {
        self.left -= 1;
        if self.bits == 0 {
            return self.symbols;
        }
        let symbol = self.symbols >> (16 - self.bits);
        self.symbols <<= self.bits;
        symbol
    }

    /// Bytes of the times of its first symbols. `None`: it has a symbol that means nothing, or none at all.
    fn delta_bytes(mut self, symbols: usize) -> Option<usize> {
        if symbols == 0 || self.bits == 0 {
            return (symbols > 0 && self.symbols < 3).then_some(symbols * usize::from(self.symbols));
        }
        let list = (0..symbols).map(|_| self.next());
        list.map(|symbol| (symbol < 3).then_some(usize::from(symbol))).sum()
    }
}

/// Appends feedback from `sender` on packets with the numbers from `base` on, in their order: when each came, in microseconds
/// of any steady clock; none: it has not come. `number` counts the feedback packets. At most 65,535 packets; times that are more than
/// 8 s apart are told as 8 s.
pub fn write_transport_feedback(
    buf: &mut Vec<u8>,
    sender: u32,
    media: u32,
    number: u8,
    base: u16,
    arrivals: &[Option<i64>],
) {
    let arrivals = &arrivals[..arrivals.len().min(usize::from(u16::MAX))];
    let first = arrivals.iter().flatten().next().copied().unwrap_or_default();
    let reference = first.div_euclid(REFERENCE_US);
    let mut told = reference * (REFERENCE_US / TICK_US);
    let mut chunks = Vec::with_capacity(arrivals.len().div_ceil(7) * 2);
    let mut deltas = Vec::with_capacity(arrivals.len() * 2);
    for part in arrivals.chunks(7) {
        // Two bits a symbol, the first on top.
        let mut chunk = 0xc000u16;
        for (place, at_us) in part.iter().enumerate() {
            let Some(at_us) = at_us else { continue };
            let ticks = at_us.div_euclid(TICK_US) - told;
            let ticks = ticks.clamp(i16::MIN.into(), i16::MAX.into()) as i16;
            told += i64::from(ticks);
            let symbol = match u8::try_from(ticks) {
                Ok(small) => {
                    deltas.push(small);
                    1
                }
                Err(_) => {
                    deltas.extend_from_slice(&ticks.to_be_bytes());
                    2
                }
            };
            chunk |= symbol << (12 - 2 * place);
        }
        chunks.extend_from_slice(&chunk.to_be_bytes());
    }
    super::write::packet(buf, super::TRANSPORT_FEEDBACK, super::TRANSPORT_CC, |buf| {
        let start = buf.len();
        for word in [sender, media, u32::from(base) << 16 | arrivals.len() as u32] {
            buf.extend_from_slice(&word.to_be_bytes());
        }
        buf.extend_from_slice(&((reference as u32) << 8 | u32::from(number)).to_be_bytes());
        buf.extend_from_slice(&chunks);
        buf.extend_from_slice(&deltas);
        buf.resize(start + (buf.len() - start).next_multiple_of(4), 0);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::webrtc::rtcp;
    use rtc_rtcp::transport_feedbacks::transport_layer_cc::{
        PacketStatusChunk, RecvDelta, RunLengthChunk, StatusChunkTypeTcc, StatusVectorChunk, SymbolSizeTypeTcc,
        SymbolTypeTcc, TransportLayerCc,
    };
    use rtc_shared::marshal::Marshal;

    fn read(raw: &[u8]) -> Option<Vec<(u16, Option<i64>)>> {
        Some(TransportFeedback::read(raw)?.arrivals().collect())
    }

    /// The packet that an independent writer makes.
    fn feedback(base: u16, count: u16, chunks: Vec<PacketStatusChunk>, deltas: &[i64]) -> Vec<u8> {
        let delta = |delta: &i64| RecvDelta {
            type_tcc_packet: if (0..64_000).contains(delta) {
                SymbolTypeTcc::PacketReceivedSmallDelta
            } else {
                SymbolTypeTcc::PacketReceivedLargeDelta
            },
            delta: *delta,
        };
        let packet = TransportLayerCc {
            sender_ssrc: 1,
            media_ssrc: 2,
            base_sequence_number: base,
            packet_status_count: count,
            reference_time: 10,
            fb_pkt_count: 7,
            packet_chunks: chunks,
            recv_deltas: deltas.iter().map(delta).collect(),
        };
        packet.marshal().unwrap().to_vec()
    }

    fn run(symbol: SymbolTypeTcc, length: u16) -> PacketStatusChunk {
        PacketStatusChunk::RunLengthChunk(RunLengthChunk {
            type_tcc: StatusChunkTypeTcc::RunLengthChunk,
            packet_status_symbol: symbol,
            run_length: length,
        })
    }

    #[test]
    fn what_another_writes_is_read() {
        use SymbolTypeTcc::{
            PacketNotReceived as No, PacketReceivedLargeDelta as Large, PacketReceivedSmallDelta as Small,
        };
        let vector = |size, list: &[SymbolTypeTcc]| {
            PacketStatusChunk::StatusVectorChunk(StatusVectorChunk {
                type_tcc: StatusChunkTypeTcc::StatusVectorChunk,
                symbol_size: size,
                symbol_list: list.to_vec(),
            })
        };
        let raw = feedback(0xfffe, 3, vec![run(Small, 3)], &[250, 500, 0]);
        assert_eq!(read(&raw).unwrap(), [(0xfffe, Some(640_250)), (0xffff, Some(640_750)), (0, Some(640_750))]);

        let mut two_bits = vec![Small, No, Large];
        two_bits.resize(7, No);
        let raw = feedback(5, 3, vec![vector(SymbolSizeTypeTcc::TwoBit, &two_bits)], &[1_000, -2_000]);
        assert_eq!(read(&raw).unwrap(), [(5, Some(641_000)), (6, None), (7, Some(639_000))]);

        let mut one_bit = vec![No; 13];
        one_bit.insert(1, Small);
        let chunks = vec![vector(SymbolSizeTypeTcc::OneBit, &one_bit), run(No, 100), run(Large, 1)];
        let raw = feedback(0, 115, chunks, &[250, 100_000]);
        let arrived: Vec<_> = read(&raw).unwrap().into_iter().filter(|(_, time)| time.is_some()).collect();
        assert_eq!(arrived, [(1, Some(640_250)), (114, Some(740_250))]);
        let Some(Ok(rtcp::Packet::TransportCc { raw: inner, .. })) = rtcp::packets(&raw).next() else { panic!() };
        let read = TransportFeedback::read(inner).unwrap();
        assert_eq!((read.base, read.count, read.number), (0, 115, 7));
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let good = feedback(9, 2, vec![run(SymbolTypeTcc::PacketReceivedSmallDelta, 2)], &[250, 250]);
        assert_eq!(read(&good).unwrap().len(), 2);
        for length in 0..20 {
            assert!(read(&good[..length]).is_none(), "{length}");
        }
        let edit = |at: usize, value: &[u8]| {
            let mut raw = good.clone();
            raw[at..at + value.len()].copy_from_slice(value);
            raw
        };
        let rows = [
            ("more numbers than chunks", edit(14, &[0, 9])),
            ("fewer times than announced", edit(20, &[0x40, 2])),
            ("an empty chunk", edit(20, &[0x20, 0])),
            ("a reserved symbol", edit(20, &[0x60, 2])),
            ("a reserved symbol in a list", edit(20, &[0xfc, 0])),
            ("padding beyond the packet", {
                let mut raw = edit(0, &[0xaf]);
                *raw.last_mut().unwrap() = 200;
                raw
            }),
        ];
        for (what, raw) in rows {
            assert!(read(&raw).is_none(), "{what}");
        }
        // A reference time before the receiver's zero.
        assert_eq!(read(&edit(16, &[0xff, 0xff, 0xff])).unwrap()[0], (9, Some(-63_750)));
    }

    #[test]
    fn garbage_has_no_panic() {
        let mut state = 7u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        for round in 0..20_000usize {
            let mut raw: Vec<u8> = (0..round % 64).map(|_| next()).collect();
            if let Some(first) = raw.first_mut() {
                *first = 0x8f | (*first & 0x20);
            }
            if let Some(feedback) = TransportFeedback::read(&raw) {
                assert_eq!(feedback.arrivals().count(), usize::from(feedback.count));
            }
        }
    }

    #[test]
    fn what_is_written_is_read_by_others_and_by_us() {
        use rtc_shared::marshal::Unmarshal;
        let mut state = 17u32;
        for round in 0..500u32 {
            let mut at = i64::from(round) * 7_000_000;
            let arrivals: Vec<Option<i64>> = (0..1 + round % 60)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    // Mostly close together; some late, some long after.
                    at += match state >> 28 {
                        0 => 200_000,
                        1 => -20_000,
                        _ => i64::from(state >> 8 & 0x3fff),
                    };
                    (state >> 27 & 7 != 0).then_some(at)
                })
                .collect();
            let base = 0xfff0u16.wrapping_add(round as u16);
            let mut raw = Vec::new();
            write_transport_feedback(&mut raw, 1, 2, round as u8, base, &arrivals);
            let feedback = TransportFeedback::read(&raw).unwrap();
            assert_eq!(
                (feedback.base, usize::from(feedback.count), feedback.number),
                (base, arrivals.len(), round as u8)
            );
            let expected: Vec<_> = arrivals
                .iter()
                .enumerate()
                .map(|(place, at)| (base.wrapping_add(place as u16), at.map(|at| at.div_euclid(TICK_US) * TICK_US)))
                .collect();
            let unwrapped = |list: Vec<(u16, Option<i64>)>| {
                // The reference time wraps.
                let wrap = REFERENCE_US << 24;
                list.into_iter().map(|(number, at)| (number, at.map(|at| at.rem_euclid(wrap)))).collect::<Vec<_>>()
            };
            assert_eq!(unwrapped(read(&raw).unwrap()), unwrapped(expected), "round {round}");
            let others = TransportLayerCc::unmarshal(&mut &raw[..]).unwrap();
            assert_eq!((others.base_sequence_number, usize::from(others.packet_status_count)), (base, arrivals.len()));
            assert_eq!(others.recv_deltas.len(), arrivals.iter().flatten().count());
        }
    }
}
