//! Viewers behind links that change, in virtual time: what `auto` makes of bandwidth steps, loss, jitter and queues.

use super::policy::{self, Choice, Rung};
use super::{Auto, Estimator};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

const PACKET: usize = 1_200;

/// A link towards a viewer: a rate, a queue in front of it, and the air behind it.
#[derive(Clone, Copy)]
struct Link {
    bits_per_second: u64,
    queue_ms: u64,
    loss: f64,
    jitter_us: u64,
    /// One way.
    delay_us: u64,
    /// Share of the viewer's reports that get lost.
    report_loss: f64,
}

const FAST: Link =
    Link { bits_per_second: 10_000_000, queue_ms: 300, loss: 0.0, jitter_us: 0, delay_us: 20_000, report_loss: 0.0 };

struct Viewer {
    start: Instant,
    now_us: u64,
    auto: Auto,
    ladder: Vec<Rung>,
    current: usize,
    /// A move, and when its keyframe comes.
    moving: Option<(usize, u64)>,
    muted: bool,
    link: Link,
    free_at_us: u64,
    /// Packets on their way: arrival, number.
    flying: Vec<(u64, u16)>,
    came: Vec<(u64, u16)>,
    news: Vec<u16>,
    next_report: u16,
    reports: u8,
    back: VecDeque<(u64, Vec<u8>)>,
    state: u64,
    /// Moves: when, and where to.
    moves: Vec<(u64, usize)>,
    probes: u32,
    padding: u64,
    media: u64,
    keyframe: bool,
}

impl Viewer {
    fn new(rates: &[u64], link: Link, seed: u64) -> Self {
        let start = Instant::now();
        let ladder: Vec<Rung> = rates.iter().map(|rate| Rung { bits_per_second: rate * 1_000, active: true }).collect();
        let current = policy::start(&ladder);
        Viewer {
            start,
            now_us: 0,
            auto: Auto::new(start, current),
            ladder,
            current,
            moving: None,
            muted: false,
            link,
            free_at_us: 0,
            flying: Vec::new(),
            came: Vec::new(),
            news: Vec::new(),
            next_report: 0,
            reports: 0,
            back: VecDeque::new(),
            state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            moves: Vec::new(),
            probes: 0,
            padding: 0,
            media: 0,
            keyframe: true,
        }
    }

    fn random(&mut self) -> f64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 11) as f64 / (1u64 << 53) as f64
    }

    fn now(&self) -> Instant {
        self.start + Duration::from_micros(self.now_us)
    }

    fn send(&mut self, bytes: usize) {
        let number = self.auto.sent(self.now(), bytes);
        let wait_us = self.free_at_us.saturating_sub(self.now_us);
        if wait_us > self.link.queue_ms * 1_000 {
            return;
        }
        self.free_at_us = self.now_us + wait_us + bytes as u64 * 8_000_000 / self.link.bits_per_second;
        if self.random() < self.link.loss {
            return;
        }
        let jitter_us = (self.random() * self.link.jitter_us as f64) as u64;
        self.flying.push((self.free_at_us + self.link.delay_us + jitter_us, number));
    }

    /// A frame of the rendition: sizes waver, and keyframes are six times larger.
    fn frame(&mut self) {
        if self.muted {
            return;
        }
        let mean = self.ladder[self.current].bits_per_second as f64 / 8.0 / 30.0;
        let key = std::mem::take(&mut self.keyframe);
        let mut bytes = (mean * (0.7 + 0.6 * self.random()) * if key { 6.0 } else { 1.0 }) as usize;
        self.media += bytes as u64;
        while bytes > 0 {
            let part = bytes.min(PACKET);
            self.send(part);
            bytes -= part;
        }
    }

    fn run(&mut self, seconds: f64) {
        let end_us = self.now_us + (seconds * 1_000_000.0) as u64;
        while self.now_us < end_us {
            self.now_us += 5_000;
            self.step();
        }
    }

    fn step(&mut self) {
        if self.moving.is_some_and(|(_, at)| at <= self.now_us) {
            let (to, _) = self.moving.take().unwrap();
            (self.current, self.muted, self.keyframe) = (to, false, true);
            self.moves.push((self.now_us, to));
            self.auto.moved(self.now(), to);
        }
        // 30 frames a second, to 5 ms.
        if self.now_us * 3 / 100_000 != (self.now_us - 5_000) * 3 / 100_000 {
            self.frame();
        }
        if self.now_us.is_multiple_of(10_000) {
            let mut padding = self.auto.padding(self.now());
            while padding >= 250 {
                let part = padding.min(PACKET);
                self.padding += part as u64;
                self.send(part);
                padding -= part;
            }
        }
        self.receive();
        while self.back.front().is_some_and(|(at, _)| *at <= self.now_us) {
            let (_, raw) = self.back.pop_front().unwrap();
            self.auto.feedback(self.now(), &raw);
        }
        let was_probing = self.auto.is_probing();
        let choice = self.auto.decide(self.now(), &self.ladder);
        match choice {
            Choice::Stay => {}
            Choice::Up(to) => self.moving = Some((to, self.now_us + 300_000)),
            Choice::Down { to, at_once } => {
                self.muted |= at_once;
                self.moving = Some((to, self.now_us + 300_000));
            }
            Choice::Probe { .. } => panic!("probes are not for the caller"),
        }
        self.probes += u32::from(!was_probing && self.auto.is_probing());
    }

    /// The viewer reports each 100 ms, as browsers do.
    fn receive(&mut self) {
        let now_us = self.now_us;
        let came: Vec<_> = self.flying.iter().copied().filter(|(at, _)| *at <= now_us).collect();
        self.flying.retain(|(at, _)| *at > now_us);
        self.news.extend(came.iter().map(|(_, number)| *number));
        self.came.extend(came);
        if !now_us.is_multiple_of(100_000) || self.news.is_empty() {
            return;
        }
        let expected = self.next_report;
        let ahead = |number: u16| number.wrapping_sub(expected) as i16;
        let first = self.news.iter().copied().min_by_key(|number| ahead(*number)).unwrap();
        let last = self.news.iter().copied().max_by_key(|number| ahead(*number)).unwrap();
        let base = if ahead(first) < 0 { first } else { expected };
        // From a late packet on all is told again.
        self.came.retain(|(at, _)| at + 500_000 > now_us);
        let raw = report(base, last.wrapping_sub(base) + 1, self.reports, &self.came);
        self.reports = self.reports.wrapping_add(1);
        self.next_report = if ahead(last) < 0 { expected } else { last.wrapping_add(1) };
        self.news.clear();
        if self.random() >= self.link.report_loss {
            self.back.push_back((now_us + self.link.delay_us, raw));
        }
    }

    fn second(&self) -> f64 {
        self.now_us as f64 / 1e6
    }

    /// Moves since a second.
    fn moves_since(&self, second: f64) -> Vec<usize> {
        self.moves.iter().filter(|(at, _)| *at as f64 / 1e6 >= second).map(|(_, to)| *to).collect()
    }
}

/// A report with two-bit chunks and two-byte times.
fn report(base: u16, count: u16, number: u8, came: &[(u64, u16)]) -> Vec<u8> {
    let covers = |number: u16| number.wrapping_sub(base) < count;
    let first_us = came.iter().filter(|(_, number)| covers(*number)).map(|(at, _)| *at).min().unwrap_or_default();
    let reference = first_us / 64_000;
    let mut raw = vec![0x8f, 205, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2];
    raw.extend_from_slice(&base.to_be_bytes());
    raw.extend_from_slice(&count.to_be_bytes());
    raw.extend_from_slice(&(reference as u32).to_be_bytes()[1..]);
    raw.push(number);
    let arrival = |index: u16| came.iter().find(|(_, seq)| *seq == base.wrapping_add(index)).map(|(at, _)| *at);
    let mut deltas = Vec::new();
    let mut ticks = reference as i64 * 256;
    for chunk in 0..count.div_ceil(7) {
        let mut word = 0xc000u16;
        for index in 0..7 {
            if let Some(at) = arrival(chunk * 7 + index).filter(|_| chunk * 7 + index < count) {
                word |= 2 << (12 - 2 * index);
                let at = at as i64 / 250;
                deltas.extend_from_slice(&((at - ticks) as i16).to_be_bytes());
                ticks = at;
            }
        }
        raw.extend_from_slice(&word.to_be_bytes());
    }
    raw.extend_from_slice(&deltas);
    raw.resize(raw.len().next_multiple_of(4), 0);
    let words = (raw.len() / 4 - 1) as u16;
    raw[2..4].copy_from_slice(&words.to_be_bytes());
    raw
}

const LADDER: [u64; 3] = [150, 500, 2_500];

#[test]
fn a_rich_link_gets_the_best_and_a_drop_steps_down_and_up_again() {
    for queue_ms in [40, 300, 1_500] {
        for seed in 1..5 {
            let good = Link { queue_ms, ..FAST };
            let mut viewer = Viewer::new(&LADDER, good, seed);
            viewer.run(15.0);
            assert_eq!(viewer.current, 2, "queue {queue_ms} seed {seed}: {:?}", viewer.moves);
            viewer.link = Link { bits_per_second: 300_000, ..good };
            viewer.run(2.0);
            assert_eq!(viewer.current, 0, "queue {queue_ms} seed {seed}: {:?}", viewer.moves);
            viewer.run(30.0 + 3.0 * seed as f64);
            assert_eq!(viewer.current, 0, "queue {queue_ms} seed {seed}: {:?}", viewer.moves);
            viewer.link = good;
            let at = viewer.second();
            viewer.run(15.0);
            assert_eq!(viewer.moves_since(at), [1, 2], "queue {queue_ms} seed {seed}: {:?}", viewer.moves);
            let at = viewer.second();
            viewer.run(60.0);
            assert_eq!(viewer.moves_since(at), [0; 0], "queue {queue_ms} seed {seed}: {:?}", viewer.moves);
        }
    }
}

#[test]
fn a_link_between_two_rungs_is_no_seesaw() {
    for (kbps, rung) in [(1_000, 1), (1_800, 1), (400, 0)] {
        for queue_ms in [40, 300, 1_500] {
            for seed in 1..4 {
                let link = Link { bits_per_second: kbps * 1_000, queue_ms, ..FAST };
                let mut viewer = Viewer::new(&LADDER, link, seed);
                viewer.run(20.0);
                let before = (viewer.padding, viewer.media);
                viewer.run(300.0);
                let moves = viewer.moves_since(20.0);
                assert!(moves.len() <= 2, "{kbps} queue {queue_ms} seed {seed}: {:?}", viewer.moves);
                assert_eq!(viewer.current, rung, "{kbps} queue {queue_ms} seed {seed}: {:?}", viewer.moves);
                let (padding, media) = (viewer.padding - before.0, viewer.media - before.1);
                assert!(padding < media * 2 / 5, "{kbps} queue {queue_ms}: {padding} of padding beside {media}");
            }
        }
    }
}

#[test]
fn loss_and_jitter_of_the_air_do_not_cost_a_rung() {
    let rows = [(0.05, 0, 0.0), (0.05, 50_000, 0.05), (0.0, 100_000, 0.0), (0.03, 20_000, 0.05)];
    for (loss, jitter_us, report_loss) in rows {
        for seed in 1..5 {
            let link = Link { loss, jitter_us, report_loss, ..FAST };
            let mut viewer = Viewer::new(&LADDER, link, seed);
            viewer.run(20.0);
            assert_eq!(viewer.current, 2, "{loss} {jitter_us} seed {seed}: {:?}", viewer.moves);
            viewer.run(300.0);
            assert_eq!(viewer.moves_since(20.0), [0; 0], "{loss} {jitter_us} seed {seed}: {:?}", viewer.moves);
        }
    }
}

#[test]
fn a_pinned_viewer_stays_whatever_the_link() {
    let mut viewer = Viewer::new(&LADDER, Link { bits_per_second: 300_000, ..FAST }, 3);
    viewer.auto.pin(Some(2));
    viewer.run(30.0);
    assert_eq!((viewer.current, viewer.padding), (2, 0), "{:?}", viewer.moves);
    viewer.auto.pin(None);
    viewer.run(10.0);
    assert_eq!(viewer.current, 0, "{:?}", viewer.moves);
}

#[test]
fn a_layer_that_stops_is_left_and_found_again() {
    let mut viewer = Viewer::new(&LADDER, FAST, 5);
    viewer.run(15.0);
    viewer.ladder[2].active = false;
    viewer.run(1.0);
    assert_eq!(viewer.current, 1);
    viewer.ladder[2].active = true;
    viewer.run(15.0);
    assert_eq!(viewer.current, 2, "{:?}", viewer.moves);
}

#[test]
fn a_way_that_is_cut_for_seconds_recovers() {
    for seed in 1..5 {
        let mut viewer = Viewer::new(&LADDER, FAST, seed);
        viewer.run(15.0);
        viewer.link.loss = 1.0;
        viewer.run(3.0);
        viewer.link.loss = 0.0;
        viewer.run(30.0);
        assert_eq!(viewer.current, 2, "seed {seed}: {:?}", viewer.moves);
    }
}

#[test]
fn reports_that_lie_do_no_harm() {
    let start = Instant::now();
    let mut estimator = Estimator::new(start);
    assert!(!estimator.feedback(start, &report(0, 4, 0, &[(1_000, 0), (2_000, 3)])), "nothing was sent");
    let mut state = 9u32;
    for round in 0..20_000u32 {
        let now = start + Duration::from_millis(u64::from(round));
        estimator.sent(now, 1_200);
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let at = |shift: u64| (u64::from(state) << shift, (state >> 16) as u16);
        let mut raw = report((state >> 16) as u16, 1 + (state & 63) as u16, 0, &[at(0), at(7)]);
        raw[16] = state as u8;
        estimator.feedback(now, &raw);
        estimator.tick(now);
        let bits = estimator.bits_per_second().unwrap_or_default();
        assert!(estimator.loss() >= 0.0 && estimator.loss() <= 1.0 && bits < 1 << 50);
    }
}

#[test]
fn a_viewer_costs_little_memory() {
    let inside = size_of::<Auto>();
    let history = 8 * super::history::KEPT;
    assert!(inside < 1_024 && inside + history < 20 << 10, "{inside} and {history}");
}
