//! A shard's event loop: one thread, its sockets, all sessions that it owns.

use super::climb::Climber;
use super::clock::Clock;
use super::continuation;
use super::egress::Egress;
use super::fanout::{CATCH_UP_NS, LocalStream};
use super::inbox::{Command, Inbox};
use super::paths::{Route, Routes};
use super::publisher::Ingest;
use super::session::{CloseReason, Role, SessionId, SessionState, SessionStats};
use super::sessions::Sessions;
use super::slot::{Slot, SlotState};
use super::socket::{Peer, ReceiveBuffers};
use super::strays::Strays;
use super::switch::Chooser;
use crate::hub::{Liveness, StreamKey};
use crate::observe::metrics::ShardMetrics;
use crate::protocol::webrtc::dtls::{Identity, Progress};
use crate::protocol::webrtc::dtls_peek::{self, Kind};
use crate::protocol::webrtc::srtp::{SrtpReceiver, SrtpSender};
use crate::protocol::webrtc::stun;
use slab::Slab;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// The loop turns at least so often while there are sessions.
const TICK: Duration = Duration::from_nanos(CATCH_UP_NS);
/// And so often while there are none.
const IDLE: Duration = Duration::from_millis(500);
/// Sessions are looked after in so many parts, one a tick: each once a second.
pub(super) const ROUNDS: usize = 100;
/// How often sessions to which nobody came are looked for.
const EXPIRY_INTERVAL: Duration = Duration::from_secs(1);
/// DTLS must be done by then.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// A peer that has not shown itself for this long is gone (RFC 7675, 5.1).
const CONSENT_TIMEOUT: Duration = Duration::from_secs(30);
/// Batches of datagrams taken before the rest of the loop gets its turn.
const RECEIVE_ROUNDS: usize = 8;
/// Events of one turn; more come with the next.
const EVENTS: usize = 1_024;
/// A turn that took longer has stalled what it carries.
pub(super) const STALL: Duration = Duration::from_millis(50);

/// What a shard is made of.
pub struct Parts {
    pub index: usize,
    pub inbox: Arc<Inbox>,
    pub sessions: Sessions,
    pub identity: Arc<Identity>,
    pub poll: mio::Poll,
    pub egress: Egress,
    pub clock: Clock,
    pub metrics: Arc<ShardMetrics>,
}

/// One shard.
pub struct Worker {
    pub index: usize,
    pub inbox: Arc<Inbox>,
    pub sessions: Sessions,
    pub identity: Arc<Identity>,
    pub poll: mio::Poll,
    pub(super) egress: Egress,
    pub(super) slots: Slab<Slot>,
    pub(super) routes: Routes,
    pub(super) strays: Strays,
    pub(super) by_session: HashMap<SessionId, usize>,
    pub(super) streams: HashMap<StreamKey, LocalStream>,
    /// Viewers of streams with several renditions, by slot.
    pub(super) choosers: HashMap<usize, Chooser>,
    /// Viewers of a picture with layers whose way is measured, by slot.
    pub(super) climbers: HashMap<usize, Climber>,
    pub(super) published: HashMap<StreamKey, usize>,
    pub(super) handshaking: Vec<usize>,
    /// Viewers to whom nothing was sent yet.
    pub(super) starting: Vec<usize>,
    pub(super) clock: Clock,
    round: usize,
    next_tick: Instant,
    next_expiry: Instant,
    stopped: bool,
    pub(super) metrics: Arc<ShardMetrics>,
}

impl Worker {
    pub fn new(parts: Parts) -> Self {
        let Parts { index, inbox, sessions, identity, poll, egress, clock, metrics } = parts;
        Worker {
            index,
            inbox,
            sessions,
            identity,
            poll,
            egress,
            slots: Slab::new(),
            routes: Routes::default(),
            strays: Strays::default(),
            by_session: HashMap::new(),
            streams: HashMap::new(),
            choosers: HashMap::new(),
            climbers: HashMap::new(),
            published: HashMap::new(),
            handshaking: Vec::new(),
            starting: Vec::new(),
            next_tick: clock.now,
            next_expiry: clock.now,
            clock,
            round: 0,
            stopped: false,
            metrics,
        }
    }

    /// Runs until it is told to stop.
    pub fn run(mut self) {
        self.inbox.attach();
        let mut events = mio::Events::with_capacity(EVENTS);
        let mut buffers = ReceiveBuffers::default();
        let mut more = false;
        while !self.stopped {
            let timeout = if more { Duration::ZERO } else { self.timeout() };
            if let Err(error) = self.poll.poll(&mut events, Some(timeout))
                && error.kind() != std::io::ErrorKind::Interrupted
            {
                tracing::error!(shard = self.index, %error, "the shard can not wait for events");
                std::thread::sleep(TICK);
            }
            self.clock.read();
            let start = self.clock.now;
            self.metrics.turn_began_ns.set(self.clock.now_ns);
            self.inbox.rearm();
            more = self.receive(&mut buffers);
            more |= self.tcp(&events);
            while let Some((peer, data)) = self.inbox.take_datagram() {
                let mut data = data.to_vec();
                self.datagram(&mut data, peer, true);
            }
            self.flush_publishers();
            self.fan_out();
            if self.clock.now >= self.next_tick {
                self.next_tick = self.clock.now + TICK;
                self.tick();
            }
            self.commands();
            self.fan_out();
            self.egress.flush();
            self.count_drops();
            self.watch_loop(start);
        }
    }

    fn timeout(&self) -> Duration {
        let flush = self.published.values().filter_map(|slot| match &self.slots[*slot].state {
            SlotState::Publishing(ingest) => ingest.flush_at(),
            _ => None,
        });
        let next = if self.slots.is_empty() { self.clock.now + IDLE } else { self.next_tick };
        let next = flush.fold(next, Instant::min);
        next.saturating_duration_since(Instant::now()).min(IDLE)
    }

    fn watch_loop(&mut self, start: Instant) {
        let busy = start.elapsed();
        self.metrics.loop_busy_ns.add(busy.as_nanos() as u64);
        if busy > STALL {
            self.metrics.stalls.add(1);
            self.metrics.loop_stalled_ns.add(busy.as_nanos() as u64);
        }
        self.metrics.turn_began_ns.set(0);
        self.metrics.sessions.set(self.slots.len() as u64);
        self.metrics.subscription_drops.add(self.inbox.dropped.swap(0, Ordering::Relaxed));
        self.metrics.packets_out.add(std::mem::take(&mut self.egress.packets));
        self.metrics.bytes_out.add(std::mem::take(&mut self.egress.bytes));
    }

    /// Takes what the socket has. True when there may be more.
    fn receive(&mut self, buffers: &mut ReceiveBuffers) -> bool {
        for _ in 0..RECEIVE_ROUNDS {
            let count = match self.egress.socket().receive(buffers) {
                Ok(count) => count,
                Err(error) => {
                    tracing::warn!(shard = self.index, %error, "receiving failed");
                    return false;
                }
            };
            for index in 0..count {
                let Some((data, peer)) = buffers.datagram(index) else {
                    self.metrics.oversize.add(1);
                    continue;
                };
                self.metrics.packets_in.add(1);
                self.metrics.bytes_in.add(data.len() as u64);
                self.datagram(data, peer, false);
            }
            if !ReceiveBuffers::is_full(count) {
                return false;
            }
        }
        true
    }

    /// `forwarded`: another shard has taken it.
    fn datagram(&mut self, data: &mut [u8], peer: Peer, forwarded: bool) {
        let kind = dtls_peek::kind(data);
        match self.routes.get(peer.address) {
            Some(Route::Slot(slot)) => self.packet(slot, kind, data, peer),
            Some(Route::Shard(shard)) if !forwarded => self.forward(shard, data, peer),
            Some(Route::Shard(_)) => self.metrics.ignored_datagrams.add(1),
            None if kind == Kind::Stun && stun::parse(data).is_ok() => self.unknown_stun(data, peer),
            None => self.stray(kind, data, peer, forwarded),
        }
    }

    /// A packet of the peer of a session here.
    pub(super) fn packet(&mut self, slot: usize, kind: Kind, data: &mut [u8], peer: Peer) {
        let entry = &mut self.slots[slot];
        if entry.peer == peer {
            entry.heard = self.clock.now;
        }
        match kind {
            Kind::Stun => self.known_stun(slot, data, peer),
            Kind::Dtls => self.dtls(slot, data),
            Kind::Rtp => self.rtp(slot, data, peer),
            Kind::Rtcp => self.rtcp(slot, data, peer),
            Kind::Unknown => self.metrics.ignored_datagrams.add(1),
        }
    }

    fn dtls(&mut self, slot: usize, data: &[u8]) {
        let entry = &mut self.slots[slot];
        let fingerprints = &entry.session.negotiated.remote.fingerprints;
        let progress = entry.dtls.read(self.clock.now, data, &self.identity, fingerprints);
        self.send_dtls(slot);
        match progress {
            Ok(Progress::None) => {}
            Ok(Progress::Connected(keys)) => {
                let (sender, receiver) = *keys;
                self.connected(slot, sender, receiver);
            }
            Ok(Progress::Closed) => self.peer_left(slot),
            Err(error) => {
                let session = &self.slots[slot].session;
                tracing::info!(session = %session.id, stream = %session.stream, %error, "no DTLS association");
                self.close(slot, CloseReason::DtlsFailed);
            }
        }
    }

    pub(super) fn send_dtls(&mut self, slot: usize) {
        let entry = &mut self.slots[slot];
        while let Some(datagram) = entry.dtls.transmit() {
            self.egress.datagram(&entry.peer, slot as u32, &datagram);
        }
    }

    fn connected(&mut self, slot: usize, sender: SrtpSender, receiver: SrtpReceiver) {
        self.handshaking.retain(|other| *other != slot);
        let entry = &mut self.slots[slot];
        let SlotState::Handshaking(role) = &mut entry.state else { return };
        let Some(role) = role.take() else { return };
        entry.receiver = Some(Box::new(receiver));
        let session = entry.session.clone();
        tracing::info!(session = %session.id, stream = %session.stream, action = ?session.action,
            remote = %entry.peer.address, srtp = ?sender.profile(), "connected");
        match role {
            Role::Publish(mut publisher) => {
                if !self.begin_publishing(slot, &mut publisher) {
                    return;
                }
                let entry = &mut self.slots[slot];
                let key = publisher.stream().key;
                let inbox = self.inbox.clone();
                publisher.on_keyframe_wanted(Arc::new(move || inbox.command(Command::KeyframeWanted(key))));
                let mut ingest = Ingest::new(publisher, sender, &session.negotiated.media, self.clock.now);
                ingest.setup = session.setup.clone();
                entry.state = SlotState::Publishing(Box::new(ingest));
                self.published.insert(key, slot);
            }
            Role::Play(stream) => {
                if stream.liveness() == Liveness::Ended {
                    let replaced = stream.was_replaced();
                    return self
                        .close(slot, if replaced { CloseReason::StreamReplaced } else { CloseReason::StreamEnded });
                }
                let peer = entry.peer;
                let stream = self.start_watching(slot, stream);
                let key = stream.key;
                let climbing = self.start_climbing(slot, &stream);
                let inbox = self.inbox.clone();
                let local = self.streams.entry(key).or_insert_with(|| LocalStream::new(stream.subscribe(inbox)));
                let rung = self.choosers.get(&slot).map_or(climbing, Chooser::rung);
                let now = self.clock.now;
                let index = local.join(slot as u32, peer, sender, &session.negotiated.media, rung, now);
                self.slots[slot].state = SlotState::Viewing { key, index, joined: false };
                self.thin(slot);
                if let Some(local) = self.streams.get_mut(&key) {
                    local.catch_up(Some(index), now, &mut self.egress);
                }
                self.starting.push(slot);
            }
        }
        session.set_state(SessionState::Connected);
    }

    fn rtp(&mut self, slot: usize, data: &mut [u8], peer: Peer) {
        let entry = &mut self.slots[slot];
        let (Some(receiver), SlotState::Publishing(_)) = (&mut entry.receiver, &entry.state) else {
            return self.metrics.ignored_datagrams.add(1);
        };
        let elsewhere = entry.peer != peer;
        match receiver.open_rtp(data) {
            Ok(length) => self.opened_rtp(slot, &data[..length]),
            Err(_) => return self.metrics.rejected_packets.add(1),
        }
        if elsewhere {
            self.heard_elsewhere(slot, peer);
        }
    }

    fn rtcp(&mut self, slot: usize, data: &mut [u8], peer: Peer) {
        let entry = &mut self.slots[slot];
        let Some(receiver) = &mut entry.receiver else { return self.metrics.ignored_datagrams.add(1) };
        let elsewhere = entry.peer != peer;
        match receiver.open_rtcp(data) {
            Ok(length) => self.opened_rtcp(slot, &data[..length]),
            Err(_) => return self.metrics.rejected_packets.add(1),
        }
        if elsewhere {
            self.heard_elsewhere(slot, peer);
        }
    }

    fn flush_publishers(&mut self) {
        for slot in self.published.values() {
            if let SlotState::Publishing(ingest) = &mut self.slots[*slot].state {
                ingest.flush_due(self.clock.now);
            }
        }
    }

    fn fan_out(&mut self) {
        while let Some((key, batch)) = self.inbox.take_media() {
            let Some(stream) = self.streams.get_mut(&key) else { continue };
            if stream.arrivals.is_empty() {
                stream.batch(&batch, self.clock.now, &mut self.egress);
                continue;
            }
            self.arrive(key, &batch);
            if let Some(stream) = self.streams.get_mut(&key) {
                stream.batch(&batch, self.clock.now, &mut self.egress);
            }
        }
    }

    fn commands(&mut self) {
        loop {
            let commands = self.inbox.take_commands();
            if commands.is_empty() {
                return;
            }
            // What was pushed before a stream's end belongs to its viewers.
            self.fan_out();
            for command in commands {
                match command {
                    Command::Close(session, reason) => match self.by_session.get(&session.id).copied() {
                        Some(slot) => self.close(slot, reason),
                        None => session.closed(reason),
                    },
                    Command::Choose(session) => {
                        if let Some(slot) = self.by_session.get(&session.id).copied() {
                            self.choose_for(slot);
                            self.thin(slot);
                        }
                    }
                    Command::StreamEnded(key) => self.end_stream(key),
                    Command::KeyframeWanted(key) => {
                        if let Some(slot) = self.published.get(&key).copied() {
                            self.tick_publisher(slot);
                        }
                    }
                    Command::Ping(answer) => {
                        let _ = answer.send(());
                    }
                    Command::Stop => {
                        for slot in self.slots.iter().map(|(slot, _)| slot).collect::<Vec<_>>() {
                            self.close(slot, CloseReason::Shutdown);
                        }
                        self.stopped = true;
                    }
                }
            }
        }
    }

    fn end_stream(&mut self, key: StreamKey) {
        let Some(stream) = self.streams.get(&key) else { return };
        let slots: Vec<usize> = stream.viewers.iter().map(|viewer| viewer.slot as usize).collect();
        let replaced = stream.stream.was_replaced();
        for slot in slots {
            self.close(slot, if replaced { CloseReason::StreamReplaced } else { CloseReason::StreamEnded });
        }
        self.streams.remove(&key);
    }

    /// Ends a session: tells the peer, frees all that it holds.
    pub(super) fn close(&mut self, slot: usize, reason: CloseReason) {
        match std::mem::replace(&mut self.slots[slot].state, SlotState::Over) {
            SlotState::Publishing(ingest) => {
                let key = ingest.publisher.stream().key;
                // Another publisher of the same stream may be on this shard by now.
                if self.published.get(&key) == Some(&slot) {
                    self.published.remove(&key);
                }
                continuation::end(ingest, reason, self.clock.now);
            }
            SlotState::Viewing { key, index, .. } => {
                self.send_bye(slot, key, index);
                self.count_oversize(slot, key, index);
                self.take_viewer(key, index);
                self.forget_if_empty(key);
                self.stop_choosing(slot);
            }
            SlotState::Handshaking(_) => self.handshaking.retain(|other| *other != slot),
            SlotState::Over => return,
        }
        self.slots[slot].close_dtls(self.clock.now);
        self.send_dtls(slot);
        self.egress.flush();
        self.count_drops();
        self.starting.retain(|other| *other != slot);
        let entry = self.slots.remove(slot);
        self.routes.forget(slot, &entry.routes);
        entry.links.iter().for_each(|link| self.egress.links.close(*link));
        self.by_session.remove(&entry.session.id);
        tracing::info!(session = %entry.session.id, stream = %entry.session.stream, action = ?entry.session.action,
            ?reason, age_s = entry.session.age().as_secs(), "closed");
        entry.session.closed(reason);
    }

    fn tick(&mut self) {
        self.strays.tick(self.clock.now);
        self.strays.repeat(self.clock.now, &mut self.egress);
        self.refuse_silent();
        for slot in self.handshaking.clone() {
            let entry = &mut self.slots[slot];
            if self.clock.now >= entry.born + HANDSHAKE_TIMEOUT {
                self.close(slot, CloseReason::ConnectTimeout);
                continue;
            }
            let result = entry.dtls.timeout(self.clock.now);
            self.send_dtls(slot);
            if result.is_err() {
                self.close(slot, CloseReason::DtlsFailed);
            }
        }
        for slot in self.published.values().copied().collect::<Vec<_>>() {
            self.tick_publisher(slot);
        }
        for stream in self.streams.values_mut() {
            stream.catch_up(None, self.clock.now, &mut self.egress);
        }
        self.try_ways();
        self.greet_starting();
        self.choose_again(self.round);
        self.round = (self.round + 1) % ROUNDS;
        let capacity = self.slots.capacity();
        let mut slot = self.round;
        while slot < capacity {
            if self.slots.contains(slot) {
                self.look_after(slot);
            }
            slot += ROUNDS;
        }
        if self.index == 0 && self.clock.now >= self.next_expiry {
            self.next_expiry = self.clock.now + EXPIRY_INTERVAL;
            self.sessions.expire_pending();
        }
    }

    fn tick_publisher(&mut self, slot: usize) {
        let entry = &mut self.slots[slot];
        if let SlotState::Publishing(ingest) = &mut entry.state {
            if !ingest.publisher.is_seated() {
                return self.close(slot, CloseReason::Replaced);
            }
            let (before, given_up) = (ingest.keyframe_requests, ingest.given_up);
            ingest.ceiling_kbps = entry.session.ceiling();
            ingest.tick(self.clock.now, &entry.peer, slot as u32, &mut self.egress);
            self.metrics.keyframe_requests_out.add(ingest.keyframe_requests - before);
            self.metrics.lost_in.add(ingest.given_up - given_up);
            let stats = &entry.session.stats;
            stats.lost.store(ingest.lost, Ordering::Relaxed);
            stats.keyframe_requests.store(ingest.keyframe_requests, Ordering::Relaxed);
        }
    }

    /// What each session needs once a second.
    fn look_after(&mut self, slot: usize) {
        if !self.look_after_publisher(slot) {
            return;
        }
        let entry = &self.slots[slot];
        if self.clock.now >= entry.alive + CONSENT_TIMEOUT {
            return self.close(slot, CloseReason::Inactive);
        }
        self.close_idle_links(slot);
        let entry = &self.slots[slot];
        if let SlotState::Viewing { key, index, joined } = entry.state {
            self.count_oversize(slot, key, index);
            self.thin(slot);
            if joined {
                self.report_to_viewer(slot, key, index);
            }
        }
    }

    fn count_drops(&mut self) {
        for (slot, packets) in self.egress.take_drops() {
            self.metrics.send_drops.add(packets as u64);
            if let Some(entry) = self.slots.get(slot as usize) {
                SessionStats::add(&entry.session.stats.dropped, packets as u64);
            }
        }
    }
}
