//! Events and figures as the contract has them.

use super::rates::TrackRates;
use crate::observe::Event;
use crate::plugin::bindings::imports::wasmcast::host::types::Attribute;
use crate::plugin::bindings::{observer_events, observer_stats};
use observer_events::exports::wasmcast::observer::events as told;
use observer_stats::exports::wasmcast::observer::stats;

/// An event for a guest.
pub(in crate::plugin) fn event(event: &Event) -> told::Event {
    let attributes = event.attributes.iter();
    told::Event {
        sequence: event.sequence,
        unix_ns: event.unix_ns,
        kind: event.kind.to_string(),
        stream_name: event.stream.clone(),
        session_id: event.session.clone(),
        attributes: attributes.map(|(key, value)| Attribute { key: key.to_string(), value: value.clone() }).collect(),
    }
}

/// A track for a guest.
pub(in crate::plugin) fn track(rates: &TrackRates) -> stats::TrackStats {
    stats::TrackStats {
        stream_name: rates.stream.to_string(),
        session_id: rates.session.to_string(),
        rendition: rates.rendition.to_string(),
        kind: rates.kind.to_owned(),
        inbound: rates.inbound,
        bitrate_kbps: rates.bitrate_kbps,
        frame_rate: rates.frame_rate,
        loss: rates.loss,
        rtt_ms: rates.rtt_ms,
        jitter_ms: rates.jitter_ms,
        nacks: rates.nacks,
        keyframe_requests: rates.keyframe_requests,
        skipped_frames: rates.skipped_frames,
        extras: rates
            .extras
            .iter()
            .map(|(name, value)| stats::Extra { name: (*name).to_owned(), value: *value })
            .collect(),
    }
}
