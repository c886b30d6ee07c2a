//! What a track did in an interval, from what it had counted before and after. Pure.

use crate::observe::tracks::TrackTotals;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// One track of one session over an interval.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrackRates {
    pub stream: Arc<str>,
    pub session: Arc<str>,
    pub rendition: Arc<str>,
    pub kind: &'static str,
    pub inbound: bool,
    pub bitrate_kbps: u32,
    pub frame_rate: f32,
    /// 0 to 1.
    pub loss: f32,
    pub rtt_ms: f32,
    pub jitter_ms: f32,
    pub nacks: u32,
    pub keyframe_requests: u32,
    pub skipped_frames: u32,
    pub extras: Vec<(&'static str, f64)>,
}

/// The numbers that a manifest may ask for besides: of the interval, but for those that tell how it is now (`width`, `height`
/// of the picture in pixels, `estimate-kbps`).
pub(super) const EXTRAS: [&str; 7] =
    ["packets", "payload-bytes", "retransmitted-packets", "lost-packets", "width", "height", "estimate-kbps"];

/// Makes rates of totals that are looked at again and again.
#[derive(Debug, Default)]
pub(super) struct Looks {
    before: HashMap<(Arc<str>, usize), TrackTotals>,
}

impl Looks {
    /// The rates since the last look, `span` ago. A track that is new has none yet.
    pub(super) fn look(&mut self, now: Vec<TrackTotals>, span: Duration, extras: &[&'static str]) -> Vec<TrackRates> {
        let rates = now.iter().filter_map(|now| {
            let before = self.before.get(&(now.session.clone(), now.index))?;
            Some(rates(before, now, span, extras))
        });
        let rates = rates.collect();
        self.before = now.into_iter().map(|totals| ((totals.session.clone(), totals.index), totals)).collect();
        rates
    }
}

fn rates(before: &TrackTotals, now: &TrackTotals, span: Duration, extras: &[&'static str]) -> TrackRates {
    // Totals of a receiver may go back: it counts duplicates against what was lost.
    let since = |field: fn(&TrackTotals) -> u64| field(now).saturating_sub(field(before));
    let count = |field| u32::try_from(since(field)).unwrap_or(u32::MAX);
    let seconds = span.as_secs_f64().max(0.001);
    let expected = since(|track| track.expected);
    let loss = if expected == 0 { 0.0 } else { (since(|track| track.lost) as f64 / expected as f64).min(1.0) };
    let extra = |name: &'static str| {
        let value = match name {
            "packets" => since(|track| track.packets) as f64,
            "payload-bytes" => since(|track| track.bytes) as f64,
            "retransmitted-packets" => since(|track| track.retransmitted) as f64,
            "lost-packets" => since(|track| track.lost) as f64,
            "width" => f64::from(now.width),
            "height" => f64::from(now.height),
            _ => now.estimate_kbps as f64,
        };
        // What is not known is left out.
        let known = value > 0.0 || !matches!(name, "width" | "height" | "estimate-kbps");
        known.then_some((name, value))
    };
    TrackRates {
        stream: now.stream.clone(),
        session: now.session.clone(),
        rendition: now.rendition.clone(),
        kind: now.kind,
        inbound: now.inbound,
        bitrate_kbps: (since(|track| track.bytes) as f64 * 8.0 / 1_000.0 / seconds).round() as u32,
        frame_rate: (since(|track| track.frames) as f64 / seconds) as f32,
        loss: loss as f32,
        rtt_ms: now.rtt_us as f32 / 1_000.0,
        jitter_ms: now.jitter_us as f32 / 1_000.0,
        nacks: count(|track| track.nacks),
        keyframe_requests: count(|track| track.keyframe_requests),
        skipped_frames: count(|track| track.skipped_frames),
        extras: extras.iter().filter_map(|name| extra(name)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(session: &str, bytes: u64, lost: u64) -> TrackTotals {
        TrackTotals {
            session: session.into(),
            stream: "cam1".into(),
            kind: "video",
            bytes,
            packets: bytes / 1_000,
            expected: bytes / 1_000,
            frames: bytes / 5_000,
            lost,
            nacks: 2 * lost,
            rtt_us: 12_500,
            ..TrackTotals::default()
        }
    }

    #[test]
    fn an_interval_has_what_differs() {
        let mut looks = Looks::default();
        let extras = ["packets", "width", "lost-packets"];
        let span = Duration::from_secs(5);
        assert_eq!(looks.look(vec![totals("a", 1_000_000, 0)], span, &extras), []);
        let second = looks.look(vec![totals("a", 2_250_000, 125), totals("b", 7, 0)], span, &extras);
        let expected = TrackRates {
            stream: "cam1".into(),
            session: "a".into(),
            kind: "video",
            bitrate_kbps: 2_000,
            frame_rate: 50.0,
            loss: 0.1,
            rtt_ms: 12.5,
            nacks: 250,
            extras: vec![("packets", 1_250.0), ("lost-packets", 125.0)],
            ..TrackRates::default()
        };
        assert_eq!(second, [expected]);
        // What is gone is forgotten, and what went back is nothing.
        let third = looks.look(vec![totals("b", 7, 0)], span, &[]);
        assert_eq!((third.len(), third[0].bitrate_kbps, looks.before.len()), (1, 0, 1));
        let fourth = looks.look(vec![totals("b", 0, 0), totals("a", 9, 0)], span, &[]);
        assert_eq!((fourth.len(), fourth[0].bitrate_kbps, fourth[0].loss), (1, 0, 0.0));
    }
}
