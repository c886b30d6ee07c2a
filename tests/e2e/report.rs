//! What a viewer measured, and the one standard that all viewers' measurements are held to.

use std::time::Duration;

use serde_json::{Value, json};

use crate::process::Process;

/// Largest distance of sound and picture in media time that goes unnoticed.
const MAX_SKEW_MS: f64 = 80.0;
/// What viewers call it: by what is seen and heard, and by the clocks of the tracks.
const SKEWS: [&str; 2] = ["skew_ms", "transit_skew_ms"];
/// Mean change of a pixel between frames, of 255; a still picture with coding noise stays below 0.1.
const MIN_MOTION: f64 = 0.3;
const SIZE: (u64, u64) = (640, 360);
const TONES: (f64, f64) = (440.0, 660.0);
/// Half of what tells the two tones apart.
const TONE_TOLERANCE: f64 = 60.0;

#[derive(Debug)]
pub struct Report {
    pub measured: Value,
    log: String,
}

impl Report {
    /// Waits for the viewer's end and takes the last line of JSON that it printed.
    pub fn read(viewer: Process, limit: Duration) -> Self {
        let finished = viewer.finish(limit);
        let last: Option<Value> = finished.data.iter().rev().find_map(|line| serde_json::from_str(line).ok());
        assert!(finished.status.success() && last.is_some(), "the viewer failed:\n{}", finished.log);
        Self { measured: last.map(in_common_form).unwrap_or_default(), log: finished.log }
    }

    fn number(&self, pointer: &str) -> f64 {
        let value = self.measured.pointer(pointer).and_then(Value::as_f64);
        value.unwrap_or_else(|| panic!("no {pointer} in the report:\n{}", self.log))
    }

    /// A moving picture of the right size and both tones.
    pub fn check_media(&self) {
        self.check_video();
        self.check_audio();
    }

    /// As [`Report::check_media`], and the two together.
    pub fn check(&self) {
        self.check_media();
        // The GStreamer viewer alone has no way to tell.
        let told = SKEWS.iter().any(|name| self.measured[name].is_number()) || self.measured["peer"] == "gstreamer";
        assert!(told, "the viewer did not find out how far sound and picture are apart\n{}", self.log);
        for name in SKEWS {
            if let Some(skew) = self.measured[name].as_f64() {
                assert!(skew.abs() <= MAX_SKEW_MS, "{name}: sound and picture are {skew} ms apart\n{}", self.log);
            }
        }
    }

    /// Frames and sound arrived, of whatever stream.
    pub fn check_alive(&self) {
        assert!(self.number("/video/frames") >= 40.0 && self.number("/video/motion") > 0.0, "{}", self.log);
        assert!(self.number("/audio/seconds") >= 2.0 && self.number("/audio/left_hz") > 0.0, "{}", self.log);
    }

    pub fn check_video(&self) {
        let size = (self.number("/video/width") as u64, self.number("/video/height") as u64);
        assert_eq!(size, SIZE, "picture size\n{}", self.log);
        let frames = self.number("/video/frames");
        assert!(frames >= 40.0, "only {frames} frames in some seconds\n{}", self.log);
        // `wasmcast play` counts complete frames and does not decode.
        let motion = if self.measured["tool"].is_string() { MIN_MOTION } else { self.number("/video/motion") };
        assert!(motion >= MIN_MOTION, "the picture stands still: {motion}\n{}", self.log);
    }

    pub fn check_audio(&self) {
        let seconds = self.number("/audio/seconds");
        assert!(seconds >= 2.0, "only {seconds} s of sound\n{}", self.log);
        if self.measured["tool"].is_string() {
            return;
        }
        let heard = (self.number("/audio/left_hz"), self.number("/audio/right_hz"));
        let near = |heard: f64, sent: f64| (heard - sent).abs() < TONE_TOLERANCE;
        assert!(
            near(heard.0, TONES.0) && near(heard.1, TONES.1),
            "sent {TONES:?} Hz left and right, heard {heard:?}\n{}",
            self.log
        );
    }
}

/// The flat report of `wasmcast play` in the form of the other viewers.
fn in_common_form(report: Value) -> Value {
    if report["tool"] != "wasmcast play" {
        return report;
    }
    assert_eq!(report["broken_frames"], 0, "{report}");
    assert_eq!(report["lost"], 0, "{report}");
    let seconds_of_sound = report["audio_packets"].as_f64().unwrap_or(0.0) * 0.02;
    json!({
        "tool": report["tool"],
        "video": { "frames": report["frames"], "width": report["width"], "height": report["height"] },
        "audio": { "seconds": seconds_of_sound },
        "skew_ms": report["av_offset_ms"],
    })
}
