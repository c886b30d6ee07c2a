//! The hook `observer`: what happened on the server, and how its tracks do.

use crate::__private::{events, stats};
use crate::{Error, Result};
use std::time::Duration;

/// Something that happened.
///
/// ```
/// use wasmcast_plugin::prelude::*;
///
/// #[observer]
/// fn events(batch: &[Event]) -> Result<()> {
///     for event in batch.iter().filter(|event| event.kind == "session.ended") {
///         info!("ended"; session = event.session_id, reason = event.attribute("reason").unwrap_or("?"));
///     }
///     Ok(()) // an Err has the server deliver the same batch again, later and later
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// Rises by one per event of this node since its start; a gap is what was dropped or filtered.
    pub sequence: u64,
    /// When it happened, in nanoseconds since 1970.
    pub unix_ns: u64,
    /// Dotted, such as `session.started`.
    pub kind: String,
    /// Empty when it concerns none.
    pub stream_name: String,
    /// Empty when it concerns none.
    pub session_id: String,
    /// What the kind documents, with `node`.
    pub attributes: Vec<(String, String)>,
}

impl Event {
    /// An event of a kind, as tests make it.
    pub fn new(kind: impl Into<String>) -> Self {
        Self { kind: kind.into(), ..Self::default() }
    }

    /// The same, about a stream.
    #[must_use]
    pub fn stream(mut self, name: impl Into<String>) -> Self {
        self.stream_name = name.into();
        self
    }

    /// The same, about a session.
    #[must_use]
    pub fn session(mut self, id: impl Into<String>) -> Self {
        self.session_id = id.into();
        self
    }

    /// The same, with another attribute.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl ToString) -> Self {
        self.attributes.push((key.into(), value.to_string()));
        self
    }

    /// The attribute of this name.
    pub fn attribute(&self, key: &str) -> Option<&str> {
        self.attributes.iter().rev().find(|(own, _)| own == key).map(|(_, value)| value.as_str())
    }

    /// When it happened, since 1970.
    pub fn at(&self) -> Duration {
        Duration::from_nanos(self.unix_ns)
    }
}

/// How the tracks did over the last interval, at most 1,000 of them in one call.
///
/// ```
/// use wasmcast_plugin::prelude::*;
///
/// #[observer]
/// fn watch(stats: &Stats) -> Result<()> {
///     for track in stats.tracks.iter().filter(|track| track.loss > 0.05) {
///         notify::emit("loss", &[("session", track.session_id.as_str())]);
///     }
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    /// When the server looked, in nanoseconds since 1970.
    pub unix_ns: u64,
    /// At most 1,000; more come in further calls.
    pub tracks: Vec<TrackStats>,
}

/// One track of one session over the last interval.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrackStats {
    /// The name that viewers use.
    pub stream_name: String,
    /// Publisher or viewer.
    pub session_id: String,
    /// The rendition or simulcast layer; empty where there is one only.
    pub rendition: String,
    /// `audio` or `video`.
    pub kind: String,
    /// From a publisher to the server; else from the server to a viewer.
    pub inbound: bool,
    /// Payload.
    pub bitrate_kbps: u32,
    /// Frames per second; 0 for audio.
    pub frame_rate: f32,
    /// Packets lost on the network, 0 to 1, before retransmission.
    pub loss: f32,
    /// 0 while unknown.
    pub rtt_ms: f32,
    /// 0 while unknown.
    pub jitter_ms: f32,
    /// Packets asked for again.
    pub nacks: u32,
    /// Keyframes asked for.
    pub keyframe_requests: u32,
    /// Frames that the server left out, since the viewer was too slow.
    pub skipped_frames: u32,
    /// Those that the manifest asks for by name, where known.
    pub extras: Vec<(String, f64)>,
}

impl Stats {
    #[doc(hidden)]
    pub fn new(unix_ns: u64, batch: Vec<stats::TrackStats>) -> Self {
        Self { unix_ns, tracks: batch.into_iter().map(Into::into).collect() }
    }
}

impl TrackStats {
    /// The number of this name, where the manifest asks for it and it is known.
    pub fn extra(&self, name: &str) -> Option<f64> {
        self.extras.iter().find(|(own, _)| own == name).map(|(_, value)| *value)
    }
}

impl From<events::Event> for Event {
    fn from(event: events::Event) -> Self {
        Self {
            sequence: event.sequence,
            unix_ns: event.unix_ns,
            kind: event.kind,
            stream_name: event.stream_name,
            session_id: event.session_id,
            attributes: event.attributes.into_iter().map(|attribute| (attribute.key, attribute.value)).collect(),
        }
    }
}

impl From<stats::TrackStats> for TrackStats {
    fn from(track: stats::TrackStats) -> Self {
        Self {
            stream_name: track.stream_name,
            session_id: track.session_id,
            rendition: track.rendition,
            kind: track.kind,
            inbound: track.inbound,
            bitrate_kbps: track.bitrate_kbps,
            frame_rate: track.frame_rate,
            loss: track.loss,
            rtt_ms: track.rtt_ms,
            jitter_ms: track.jitter_ms,
            nacks: track.nacks,
            keyframe_requests: track.keyframe_requests,
            skipped_frames: track.skipped_frames,
            extras: track.extras.into_iter().map(|extra| (extra.name, extra.value)).collect(),
        }
    }
}

/// What a function under [`observer`](macro@crate::observer) may return: nothing, or a `Result` of nothing.
#[diagnostic::on_unimplemented(
    message = "an observer returns `Result<()>` or nothing, not `{Self}`",
    label = "this is neither `Result<()>` nor `()`"
)]
pub trait IntoTaken {
    #[doc(hidden)]
    fn into_taken(self) -> Result<()>;
}

impl IntoTaken for () {
    fn into_taken(self) -> Result<()> {
        Ok(())
    }
}

impl<E: Into<Error>> IntoTaken for Result<(), E> {
    fn into_taken(self) -> Result<()> {
        self.map_err(Into::into)
    }
}

/// Figures are not told again: what went wrong with them goes to the log.
#[doc(hidden)]
pub fn not_taken(error: &Error) {
    crate::warn!("figures of tracks were not taken"; error);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_and_extras_are_found_by_name() {
        let attribute = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let event = Event {
            attributes: vec![attribute("reason", "kicked"), attribute("node", "n1"), attribute("reason", "by-peer")],
            unix_ns: 1_500_000_000,
            ..Event::default()
        };
        assert_eq!((event.attribute("reason"), event.attribute("nod")), (Some("by-peer"), None));
        assert_eq!(event.at(), Duration::from_millis(1_500));
        let track = TrackStats { extras: vec![("width".to_owned(), 1280.0)], ..TrackStats::default() };
        assert_eq!((track.extra("width"), track.extra("height")), (Some(1280.0), None));
    }
}
