//! What a plugin under test is told as an observer, and whether it took it.

use super::Test;
use crate::{Event, TrackStats};
use serde_json::{Value, json};

impl Test {
    /// Delivers these events as one batch. Those that the manifest does not choose are left out, as by a server; one whose
    /// `sequence` and `unix_ns` are 0 gets the next number and the time of now.
    #[track_caller]
    pub fn events(&self, batch: &[Event]) -> Told {
        let event = |event: &Event| {
            json!({
                "sequence": event.sequence,
                "unix_ns": event.unix_ns,
                "kind": event.kind,
                "stream": event.stream_name,
                "session": event.session_id,
                "attributes": event.attributes,
            })
        };
        let events: Vec<Value> = batch.iter().map(event).collect();
        Told::new(&self.ask(json!({"do": "events", "events": events})))
    }

    /// Tells how these tracks did.
    #[track_caller]
    pub fn stats(&self, tracks: &[TrackStats]) -> Told {
        let track = |track: &TrackStats| {
            json!({
                "stream": track.stream_name,
                "session": track.session_id,
                "rendition": track.rendition,
                "kind": track.kind,
                "inbound": track.inbound,
                "bitrate_kbps": track.bitrate_kbps,
                "frame_rate": track.frame_rate,
                "loss": track.loss,
                "rtt_ms": track.rtt_ms,
                "jitter_ms": track.jitter_ms,
                "nacks": track.nacks,
                "keyframe_requests": track.keyframe_requests,
                "skipped_frames": track.skipped_frames,
            })
        };
        let tracks: Vec<Value> = tracks.iter().map(track).collect();
        Told::new(&self.ask(json!({"do": "stats", "tracks": tracks})))
    }
}

/// How the plugin took what it was told.
#[derive(Clone, Debug)]
#[must_use = "expect something of it"]
pub struct Told {
    failure: Option<String>,
}

impl Told {
    fn new(answer: &Value) -> Self {
        Self { failure: answer.get("failure").and_then(Value::as_str).map(str::to_owned) }
    }

    /// Expects that it was taken.
    ///
    /// # Panics
    /// When it was not.
    #[track_caller]
    pub fn expect_taken(self) {
        if let Some(why) = self.failure {
            panic!("the plugin did not take it: {why}");
        }
    }

    /// Expects that it was not, so that a server would deliver the events again, and that the operator is told something with
    /// this text in it.
    ///
    /// # Panics
    /// When it was, or for another reason.
    #[track_caller]
    pub fn expect_failure(self, text: &str) {
        match self.failure {
            None => panic!("the plugin took it; expected to fail with `{text}`"),
            Some(why) => assert!(why.contains(text), "it failed with `{why}`; expected `{text}`"),
        }
    }
}
