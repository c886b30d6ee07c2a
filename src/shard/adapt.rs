//! `auto` at work: asks the policy of each viewer whose way is measured, moves it, and sends what its tries need.

use super::adaptation::{Choice, policy};
use super::egress::Egress;
use super::fanout::LocalStream;
use super::ladder::Ladder;
use super::lane::Lane;
use super::numbered::Way;
use super::slot::SlotState;
use super::wish::{Why, Wish, choose};
use super::worker::Worker;
use crate::hub::Rendition;
use crate::media::MediaKind;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Who has told nothing by then, as was agreed, is treated as one whose way is not measured.
const TELLS_WITHIN: Duration = Duration::from_secs(5);
/// What is less is kept for later: a packet's headers would cost more than it tries.
const LEAST_PADDING: usize = 250;
/// Packets that one turn sends for a try at most: 30 ms of the highest rate that is tried, in packets of padding alone.
const MOST_PACKETS: usize = 64;
/// So many packets of the ring are looked through for one that fits.
const SEARCH: u64 = 64;

/// The rendition that a viewer starts with whose way will be measured: its index, and why.
pub(super) fn start(
    ladder: &Ladder,
    renditions: &[Rendition],
    wish: &Wish,
    ceiling_kbps: Option<u32>,
    own: usize,
) -> (usize, Why) {
    if *wish == Wish::Auto && ladder.rungs().iter().any(|rung| rung.active) {
        let rung = policy::start(ladder.rungs());
        return (ladder.rendition(rung), ladder.why(rung, false));
    }
    choose(renditions, wish, ceiling_kbps, Some(own))
}

impl Worker {
    /// Lets the policy decide about a viewer whose way is measured. False where the choice is another's: the way is not
    /// measured, or the viewer asked for one rendition.
    pub(super) fn adapt(&mut self, slot: usize) -> bool {
        let SlotState::Viewing { key, index, .. } = self.slots[slot].state else { return false };
        let (Some(chooser), Some(stream)) = (self.choosers.get_mut(&slot), self.streams.get_mut(&key)) else {
            return false;
        };
        let viewer = &mut stream.viewers[index];
        // A connection has its own control of congestion, and hides from us what the way carries.
        let Some(auto) = viewer.auto.as_mut().filter(|_| viewer.peer.link.is_none()) else { return false };
        let (session, now) = (&self.slots[slot].session, self.clock.now);
        if chooser.ladder.look(&chooser.renditions, session.ceiling()) {
            auto.renumber(chooser.ladder.rung(chooser.present));
        }
        let pinned = match session.wish() {
            Wish::Auto => None,
            Wish::Rid(rid) => chooser.renditions.iter().position(|rendition| rendition.rid == rid),
        };
        if pinned != chooser.pinned {
            chooser.pinned = pinned;
            auto.pin(pinned.map(|rendition| chooser.ladder.rung(rendition)));
        }
        // One that asked for a rendition is measured on, and is not moved.
        let choice = auto.decide(now, chooser.ladder.rungs());
        let estimate = auto.estimator().bits_per_second();
        session.stats.estimate.store(estimate.unwrap_or_default(), Ordering::Relaxed);
        let was_probing = std::mem::replace(&mut chooser.probing, auto.is_probing());
        self.metrics.probes.add(u64::from(chooser.probing && !was_probing));
        let silent = estimate.is_none() && now >= self.slots[slot].born + TELLS_WITHIN;
        if pinned.is_some() || silent {
            return false;
        }
        let (to, at_once) = match choice {
            Choice::Up(to) => (to, false),
            Choice::Down { to, at_once } => (to, at_once),
            _ => (auto.heading().unwrap_or(chooser.rung()), false),
        };
        let (rendition, why) = (chooser.ladder.rendition(to), chooser.ladder.why(to, estimate.is_some()));
        if (chooser.present, chooser.next, chooser.why) == (rendition, None, why) {
            return true;
        }
        if at_once {
            stream.hold(index);
        }
        if matches!(choice, Choice::Up(_) | Choice::Down { .. }) {
            tracing::debug!(session = %session.id, ?choice, estimate, "the way decides");
            // Named again, the keyframe that was asked for did not come.
            chooser.renditions[rendition].stream.request_keyframe();
        }
        self.head_for(slot, rendition, why);
        true
    }

    /// A viewer does not go anywhere after all: what was held back for that goes on.
    pub(super) fn stay(&mut self, slot: usize) {
        if let SlotState::Viewing { key, index, .. } = self.slots[slot].state
            && let Some(stream) = self.streams.get_mut(&key)
        {
            stream.release(index);
        }
    }

    /// A viewer has gone over to another rendition.
    pub(super) fn moved(&mut self, slot: usize, up: bool) {
        self.metrics.moves_up.add(u64::from(up));
        self.metrics.moves_down.add(u64::from(!up));
        if let SlotState::Viewing { key, index, .. } = self.slots[slot].state
            && let (Some(stream), Some(chooser)) = (self.streams.get_mut(&key), self.choosers.get_mut(&slot))
            && let Some(auto) = &mut stream.viewers[index].auto
        {
            auto.moved(self.clock.now, chooser.rung());
            chooser.probing = false;
        }
    }

    /// Sends what tries need now; to be called each tick.
    pub(super) fn try_ways(&mut self) {
        let choosers = self.choosers.iter().filter(|(_, chooser)| chooser.probing).map(|(slot, _)| *slot);
        let climbers = self.climbers.iter().filter(|(_, climber)| climber.probing).map(|(slot, _)| *slot);
        for slot in choosers.chain(climbers) {
            if let SlotState::Viewing { key, index, .. } = self.slots[slot].state
                && let Some(stream) = self.streams.get_mut(&key)
            {
                let bytes = stream.try_way(index, self.clock.now, &mut self.egress);
                self.metrics.probe_bytes.add(bytes as u64);
            }
        }
    }
}

impl LocalStream {
    /// Sends no more picture of this rendition to a viewer.
    pub(super) fn hold(&mut self, index: usize) {
        let viewer = &mut self.viewers[index];
        self.catching_up -= viewer.catching_up();
        viewer.lanes.iter_mut().filter(|lane| lane.kind == MediaKind::Video).for_each(Lane::hold);
        self.catching_up += viewer.catching_up();
    }

    /// Goes on with the picture, at the next keyframe, where it was held.
    pub(super) fn release(&mut self, index: usize) {
        if self.viewers[index].lanes.iter_mut().any(|lane| lane.release()) {
            self.stream.request_keyframe();
        }
    }

    /// Sends what a try needs beside the media, and returns its bytes: recent packets once more, so that one more of them may be lost
    /// without harm, and padding where none is short enough.
    fn try_way(&mut self, index: usize, now: Instant, egress: &mut Egress) -> usize {
        let viewer = &mut self.viewers[index];
        let (Some(auto), Some(lane)) = (&mut viewer.auto, viewer.lanes.iter_mut().find(|lane| lane.is_numbered()))
        else {
            return 0;
        };
        let due = auto.padding(now);
        let (sender, ring) = (&viewer.sender, &self.ring);
        let mut recent = (ring.end().saturating_sub(SEARCH).max(ring.start())..ring.end()).rev();
        let Some(newest) = recent.find_map(|at| ring.get(at).filter(|packet| packet.track == lane.track)) else {
            return 0;
        };
        let (mut sent, mut position) = (0, ring.end());
        for _ in 0..MOST_PACKETS {
            let left = due.saturating_sub(sent);
            if left < LEAST_PADDING {
                break;
            }
            let mut recent = (position.saturating_sub(SEARCH).max(ring.start())..position).rev();
            let fits =
                |at: &u64| ring.get(*at).is_some_and(|packet| lane.has_sent(packet) && packet.payload.len() <= left);
            let found = recent.find(fits);
            let mut length = 0;
            egress.packet(&viewer.peer, viewer.slot, |room| {
                let way = Some(Way { auto, now });
                length = match found.and_then(|at| ring.get(at)) {
                    Some(packet) => lane.write_rtx(room, packet, sender, way),
                    None => lane.write_padding(room, newest, left.min(255) as u8, sender, way),
                };
                length
            });
            if length == 0 {
                break;
            }
            position = found.unwrap_or(position);
            sent += length;
        }
        sent
    }
}
