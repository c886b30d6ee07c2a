//! Moves viewers between the renditions of a stream: from a keyframe of the one that they go to, without a seam.

use super::adapt::start;
use super::fanout::{LocalStream, Viewer};
use super::ladder::Ladder;
use super::sessions::News;
use super::slot::SlotState;
use super::wish::{Given, Why, choose, place};
use super::worker::Worker;
use crate::hub::{Batch, Rendition, Stream, StreamKey};
use std::sync::Arc;

/// Viewers that have a choice are looked after in so many parts, one a tick: each twenty times a second.
const PARTS: usize = 5;

/// A viewer of a stream with several renditions.
pub struct Chooser {
    pub(super) renditions: Vec<Rendition>,
    /// The one that it gets.
    pub(super) present: usize,
    /// The one that it goes to with the next keyframe, and whose arrival it waits for.
    pub(super) next: Option<usize>,
    /// Why it is, or will be, this one; as its session tells.
    pub(super) why: Why,
    /// What it may have; kept up for those alone whose way is measured.
    pub(super) ladder: Ladder,
    /// The one that it asked for.
    pub(super) pinned: Option<usize>,
    /// It is being tried whether its way carries more.
    pub(super) probing: bool,
}

impl Chooser {
    /// The rung that it gets.
    pub(super) fn rung(&self) -> usize {
        self.ladder.rung(self.present)
    }
}

impl Worker {
    /// The rendition of a stream that a viewer starts with.
    pub(super) fn start_watching(&mut self, slot: usize, stream: Arc<Stream>) -> Arc<Stream> {
        let renditions = stream.renditions();
        let Some(own) = place(&renditions, &stream) else { return stream };
        let session = &self.slots[slot].session;
        let (wish, ceiling) = (session.wish(), session.ceiling());
        let mut ladder = Ladder::default();
        let (present, why) = if session.negotiated.media.iter().any(|media| media.feedback.transport_cc) {
            ladder.look(&renditions, ceiling);
            start(&ladder, &renditions, &wish, ceiling, own)
        } else {
            choose(&renditions, &wish, ceiling, Some(own))
        };
        let rendition = renditions[present].clone();
        session.set_given(Given { rendition: rendition.clone(), next: None, why });
        self.choosers
            .insert(slot, Chooser { renditions, present, next: None, why, ladder, pinned: None, probing: false });
        rendition.stream
    }

    /// Chooses again for the viewers whose turn it is.
    pub(super) fn choose_again(&mut self, round: usize) {
        let is_due = |slot: &usize| slot % PARTS == round % PARTS;
        for slot in self.choosers.keys().copied().filter(is_due).collect::<Vec<_>>() {
            self.choose_for(slot);
        }
        for slot in self.climbers.keys().copied().filter(is_due).collect::<Vec<_>>() {
            self.climb(slot);
        }
    }

    /// Finds what a viewer is to get, and lets it wait for the keyframe of that.
    pub(super) fn choose_for(&mut self, slot: usize) {
        if self.adapt(slot) {
            return;
        }
        let Some(chooser) = self.choosers.get(&slot) else { return };
        let session = &self.slots[slot].session;
        let (wanted, why) = choose(&chooser.renditions, &session.wish(), session.ceiling(), Some(chooser.present));
        self.head_for(slot, wanted, why);
    }

    pub(super) fn head_for(&mut self, slot: usize, wanted: usize, why: Why) {
        let Some(chooser) = self.choosers.get_mut(&slot) else { return };
        let next = (wanted != chooser.present).then_some(wanted);
        chooser.why = why;
        let before = std::mem::replace(&mut chooser.next, next);
        let (rendition, next_rendition) =
            (chooser.renditions[chooser.present].clone(), next.map(|index| chooser.renditions[index].clone()));
        let left = before.filter(|_| before != next).map(|index| chooser.renditions[index].stream.key);
        let session = &self.slots[slot].session;
        if session.given().is_none_or(|given| given.why != why) || before != next {
            session.set_given(Given { rendition, next: next_rendition.clone(), why });
        }
        if before == next {
            return;
        }
        if let Some(key) = left {
            self.no_longer_expected(slot, key);
        }
        if next.is_none() {
            self.stay(slot);
        }
        if let Some(Rendition { rid, stream }) = next_rendition {
            tracing::debug!(session = %self.slots[slot].session.id, rid = &*rid, why = why.words(), "moving");
            let inbox = self.inbox.clone();
            let local = self.streams.entry(stream.key).or_insert_with(|| LocalStream::new(stream.subscribe(inbox)));
            local.arrivals.push(slot as u32);
            stream.request_keyframe();
        }
    }

    /// A batch of a stream that viewers wait for: with a keyframe in it, they change over to it.
    pub(super) fn arrive(&mut self, key: StreamKey, batch: &Batch) {
        if !batch.packets.iter().any(|packet| packet.flags.keyframe_start) {
            return;
        }
        let Some(stream) = self.streams.get_mut(&key) else { return };
        stream.clocks = batch.clocks.clone();
        for slot in std::mem::take(&mut stream.arrivals) {
            self.change_over(slot as usize, key, batch);
        }
    }

    fn change_over(&mut self, slot: usize, key: StreamKey, batch: &Batch) {
        let SlotState::Viewing { key: old, index, joined } = self.slots[slot].state else { return };
        let Some(mut viewer) = self.take_viewer(old, index) else { return };
        if let Some(from) = self.streams.get(&old) {
            let to = &batch.clocks;
            for lane in &mut viewer.lanes {
                let first =
                    batch.packets.iter().find(|packet| packet.track == lane.track && packet.flags.keyframe_start);
                if let Some(first) = first {
                    let clock = |clocks: &[crate::hub::TrackClock]| clocks.get(usize::from(lane.track)).copied();
                    let (from_clock, to_clock) =
                        (clock(&from.clocks).unwrap_or_default(), clock(to).unwrap_or_default());
                    lane.carry_on_pictures(&from.ring, first);
                    lane.move_to(from_clock, from.newest(lane.track), to_clock, first);
                }
            }
        }
        self.forget_if_empty(old);
        let Some(stream) = self.streams.get_mut(&key) else { return };
        let index = stream.adopt(viewer);
        self.slots[slot].state = SlotState::Viewing { key, index, joined };
        if let Some(chooser) = self.choosers.get_mut(&slot) {
            let left = chooser.present;
            chooser.present = chooser.next.take().unwrap_or(left);
            let rendition = chooser.renditions[chooser.present].clone();
            let up = rendition.pixels() > chooser.renditions[left].pixels();
            let session = &self.slots[slot].session;
            let why = session.given().map_or(Why::Asked, |given| given.why);
            let (from, to) = (&chooser.renditions[left].rid, &rendition.rid);
            self.sessions.tell(session, News::Moved { from, to, why: why.words() });
            session.set_given(Given { rendition, next: None, why });
            self.moved(slot, up);
        }
    }

    /// A viewer that leaves is waited for no more.
    pub(super) fn stop_choosing(&mut self, slot: usize) {
        self.climbers.remove(&slot);
        if let Some(chooser) = self.choosers.remove(&slot)
            && let Some(next) = chooser.next
        {
            self.no_longer_expected(slot, chooser.renditions[next].stream.key);
        }
    }

    fn no_longer_expected(&mut self, slot: usize, key: StreamKey) {
        if let Some(stream) = self.streams.get_mut(&key) {
            stream.arrivals.retain(|other| *other as usize != slot);
        }
        self.forget_if_empty(key);
    }

    /// Takes a viewer out of a stream, and keeps the place of the one that gets its index.
    pub(super) fn take_viewer(&mut self, key: StreamKey, index: usize) -> Option<Viewer> {
        let (viewer, moved) = self.streams.get_mut(&key)?.take(index);
        if let Some(moved) = moved
            && let SlotState::Viewing { index: other, .. } = &mut self.slots[moved as usize].state
        {
            *other = index;
        }
        Some(viewer)
    }

    /// A stream that nobody views or waits for here is left.
    pub(super) fn forget_if_empty(&mut self, key: StreamKey) {
        if self.streams.get(&key).is_some_and(|stream| stream.viewers.is_empty() && stream.arrivals.is_empty()) {
            self.streams.remove(&key);
        }
    }
}
