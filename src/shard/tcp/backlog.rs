//! What a viewer by TCP gets: the ring from its cursor on, as much as its connection takes, and a jump where it can not keep up.

use super::links::{RUN, Run};
use crate::hub::{Ring, Stream};
use crate::media::MediaKind;
use crate::protocol::webrtc::framing;
use crate::shard::egress::Egress;
use crate::shard::fanout::Viewer;
use crate::shard::lane::{Counted, Lane};

/// What one viewer is given before others get their turn.
const TURN: usize = 64 << 10;
/// A viewer whose next packet came in so long before the newest goes on at a newer keyframe, where there is one. Until then it
/// gets everything: a connection that stood still for a moment loses nothing.
const LATE_NS: u64 = 1_000_000_000;

/// A packet of a run that may not go out.
#[derive(Clone, Copy)]
struct Written {
    lane: usize,
    position: u64,
    before: Counted,
}

/// Gives a viewer what the ring has for it, as far as its connection has room.
pub fn drain(ring: &Ring, stream: &Stream, viewer: &mut Viewer, egress: &mut Egress) {
    let Some(id) = viewer.peer.link.filter(|id| egress.links.has_room(*id)) else { return };
    keep_up(ring, stream, viewer, egress);
    let Some(mut run) = egress.links.run.take() else { return };
    let mut given = 0;
    while let Some(start) = next_of(viewer) {
        run.clear();
        let mut written: [Option<Written>; RUN] = [None; RUN];
        let mut at = start;
        while at < ring.end() && !run.is_full() {
            if let Some(record) = write(ring, at, viewer, &mut run) {
                written[run.ends.len() - 1] = Some(record);
            }
            at += 1;
        }
        let count = if run.ends.is_empty() { 0 } else { egress.links.send(id, &run) };
        let sent = count.checked_sub(1).map_or(0, |last| run.ends[last] - count * framing::HEAD);
        egress.packets += count as u64;
        egress.bytes += sent as u64;
        let kept = &written[count..run.ends.len()];
        // Sequence numbers depend on the packets alone: written again, they are the very same.
        for record in kept.iter().rev().flatten() {
            viewer.lanes[record.lane].restore(&record.before);
        }
        let reached = kept.iter().flatten().next().map_or(at, |record| record.position);
        for lane in &mut viewer.lanes {
            lane.behind_from(reached);
            if lane.behind() == Some(ring.end()) {
                lane.up_to_date();
            }
        }
        given += sent;
        if !kept.is_empty() {
            break;
        }
        if given >= TURN {
            egress.links.writable.push(id);
            break;
        }
    }
    egress.links.run = Some(run);
}

/// The position of the next packet that a viewer has not got.
fn next_of(viewer: &Viewer) -> Option<u64> {
    viewer.lanes.iter().filter_map(Lane::behind).min()
}

/// Writes the packet at a position, if it is one that the viewer gets and has not got.
fn write(ring: &Ring, at: u64, viewer: &mut Viewer, run: &mut Run) -> Option<Written> {
    let packet = ring.get(at)?;
    let index = viewer.lanes.iter().position(|lane| lane.track == packet.track)?;
    let lane = &mut viewer.lanes[index];
    lane.behind().filter(|own| *own <= at)?;
    let before = lane.counted();
    let sender = &viewer.sender;
    let length = run.packet(|room| lane.write_tentatively(room, packet, sender));
    (length > 0).then_some(Written { lane: index, position: at, before })
}

/// Lets a viewer that is late go on at a newer keyframe; its sequence numbers have no gap there.
fn keep_up(ring: &Ring, stream: &Stream, viewer: &mut Viewer, egress: &mut Egress) {
    let newest = ring.end().checked_sub(1).and_then(|at| ring.get(at)).map_or(0, |packet| packet.arrival_ns);
    let is_late = |at: u64| {
        at < ring.start() || ring.get(at).is_some_and(|packet| newest.saturating_sub(packet.arrival_ns) > LATE_NS)
    };
    if !next_of(viewer).is_some_and(is_late) {
        return;
    }
    let video = |lane: &&mut Lane| lane.kind == MediaKind::Video;
    let mut jumped = false;
    let mut left_out = 0;
    for lane in viewer.lanes.iter_mut().filter(video) {
        let Some(at) = lane.behind().filter(|at| is_late(*at)) else { continue };
        match ring.keyframe().filter(|keyframe| *keyframe > at) {
            Some(keyframe) => {
                left_out += count(ring, lane.track, at, keyframe);
                lane.skipped_frames += frames(ring, lane.track, at, keyframe);
                lane.leave_out();
                lane.start_at(keyframe, ring);
            }
            // Late pictures are better than none, as long as nothing is missing.
            None if at >= ring.start() => return,
            None => {
                left_out += count(ring, lane.track, at, ring.end());
                lane.skipped_frames += frames(ring, lane.track, at, ring.end());
                lane.leave_out();
                lane.wait_for_keyframe();
                // A link that is too slow would ask for ever.
                stream.request_repair();
            }
        }
        jumped = true;
    }
    // Sound goes where the picture is shown: at live. Where there is no picture, it was late by itself.
    for lane in viewer.lanes.iter_mut().filter(|lane| lane.kind == MediaKind::Audio) {
        if let Some(at) = lane.behind().filter(|at| jumped || is_late(*at)) {
            left_out += count(ring, lane.track, at, ring.end());
            lane.leave_out();
            lane.up_to_date();
        }
    }
    egress.dropped(viewer.slot, left_out);
}

/// Packets of a track from one position to another, as far as they are known.
fn count(ring: &Ring, track: u8, from: u64, to: u64) -> usize {
    (from.max(ring.start())..to).filter_map(|at| ring.get(at)).filter(|packet| packet.track == track).count()
}

/// Frames that begin there.
fn frames(ring: &Ring, track: u8, from: u64, to: u64) -> u64 {
    let packets = (from.max(ring.start())..to).filter_map(|at| ring.get(at));
    packets.filter(|packet| packet.track == track && packet.flags.frame_start).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::{Batch, Hub, HubLimits, Sink, StreamKey};
    use crate::media::{Codec, Packet, TrackInfo};
    use crate::shard::fanout::LocalStream;
    use crate::shard::lane::tests::{keys, media, open, packet};
    use crate::shard::socket::{Peer, Socket};
    use crate::shard::tcp::{Handover, LinkId, Links};
    use bytes::Bytes;
    use std::io::{ErrorKind, Read};
    use std::net::{TcpListener, TcpStream};
    use std::sync::Arc;
    use std::time::Instant;

    struct Deaf;

    impl Sink for Deaf {
        fn push(&self, _: StreamKey, _: &Arc<Batch>) -> bool {
            true
        }

        fn ended(&self, _: StreamKey) {}
    }

    /// Packets of a frame, and frames from one keyframe to the next.
    const PACKETS: u64 = 10;
    const KEYFRAME: u64 = 60;

    /// A frame of 30 a second: 11 kB.
    fn frame(number: u64) -> Batch {
        let packet = |part: u64| {
            let mut packet = packet(number * PACKETS + part, number as u32 + 1, number * 3_000);
            packet.flags.marker = part == PACKETS - 1;
            packet.flags.keyframe_start = number.is_multiple_of(KEYFRAME) && part == 0;
            packet.payload = Bytes::from(number.to_be_bytes().repeat(137));
            packet
        };
        let packets: Vec<Packet> = (0..PACKETS).map(packet).collect();
        Batch { packets, clocks: Arc::new([]) }
    }

    /// Everything that came, as sequence number, timestamp, and number of the frame.
    fn take(
        peer: &mut TcpStream,
        cut: &mut Vec<u8>,
        receiver: &mut crate::protocol::webrtc::srtp::SrtpReceiver,
    ) -> Vec<(u16, u32, u64)> {
        let mut buffer = vec![0; 256 << 10];
        loop {
            match peer.read(&mut buffer) {
                Ok(read) => cut.extend_from_slice(&buffer[..read]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
        let mut came = Vec::new();
        let mut at = 0;
        while let Some(range) = framing::next(&cut[at..]).unwrap() {
            let (header, payload, _) = open(receiver, &cut[at + range.start..at + range.end]);
            let number = u64::from_be_bytes(payload[..8].try_into().unwrap());
            came.push((header.sequence, header.timestamp, number));
            at += range.end;
        }
        cut.drain(..at);
        came
    }

    #[test]
    fn a_viewer_that_stood_still_goes_on_at_a_keyframe_without_a_gap_in_its_numbers() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        peer.set_nonblocking(true).unwrap();
        let (stream, address) = listener.accept().unwrap();
        socket2::SockRef::from(&stream).set_send_buffer_size(64 << 10).unwrap();
        let poll = mio::Poll::new().unwrap();
        let mut links = Links::new(None, &poll, Arc::default()).unwrap();
        let of_stream = Peer { address, local: None, link: None };
        links.take_over(
            Handover { stream, peer: of_stream, came: Vec::new(), badge: Default::default() },
            Instant::now(),
        );
        let id: LinkId = links.readable[0];
        let bound = "127.0.0.1:0".parse().unwrap();
        let udp = socket2::Socket::from(std::net::UdpSocket::bind::<std::net::SocketAddr>(bound).unwrap());
        let mut egress = Egress::new(Socket::new(udp, bound).unwrap(), links);

        let hub = Hub::new(HubLimits::default());
        let tracks = [TrackInfo::new(Codec::H264)].into_iter().collect();
        let publisher = hub.publish("cam".parse().unwrap(), tracks).unwrap();
        let mut local = LocalStream::new(publisher.stream().subscribe(Arc::new(Deaf)));
        let (sender, mut receiver) = keys();
        local.join(0, Peer { link: Some(id), ..of_stream }, sender, &[media(false)], 0, Instant::now());

        let (mut came, mut cut) = (Vec::new(), Vec::new());
        let mut number = 0;
        // Reads after each frame, then not for 8 s, then again.
        for reads in [true, false, true] {
            let until = number + if reads { 70 } else { 240 };
            while number < until {
                local.batch(&frame(number), Instant::now(), &mut egress);
                number += 1;
                if !reads {
                    continue;
                }
                loop {
                    let more = take(&mut peer, &mut cut, &mut receiver);
                    let last = came.len();
                    came.extend(more);
                    if egress.links.get_mut(id).unwrap().writable() {
                        local.resume(0, &mut egress);
                    } else if came.len() == last {
                        break;
                    }
                }
            }
        }
        let complete =
            |came: &[(u16, u32, u64)]| came.iter().filter(|(_, _, frame)| *frame == number - 1).count() == 10;
        while !complete(&came) {
            came.extend(take(&mut peer, &mut cut, &mut receiver));
            egress.links.get_mut(id).unwrap().writable();
            local.resume(0, &mut egress);
        }
        let mut jumps = Vec::new();
        for pair in came.windows(2) {
            let [(sequence, timestamp, frame), (next, later, next_frame)] = pair else { unreachable!("two") };
            assert_eq!(sequence.wrapping_add(1), *next, "frame {next_frame}");
            assert!(later.wrapping_sub(*timestamp) < 1 << 31, "time goes back at frame {next_frame}");
            if next_frame - frame > 1 {
                jumps.push((*frame, *next_frame));
            }
        }
        // What was sent before is played, then a keyframe, and from there on everything.
        assert_eq!(jumps.len(), 1, "{jumps:?}");
        let skipped = egress.take_drops().iter().map(|(_, packets)| packets).sum::<usize>();
        assert!(skipped > 100 && came.len() < number as usize * PACKETS as usize, "{skipped} left out");
        assert!(jumps[0].1.is_multiple_of(KEYFRAME) && jumps[0].1 > 70 + 30, "{jumps:?}");
    }
}
