//! An observer that misbehaves on purpose, as its configuration says, and tells what it heard where it does not.

use std::hint::black_box;
use wasmcast_plugin::prelude::*;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Config {
    /// `fine`, `error`, `panic`, `loop`, `wait`, `flood`.
    #[serde(default)]
    way: String,
    /// Asked where it waits.
    #[serde(default)]
    url: String,
    #[serde(default)]
    broken: bool,
}

struct Hostile {
    config: Config,
    heard: u64,
}

impl Plugin for Hostile {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        ensure!(!config.broken, "the observer does not want to begin");
        Ok(Hostile { config, heard: 0 })
    }
}

impl Hostile {
    fn misbehave(&self) -> Result<()> {
        match self.config.way.as_str() {
            "error" => bail!("the observer does not want to"),
            "panic" => panic!("the observer panics as it was told"),
            "loop" => loop {
                black_box(());
            },
            "wait" => drop(http::get(self.config.url.as_str()).timeout(seconds(60)).send()),
            "flood" => {
                for number in 0..100_000 {
                    info!("flood"; number);
                    notify::emit("flood", &[("number", number.to_string().as_str())]);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

#[observer]
fn events(batch: &[Event], hostile: &mut Hostile) -> Result<()> {
    hostile.misbehave()?;
    hostile.heard += batch.len() as u64;
    let (first, last) =
        (batch.first().map_or(0, |event| event.sequence), batch.last().map_or(0, |event| event.sequence));
    let kinds: Vec<&str> = batch.iter().map(|event| event.kind.as_str()).collect();
    info!("events"; first, last, heard = hostile.heard, kinds = kinds.join(","));
    Ok(())
}

#[observer]
fn stats(stats: &Stats, hostile: &mut Hostile) -> Result<()> {
    hostile.misbehave()?;
    for track in &stats.tracks {
        info!(
            "track";
            stream = track.stream_name,
            kind = track.kind,
            inbound = track.inbound,
            kbps = track.bitrate_kbps,
            fps = track.frame_rate,
            loss = track.loss,
            extras = track.extras.len()
        );
    }
    Ok(())
}
