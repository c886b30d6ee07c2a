//! Decides who may publish and play: the one door that every protocol asks.

mod config;
mod network;
mod secret;

pub use config::{Allow, Config, Fallback, Rule, Token};
pub use network::{InvalidNetwork, Network};
pub use secret::{Form, InvalidSecret, Secret, SecretDigest, digest, random_token};

pub use crate::media::{InvalidPattern, Pattern};

use crate::media::StreamName;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::watch;

/// What somebody asks to do with a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", rename_all = "lowercase")]
pub enum Action {
    Publish,
    Play,
}

/// A question to [`Access::check`].
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub action: Action,
    pub stream: &'a StreamName,
    /// The bearer token, or `?token=`.
    pub token: Option<&'a str>,
    /// The client's address, behind trusted proxies the one that they tell.
    pub remote_ip: IpAddr,
}

/// A yes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// The name of the token that opened, where it has one.
    pub subject: Option<String>,
}

/// A no, in words for the client. It tells nothing about tokens or rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    #[error(
        "this needs a token; send it as `Authorization: Bearer TOKEN`, or as `?token=TOKEN` where no header can be set"
    )]
    TokenMissing,
    #[error("the token is not accepted for this stream and action")]
    TokenWrong,
    #[error("the access rules of this server do not allow this")]
    Forbidden,
}

impl Denial {
    /// The HTTP status: 401 where a token would help, else 403.
    pub fn status(self) -> u16 {
        match self {
            Denial::TokenMissing | Denial::TokenWrong => 401,
            Denial::Forbidden => 403,
        }
    }

    /// The `WWW-Authenticate` header that goes with a 401 (RFC 6750, 3).
    pub fn www_authenticate(self) -> Option<&'static str> {
        match self {
            Denial::TokenMissing => Some("Bearer realm=\"wasmcast\""),
            Denial::TokenWrong => Some("Bearer realm=\"wasmcast\", error=\"invalid_token\""),
            Denial::Forbidden => None,
        }
    }

    /// A short name for metrics and logs.
    pub fn label(self) -> &'static str {
        match self {
            Denial::TokenMissing => "token-missing",
            Denial::TokenWrong => "token-wrong",
            Denial::Forbidden => "forbidden",
        }
    }
}

/// The rules in force. Cheap to clone; all clones see an update.
#[derive(Clone, Debug)]
pub struct Access {
    rules: Arc<watch::Sender<Arc<Config>>>,
    /// Whether the public listeners are on loopback: then what no one wrote a rule for is open, else it is denied.
    loopback_only: bool,
}

impl Access {
    /// `loopback_only`: whether every public listener is bound to a loopback address.
    pub fn new(config: Config, loopback_only: bool) -> Self {
        Access { rules: Arc::new(watch::Sender::new(Arc::new(config))), loopback_only }
    }

    /// Asks whether a client may do this.
    pub async fn check(&self, request: &Request<'_>) -> Result<Grant, Denial> {
        let rules = self.rules.borrow().clone();
        let presented = request.token.map(digest);
        decide(&rules, self.loopback_only, request.action, request.stream.as_str(), presented.as_ref())
    }

    /// What [`Access::check`] would say to the holder of this credential, without asking anyone else. For lists of
    /// streams, and for live sessions after the rules changed.
    pub fn would_allow(&self, action: Action, stream: &StreamName, credential: Option<&SecretDigest>) -> bool {
        let rules = self.rules.borrow().clone();
        decide(&rules, self.loopback_only, action, stream.as_str(), credential).is_ok()
    }

    /// Puts new rules into force. Those who follow [`Access::changes`] are woken when something differs.
    pub fn update(&self, config: Config) {
        self.rules.send_if_modified(|rules| {
            let changed = **rules != config;
            if changed {
                *rules = Arc::new(config);
            }
            changed
        });
    }

    /// Wakes after each change of the rules, so that live sessions can be asked again.
    pub fn changes(&self) -> watch::Receiver<Arc<Config>> {
        self.rules.subscribe()
    }
}

/// The static rules: the first that covers stream and action decides, then the default, then where the server listens.
fn decide(
    config: &Config,
    loopback_only: bool,
    action: Action,
    stream: &str,
    presented: Option<&SecretDigest>,
) -> Result<Grant, Denial> {
    let rule = config.rules.iter().find(|rule| rule.action.contains(&action) && rule.stream.matches(stream));
    if let Some(rule) = rule {
        return match (rule.allow, presented) {
            (Allow::Open, _) => Ok(Grant::default()),
            (Allow::Denied, _) => Err(Denial::Forbidden),
            (Allow::Token, None) => Err(Denial::TokenMissing),
            (Allow::Token, Some(presented)) => matching(&rule.tokens, presented).ok_or(Denial::TokenWrong),
        };
    }
    let open = match config.fallback(action) {
        Some(fallback) => fallback == Fallback::Open,
        None => loopback_only && !config.covers(action),
    };
    if open { Ok(Grant::default()) } else { Err(Denial::Forbidden) }
}

/// Compares with every token, also after a match, so that the time tells nothing.
fn matching(tokens: &[Token], presented: &SecretDigest) -> Option<Grant> {
    let mut found = None;
    for token in tokens {
        if token.secret.matches_digest(presented) {
            found = Some(token);
        }
    }
    found.map(|token| Grant { subject: token.name.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: &str = "wct_alice-0123456789abcdefghjkmn";
    const BOB: &str = "wct_bob-zyxwvutsrqpnmkjhgfedcba98";

    /// SHA-256 of a text in hexadecimal.
    fn hex(text: &str) -> String {
        digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn rules() -> Config {
        let text = format!(
            r#"
            play = "open"
            [[rules]]
            stream = "live/secret"
            allow = "denied"
            [[rules]]
            stream = "live/**"
            action = ["publish"]
            allow = "token"
            tokens = ["sha256:{}", {{ sha256 = "{}", name = "bob" }}]
            [[rules]]
            stream = "private/*"
            allow = "token"
            tokens = [{{ sha256 = "sha256:{}", name = "alice" }}]
            [[rules]]
            stream = "lobby"
            allow = "open"
            "#,
            hex(ALICE),
            hex(BOB),
            hex(ALICE)
        );
        toml::from_str(&text).unwrap()
    }

    fn ask(access: &Access, action: Action, stream: &str, token: Option<&str>) -> Result<Grant, Denial> {
        let stream = stream.parse().unwrap();
        let request = Request { action, stream: &stream, token, remote_ip: "192.0.2.1".parse().unwrap() };
        let answer = futures_util::FutureExt::now_or_never(access.check(&request)).unwrap();
        assert_eq!(access.would_allow(action, &stream, token.map(digest).as_ref()), answer.is_ok());
        answer
    }

    #[test]
    fn the_first_matching_rule_decides() {
        use Action::{Play, Publish};
        let anyone = || Ok(Grant::default());
        let named = |name: &str| Ok(Grant { subject: Some(name.to_owned()) });
        let rows = [
            (Play, "demo", None, anyone()),
            (Publish, "demo", None, Err(Denial::Forbidden)),
            (Publish, "lobby", None, anyone()),
            (Publish, "lobby", Some("whatever"), anyone()),
            (Play, "live/secret", Some(ALICE), Err(Denial::Forbidden)),
            (Publish, "live/secret", Some(ALICE), Err(Denial::Forbidden)),
            (Publish, "live/cam", None, Err(Denial::TokenMissing)),
            (Publish, "live/cam", Some(""), Err(Denial::TokenWrong)),
            (Publish, "live/cam", Some("wct_eve"), Err(Denial::TokenWrong)),
            (Publish, "live/cam", Some(ALICE), anyone()),
            (Publish, "live/a/b", Some(BOB), named("bob")),
            (Play, "live/cam", None, anyone()),
            (Play, "private/x", None, Err(Denial::TokenMissing)),
            (Play, "private/x", Some(BOB), Err(Denial::TokenWrong)),
            (Play, "private/x", Some(ALICE), named("alice")),
            (Publish, "private/x", Some(ALICE), named("alice")),
        ];
        for loopback_only in [true, false] {
            let access = Access::new(rules(), loopback_only);
            for (action, stream, token, expected) in &rows {
                assert_eq!(&ask(&access, *action, stream, *token), expected, "{action} {stream} {token:?}");
            }
        }
    }

    #[test]
    fn without_rules_only_loopback_is_open() {
        for (loopback_only, expected) in [(true, Ok(Grant::default())), (false, Err(Denial::Forbidden))] {
            let access = Access::new(Config::default(), loopback_only);
            assert_eq!(ask(&access, Action::Publish, "demo", None), expected);
            assert_eq!(ask(&access, Action::Play, "demo", None), expected);
        }
        let denied = Config { play: Some(Fallback::Denied), ..Config::default() };
        assert_eq!(ask(&Access::new(denied, true), Action::Play, "demo", None), Err(Denial::Forbidden));
    }

    #[test]
    fn a_change_wakes_those_who_follow() {
        let access = Access::new(Config::default(), true);
        let mut changes = access.changes();
        access.update(Config::default());
        assert!(!changes.has_changed().unwrap());
        access.clone().update(rules());
        assert!(changes.has_changed().unwrap());
        changes.mark_unchanged();
        assert_eq!(ask(&access, Action::Publish, "demo", None), Err(Denial::Forbidden));
    }

    #[test]
    fn denials_carry_their_http_answer() {
        assert_eq!(Denial::TokenMissing.status(), 401);
        assert_eq!(Denial::TokenMissing.www_authenticate(), Some("Bearer realm=\"wasmcast\""));
        assert_eq!(Denial::TokenWrong.status(), 401);
        assert!(Denial::TokenWrong.www_authenticate().unwrap().contains("invalid_token"));
        assert_eq!((Denial::Forbidden.status(), Denial::Forbidden.www_authenticate()), (403, None));
    }

    #[test]
    fn senseless_rules_are_refused_with_what_to_do() {
        let rows = [
            ("publish = \"token\"", "\"open\" or \"denied\""),
            ("publish = 1", "string"),
            ("[[rules]]\nallow = \"open\"", "stream"),
            ("[[rules]]\nstream = \"a\"", "allow"),
            ("[[rules]]\nstream = \"a\"\nallow = \"tokn\"", "\"open\", \"denied\" or \"token\""),
            ("[[rules]]\nstream = \"a\"\nallow = \"token\"", "at least one entry"),
            ("[[rules]]\nstream = \"a\"\nallow = \"open\"\naction = []", "never be used"),
            ("[[rules]]\nstream = \"a\"\nallow = \"open\"\naction = [\"watch\"]", "\"publish\" or \"play\""),
            ("[[rules]]\nstream = \"a b\"\nallow = \"open\"", "no stream pattern"),
            ("[[rules]]\nstream = \"a\"\nallow = \"token\"\ntokens = [\"letmein\"]", "wasmcast config token"),
            ("[[rules]]\nstream = \"a\"\nallow = \"token\"\ntokens = [{ sha256 = \"12\" }]", "too weak"),
            ("[[rules]]\nstream = \"a\"\nallow = \"token\"\ntokens = [7]", "sha256:HEX"),
            ("[[rules]]\nstream = \"a\"\nallow = \"token\"\ntokens = [{ name = \"x\" }]", "sha256"),
            ("[[rules]]\nstream = \"a\"\nallow = \"open\"\nwhen = 1", "when"),
        ];
        for (text, expected) in rows {
            let error = toml::from_str::<Config>(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}\n{error}");
        }
        let unused = format!("[[rules]]\nstream = \"a\"\nallow = \"open\"\ntokens = [\"sha256:{}\"]", hex(ALICE));
        assert!(toml::from_str::<Config>(&unused).unwrap_err().to_string().contains("does not look at tokens"));
    }

    #[test]
    fn tokens_are_shown_masked() {
        let shown = serde_json::to_string(&rules()).unwrap();
        assert!(shown.contains(r#"{"sha256":"***","name":"bob"}"#), "{shown}");
        assert!(!shown.contains(&hex(ALICE)));
        assert!(!format!("{:?}", rules()).contains(&hex(ALICE)));
    }
}
