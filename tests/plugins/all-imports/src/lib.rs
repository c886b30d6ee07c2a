//! Calls each function of the server once, state and abilities too.
//!
//! Who asks for `revoke/SUBJECT` has the sessions of that name asked again, and refused from then on; the subject is `viewer` or
//! `publisher`. Who asks for `as/NAME` gets the stream `NAME`.
use wasmcast_plugin::prelude::*;

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    url: Option<String>,
}

struct State {
    url: Option<String>,
    calls: metrics::Counter,
    level: metrics::Gauge,
    took: metrics::Histogram,
    ticks: u32,
}

impl Plugin for State {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        info!("made"; url = config.url.as_deref().unwrap_or("none"));
        Ok(Self {
            url: config.url,
            calls: metrics::counter("calls", &[("kind", "auth")]),
            level: metrics::gauge("level", &[]),
            took: metrics::histogram("took_seconds", &[], &[0.001, 0.01]),
            ticks: 0,
        })
    }
}

#[auth]
fn authorize(session: &Session, state: &mut State) -> Result<Decision> {
    let subject = if session.is_publish() { "publisher" } else { "viewer" };
    if let Some(gone) = session.stream_name().strip_prefix("revoke/") {
        kv::put("gone", gone)?;
        kv::put("revoke", gone)?;
        return Ok(deny(403, "It is done."));
    }
    if kv::get_text("gone")?.is_some_and(|gone| gone == subject) {
        return Ok(deny(403, "You were sent away."));
    }
    let started = clock::monotonic();
    let _span = trace::span("work");
    trace::annotate("who", session.remote_ip());
    state.calls.add(1);
    state.level.set(0.5);
    debug!("asked"; id = session.id(), json = session.json());
    let n = kv::increment_for("logins", 1, hours(1)).context("count logins")?;
    kv::put_for("last", session.id(), minutes(1))?;
    let last = kv::get_text("last")?.context("`last` is gone")?;
    let swapped = kv::compare_and_set("last", Some(last.as_bytes()), "x", None)?;
    kv::remove("last")?;
    let digest = crypto::sha256("abc");
    let mac = crypto::hmac_sha256("key", "abc");
    let equal = crypto::equal(digest, mac);
    let jwk = r#"{"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#;
    let verified = crypto::verify("HS256", jwk, "abc", mac)?;
    let status = match &state.url {
        Some(url) => http::get(url.as_str()).header("x-test", n).send()?.ok()?.status(),
        None => 0,
    };
    notify::emit("asked", &[("ip", &session.remote_ip())]);
    state.took.observe((clock::monotonic() - started).as_secs_f64());
    let dice = random::next_u64() ^ u64::from(random::bytes(1)[0]);
    let stream = session.stream_name();
    let allowed = match stream.strip_prefix("as/") {
        Some(name) => allow().stream_name(name),
        None => allow(),
    };
    Ok(allowed
        .subject(subject)
        .ttl(seconds(5))
        .tag("n", n)
        .tag("swapped", swapped)
        .tag("equal", equal)
        .tag("verified", verified)
        .tag("status", status)
        .tag("ticks", state.ticks)
        .tag("digest", format!("{:02x}{:02x}", digest[0], digest[1]))
        .tag("dice", dice)
        .tag("unix", clock::unix().as_secs()))
}

#[revoke]
fn poll(_: &mut State) -> Result<Vec<Selection>> {
    let gone = kv::get_text("revoke")?;
    kv::remove("revoke")?;
    Ok(gone.into_iter().map(Selection::Subject).collect())
}

#[export]
impl Tick for State {
    fn interval(&self) -> Duration {
        seconds(1)
    }
    fn tick(&mut self) -> Result<()> {
        self.ticks += 1;
        Ok(())
    }
}

#[export]
impl SelfTest for State {
    fn self_test(&mut self) -> Result<()> {
        ensure!(crypto::sha256("abc")[0] == 0xba, "sha256 is broken");
        Ok(())
    }
}

#[export]
impl Reconfigure for State {
    fn reconfigure(&mut self, config: Config) -> Result<()> {
        self.url = config.url;
        Ok(())
    }
}

#[export]
impl SaveState for State {
    type Saved = u32;
    fn save(&mut self) -> Result<u32> {
        Ok(self.ticks)
    }
    fn restore(&mut self, saved: u32) -> Result<()> {
        self.ticks = saved;
        Ok(())
    }
}
