//! A rate limiter that misbehaves on purpose: its rules as the configuration says, its verdicts as the last segment of the
//! stream's name says.

use std::hint::black_box;
use wasmcast_plugin::prelude::*;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Which rules it gives.
    #[serde(default)]
    rules: String,
    /// Asked for `wait`.
    #[serde(default)]
    url: String,
    /// Of the rule `few`.
    #[serde(default)]
    most: u32,
    #[serde(default)]
    broken: bool,
}

struct Hostile(Config);

impl Plugin for Hostile {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        ensure!(!config.broken, "the limiter does not want to begin");
        Ok(Hostile(config))
    }
}

#[ratelimit]
fn rules(Hostile(config): &mut Hostile) -> Result<Vec<Rule>> {
    let many = |count: u32| (0..count).map(|n| limit(format!("r-{n}")).viewers().at_once(1)).collect::<Vec<_>>();
    let paced = |per_second, burst| vec![limit("paced").viewers().rate(per_second, burst)];
    let huge = |length: usize| "x".repeat(length);
    Ok(match config.rules.as_str() {
        "million" => many(1_000_000),
        "sixty-five" => many(65),
        "nan" => paced(f64::NAN, 1.0),
        "infinite" => paced(f64::INFINITY, 1.0),
        "negative" => paced(-1.0, 1.0),
        "zero" => paced(0.0, 1.0),
        "burst-nan" => paced(1.0, f64::NAN),
        "burst-infinite" => paced(1.0, f64::INFINITY),
        "burst-negative" => paced(1.0, -1.0),
        "name" => vec![limit("A b\n\u{1b}[31m").viewers().at_once(1)],
        "long-name" => vec![limit(huge(100_000)).viewers().at_once(1)],
        "huge-name" => vec![limit(huge(20_000_000)).viewers().at_once(1)],
        "measure" => vec![limit("a").measure("packets").at_once(1)],
        "long-measure" => vec![limit("a").measure(huge(100_000)).at_once(1)],
        "per" => vec![limit("a").connections().per(Per::Subject).at_once(1)],
        "tag" => vec![limit("a").viewers().per(Per::tag(huge(10_000))).at_once(1)],
        "only" => vec![limit("a").viewers().only_stream("a//b").at_once(1)],
        "twice" => vec![limit("a").viewers().at_once(1), limit("a").publishers().at_once(1)],
        "country" => vec![limit("a").viewers().per(Per::Country).at_once(1)],
        "error" => bail!("the limiter does not want to give rules"),
        "panic" => panic!("the limiter panics as it was told"),
        "loop" => loop {
            black_box(());
        },
        _ => vec![
            limit("asked").viewers().only_stream("asked/*").ask(),
            limit("few").viewers().only_stream("few/*").at_once(config.most),
        ],
    })
}

#[decide]
fn decide(session: &Session, rule: &str, Hostile(config): &mut Hostile) -> Result<Verdict> {
    ensure!(rule == "asked", "asked about `{rule}`");
    let stream = session.stream_name();
    Ok(match stream.rsplit('/').next().unwrap_or_default() {
        "panic" => panic!("the limiter panics as it was told"),
        "loop" => loop {
            black_box(());
        },
        "error" => bail!("the limiter does not want to decide"),
        "wait" => {
            http::get(config.url.as_str()).send()?.ok()?;
            admit()
        }
        "refuse" => refuse(milliseconds(1_200)),
        "unknown" => refuse(Duration::ZERO),
        "ever" => refuse(days(40)),
        "counted" if kv::increment("counted", 1)? > 5 => refuse(seconds(60)),
        _ => admit(),
    })
}
