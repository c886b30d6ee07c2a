//! The next version of a plugin, which is worse than the one before in the way that its configuration says.

use std::hint::black_box;
use wasmcast_plugin::prelude::*;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Tells versions apart.
    #[serde(default)]
    subject: String,
    #[serde(default)]
    ttl_ms: Option<u64>,
    /// So many of 100 calls trap, by chance.
    #[serde(default)]
    trap_percent: u64,
    /// Work at each call: a million takes about a millisecond.
    #[serde(default)]
    work: u64,
    #[serde(default)]
    deny: bool,
    /// Who asks for this stream is denied.
    #[serde(default)]
    deny_stream: Option<String>,
    /// `loop`: no call returns; `memory`: each takes all that it can get; `trap`.
    #[serde(default)]
    way: Option<String>,
}

#[auth]
fn authorize(session: &Session, config: &Config) -> Result<Decision> {
    for round in 0..config.work {
        black_box(round);
    }
    match config.way.as_deref() {
        Some("loop") => loop {
            black_box(());
        },
        Some("memory") => {
            let mut all: Vec<Vec<u8>> = Vec::new();
            loop {
                all.push(vec![7; 1 << 20]);
                black_box(&all);
            }
        }
        Some("trap") => panic!("the successor panics as it was told"),
        _ => {}
    }
    assert!(random::next_u64() % 100 >= config.trap_percent, "the successor panics by chance");
    if config.deny || config.deny_stream.as_ref() == Some(&session.stream_name()) {
        return Ok(deny(403, "Not by this version."));
    }
    let ttl = config.ttl_ms.map_or(minutes(10), milliseconds);
    Ok(allow().subject(config.subject.as_str()).ttl(ttl))
}
