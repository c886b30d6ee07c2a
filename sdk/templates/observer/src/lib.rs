//! Tells the log of viewers who saw little, and of tracks that lose packets.

use wasmcast_plugin::prelude::*;

/// `[config]` of the manifest.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// A session that ended sooner saw little, in seconds.
    short_s: u64,
    /// Of packets, in percent.
    loss: f32,
}

/// Called with what happened, in batches. After an `Err` the same events come again, later and later.
#[observer]
fn events(batch: &[Event], config: &Config) -> Result<()> {
    for event in batch.iter().filter(|event| event.kind == "session.ended") {
        let duration_ms: u64 = event.attribute("duration_ms").and_then(|text| text.parse().ok()).unwrap_or(0);
        if duration_ms < config.short_s * 1_000 {
            let reason = event.attribute("reason").unwrap_or_default();
            warn!("a short session"; session = event.session_id, stream = event.stream_name, duration_ms, reason);
        }
    }
    Ok(())
}

/// Called every few seconds with how all tracks do.
#[observer]
fn stats(stats: &Stats, config: &Config) -> Result<()> {
    for track in stats.tracks.iter().filter(|track| track.loss * 100.0 > config.loss) {
        warn!("packets are lost"; session = track.session_id, kind = track.kind, percent = track.loss * 100.0);
    }
    Ok(())
}
