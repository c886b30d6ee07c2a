//! Misbehaves on purpose: at a call as the last segment of the stream's name says, elsewhere as the configuration says.

use std::hint::black_box;
use wasmcast_plugin::prelude::*;

/// Ways to misbehave: `panic`, `loop`, `recurse`, `memory`, `handles`, `log`, `metrics`, `error`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// When an instance begins.
    #[serde(default)]
    init: Option<String>,
    #[serde(default)]
    self_test: Option<String>,
    /// When it takes over the state of the generation before.
    #[serde(default)]
    restore: Option<String>,
    #[serde(default)]
    tick: Option<String>,
    /// When it is polled for revocations.
    #[serde(default)]
    poll: Option<String>,
    /// At one call of the instance, counted from 1.
    #[serde(default)]
    at_call: Option<u64>,
}

struct Hostile {
    config: Config,
    calls: u64,
}

impl Plugin for Hostile {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        misbehave(config.init.as_deref())?;
        Ok(Hostile { config, calls: 0 })
    }
}

#[auth]
fn authorize(session: &Session, hostile: &mut Hostile) -> Result<Decision> {
    hostile.calls += 1;
    if hostile.config.at_call == Some(hostile.calls) {
        misbehave(Some("panic"))?;
    }
    let stream = session.stream_name();
    match stream.rsplit('/').next().unwrap_or_default() {
        // 100 MB; the text is the viewer's, so the server has to take it over.
        "huge" => Ok(deny(403, "x".repeat(100_000_000))),
        "abstain" => Ok(abstain()),
        "deny" => Ok(deny(403, "Not you.")),
        way => {
            misbehave(Some(way))?;
            Ok(allow().subject("anybody").tag("calls", hostile.calls))
        }
    }
}

#[revoke]
fn poll(hostile: &mut Hostile) -> Result<Vec<Selection>> {
    misbehave(hostile.config.poll.as_deref())?;
    Ok(Vec::new())
}

#[export]
impl SelfTest for Hostile {
    fn self_test(&mut self) -> Result<()> {
        misbehave(self.config.self_test.as_deref())
    }
}

#[export]
impl Tick for Hostile {
    fn interval(&self) -> Duration {
        self.config.tick.as_ref().map_or(Duration::ZERO, |_| seconds(1))
    }

    fn tick(&mut self) -> Result<()> {
        misbehave(self.config.tick.as_deref())
    }
}

#[export]
impl SaveState for Hostile {
    type Saved = u64;

    fn save(&mut self) -> Result<u64> {
        Ok(self.calls)
    }

    fn restore(&mut self, calls: u64) -> Result<()> {
        self.calls = calls;
        misbehave(self.config.restore.as_deref())
    }
}

/// Does it. An unknown way, or none, does no harm.
fn misbehave(way: Option<&str>) -> Result<()> {
    match way.unwrap_or_default() {
        "panic" => panic!("the guest panics as it was told"),
        "loop" => loop {
            black_box(());
        },
        "recurse" => {
            black_box(recurse(0));
        }
        "memory" => {
            let mut all: Vec<Vec<u8>> = Vec::new();
            loop {
                all.push(vec![7; 1 << 20]);
                black_box(&all);
            }
        }
        "handles" => loop {
            // Its handle is given back by a part of it, which this keeps from happening.
            #[allow(clippy::forget_non_drop)]
            std::mem::forget(metrics::counter("leaked_total", &[]));
        },
        "log" => {
            for n in 0..100_000 {
                info!("line {n} of very many, and each of them is long enough to fill a disk some day"; n);
            }
        }
        "metrics" => {
            for n in 0..1_000_000 {
                metrics::counter(&format!("series_{n}_total"), &[]).add(1);
            }
        }
        "error" => bail!("the guest does not want to"),
        _ => {}
    }
    Ok(())
}

#[allow(unconditional_recursion)]
#[inline(never)]
fn recurse(n: u64) -> u64 {
    let block = black_box([n; 32]);
    recurse(n + 1) + block[(n % 32) as usize]
}
