//! A viewer that is watched while other things happen: a browser with the player page.

use std::cell::Cell;
use std::time::Duration;

use serde_json::{Value, json};

use crate::clients::browser;
use crate::process::Process;
use crate::server::Server;

const PATIENCE: Duration = Duration::from_secs(40);

/// Chromium with the page of a stream.
pub struct Follower {
    process: Process,
    /// The last line that was looked at.
    line: Cell<u64>,
}

impl Follower {
    pub fn start(server: &Server, stream: &str) -> Self {
        Follower::open(server, stream, false)
    }

    /// As [`Follower::start`], with all paths closed but those by a TURN server.
    pub fn start_behind_turn(server: &Server, stream: &str) -> Self {
        Follower::open(server, stream, true)
    }

    fn open(server: &Server, stream: &str, relay: bool) -> Self {
        let url = server.url(&format!("/play/{stream}?muted=1"));
        let process = browser("chromium", server, stream, &json!({ "role": "follow", "url": url, "relay": relay }));
        Follower { process, line: Cell::new(0) }
    }

    /// Waits until what is seen satisfies, and returns it. What was seen before the last such moment does not count.
    pub fn wait(&self, what: &str, satisfies: impl Fn(&Value) -> bool) -> Value {
        let seen: Value = self.process.wait_for(what, PATIENCE, |line| {
            let seen: Value = serde_json::from_str(line).ok()?;
            (seen["line"].as_u64()? > self.line.get() && satisfies(&seen)).then_some(seen)
        });
        self.line.set(seen["line"].as_u64().unwrap_or_default());
        seen
    }

    /// All that was seen so far.
    pub fn all(&self) -> Vec<Value> {
        self.process.data().iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Media time in ms from each frame that it showed to the next one, of those that were far apart.
    pub fn gaps_ms(&self) -> Vec<f64> {
        let lines = self.all();
        let frames = lines.iter().flat_map(|line| line["shown"].as_array().into_iter().flatten());
        let timestamps: Vec<u32> = frames.map(|frame| frame[1].as_u64().unwrap_or_default() as u32).collect();
        let between = timestamps.windows(2).map(|pair| f64::from(pair[1].wrapping_sub(pair[0])) / 90.0);
        between.filter(|gap| *gap > 150.0).collect()
    }

    /// Waits until it plays: so many more frames, and sound for as long, than `before` had.
    pub fn wait_playing(&self, before: &Value, frames: u64) -> Value {
        let more = |seen: &Value, name: &str, by: u64| count(seen, name) >= count(before, name) + by;
        self.wait(&format!("{frames} frames after {before}"), |seen| {
            seen["state"] == "live" && more(seen, "frames", frames) && more(seen, "samples", frames * 1_000)
        })
    }
}

/// A figure of what was seen; 0 where there is none yet.
pub fn count(seen: &Value, name: &str) -> u64 {
    seen[name].as_u64().unwrap_or_default()
}
