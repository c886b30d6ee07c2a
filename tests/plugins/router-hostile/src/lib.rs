//! A router that misbehaves on purpose, as the last segment of the stream's name says.

use std::hint::black_box;
use wasmcast_plugin::prelude::*;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Asked for `wait`.
    #[serde(default)]
    url: String,
    /// Tells generations apart.
    #[serde(default)]
    cohort: Option<String>,
    #[serde(default)]
    broken: bool,
}

struct Hostile(Config);

impl Plugin for Hostile {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        ensure!(!config.broken, "the router does not want to begin");
        Ok(Hostile(config))
    }
}

#[router]
fn choose(session: &Session, Hostile(config): &mut Hostile) -> Result<Option<Route>> {
    let stream = session.stream_name();
    let way = stream.rsplit('/').next().unwrap_or_default();
    Ok(Some(match way {
        "panic" => panic!("the router panics as it was told"),
        "loop" => loop {
            black_box(());
        },
        "error" => bail!("the router does not want to"),
        "wait" => {
            http::get(config.url.as_str()).send()?.ok()?;
            route()
        }
        "newline" => route().node("https://b.example/\r\nSet-Cookie: a=b"),
        "script" => route().node("javascript:alert(1)"),
        "file" => route().node("file:///etc/passwd"),
        "user" => route().node("https://a:b@b.example/"),
        "relative" => route().node("//b.example/whep/x"),
        "long" => route().node(format!("https://b.example/{}", "x".repeat(10_000))),
        "huge" => route().stream_name("x".repeat(100_000_000)),
        "tags" => (0..10_000).fold(route(), |route, n| route.tag(n.to_string(), n)),
        "tag" => route().tag("cohort", "x".repeat(2_000)),
        "reserved" => route().tag("wasmcast.limit", 1),
        "nodes" => route().nodes((0..10_000).map(|n| format!("n-{n}"))),
        "name" => route().stream_name("a b"),
        "foreign" => route().stream_name("elsewhere/cam"),
        "rendition" => route().rendition("low\r\n"),
        "unknown" => route().node("nowhere-1"),
        "absent" => route().rendition("absent").stream_name("demo"),
        "odd" => route().tag("cohort", "a b\"} \\ é"),
        "self" => route().node(format!("http://{}", session.header("host").unwrap_or_default())),
        "tagged" => {
            let plan = session.tag("plan").unwrap_or_default();
            route().stream_name("demo").tag("plan", "stolen").tag("cohort", plan)
        }
        "none" => return Ok(None),
        _ => route().tag("cohort", config.cohort.as_deref().unwrap_or("plain")),
    }))
}
