//! The macros on an author's machine: what they expand to compiles without a warning, and leaves the functions callable.

#![deny(warnings)]

use wasmcast_plugin::prelude::*;
use wasmcast_plugin::serde_json;

#[derive(Deserialize, Serialize, Debug, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Config {
    token: String,
    #[serde(default)]
    max_seats: Option<u32>,
    #[serde(default = "five")]
    ttl_s: u64,
    #[serde(default)]
    mode: Mode,
}

#[derive(Deserialize, Serialize, Debug, Default, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Mode {
    #[default]
    Open,
    Closed,
}

/// All of it may be left out.
#[derive(Deserialize, Debug, PartialEq)]
#[serde(default, deny_unknown_fields)]
struct Optional {
    name: String,
    #[serde(rename = "most")]
    seats: u32,
    nested: Nested,
}

#[derive(Deserialize, Debug, Default, PartialEq)]
#[serde(default)]
struct Nested {
    deep: Option<bool>,
}

impl Default for Optional {
    fn default() -> Self {
        Self { name: "none".to_owned(), seats: 7, nested: Nested { deep: Some(true) } }
    }
}

fn five() -> u64 {
    5
}

struct State {
    config: Config,
    blocked: Vec<String>,
}

impl Plugin for State {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        ensure!(!config.token.is_empty(), "`token` is empty");
        Ok(Self { config, blocked: Vec::new() })
    }
}

#[auth]
fn authorize(session: &Session, state: &mut State) -> Result<Decision> {
    let token = session.token().context("no token")?;
    Ok(decide(&token, &state.config))
}

#[revoke]
fn poll(state: &mut State) -> Result<Vec<Selection>> {
    Ok(state.blocked.drain(..).map(Selection::Subject).collect())
}

#[ratelimit]
fn limits(state: &mut State) -> Result<Vec<Rule>> {
    let seats = state.config.max_seats.unwrap_or(9);
    Ok(vec![limit("seats").viewers().per(Per::Stream).at_once(seats), limit("asked").publishers().ask()])
}

#[decide]
fn verdict(_session: &Session, rule: &str, config: &Config) -> Verdict {
    if rule == "asked" && config.mode == Mode::Closed { refuse(seconds(config.ttl_s)) } else { admit() }
}

#[export]
impl Tick for State {
    fn interval(&self) -> Duration {
        minutes(1)
    }

    fn tick(&mut self) -> Result<()> {
        self.blocked.push("alice".to_owned());
        Ok(())
    }
}

#[export]
impl SelfTest for State {
    fn self_test(&mut self) -> Result<()> {
        ensure!(decide(&self.config.token, &self.config).is_allow(), "the token does not let in");
        Ok(())
    }
}

#[export]
impl Reconfigure for State {
    fn reconfigure(&mut self, config: Config) -> Result<()> {
        self.config = config;
        Ok(())
    }
}

#[export]
impl SaveState for State {
    type Saved = Vec<String>;

    fn save(&mut self) -> Result<Vec<String>> {
        Ok(self.blocked.clone())
    }

    fn restore(&mut self, blocked: Vec<String>) -> Result<()> {
        self.blocked = blocked;
        Ok(())
    }
}

fn decide(token: &str, config: &Config) -> Decision {
    if token == config.token { allow().ttl(seconds(config.ttl_s)) } else { deny(401, "No.") }
}

fn config(text: &str) -> Result<Config, serde_json::Error> {
    serde_json::from_str(text)
}

#[test]
fn serde_attributes_hold() {
    let expected = Config { token: "x".into(), max_seats: Some(3), ttl_s: 5, mode: Mode::Closed };
    let text = r#"{"token":"x","max-seats":3,"mode":"closed"}"#;
    assert_eq!(config(text).unwrap(), expected);
    let written = serde_json::to_string(&expected).unwrap();
    assert_eq!(written, r#"{"token":"x","max-seats":3,"ttl-s":5,"mode":"closed"}"#);
    let rows = [
        (r#"{"token":"x","max_seats":3}"#, "unknown field `max_seats`"),
        (r#"{"max-seats":3}"#, "missing field `token`"),
        (r#"[]"#, "struct Config"),
        (r#"{"token":"x","mode":"ajar"}"#, "unknown variant `ajar`"),
    ];
    for (text, expected) in rows {
        let error = config(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn a_struct_with_defaults_fills_what_is_left_out() {
    let read = |text: &str| serde_json::from_str::<Optional>(text);
    assert_eq!(read("{}").unwrap(), Optional::default());
    let expected = Optional { name: "x".to_owned(), nested: Nested { deep: None }, ..Optional::default() };
    assert_eq!(read(r#"{"name":"x","nested":{}}"#).unwrap(), expected);
    assert!(read(r#"{"nam":"x"}"#).is_err());
}

#[test]
fn functions_of_a_plugin_are_tested_like_any() {
    let mut state = State::new(config(r#"{"token":"x"}"#).unwrap()).unwrap();
    assert!(decide("x", &state.config).is_allow() && decide("y", &state.config).is_deny());
    assert_eq!(state.interval(), minutes(1));
    state.tick().unwrap();
    state.self_test().unwrap();
    assert_eq!(poll(&mut state).unwrap(), [Selection::Subject("alice".to_owned())]);
    assert_eq!(limits(&mut state).unwrap().len(), 2);
    let saved = state.save().unwrap();
    state.restore(saved).unwrap();
    state.reconfigure(config(r#"{"token":"y"}"#).unwrap()).unwrap();
    assert!(decide("y", &state.config).is_allow());
    info!("logged to stderr"; saved = state.blocked.len());
    assert!(State::new(config(r#"{"token":""}"#).unwrap()).is_err());
}

#[test]
#[should_panic(expected = "`kv` is given by the server")]
fn what_only_the_server_has_is_told() {
    drop(kv::get("x"));
}
