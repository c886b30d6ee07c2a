//! The `[access]` section: defaults for publishing and playing, and rules for streams.

use super::{Action, Form, Pattern, Secret};
use std::fmt;
use std::str::FromStr;

/// Who may publish and play what.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What holds for publishing where no rule matches.
    pub publish: Option<Fallback>,
    /// What holds for playing where no rule matches.
    pub play: Option<Fallback>,
    /// The first rule that covers stream and action decides.
    pub rules: Vec<Rule>,
}

/// What holds where no rule matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", rename_all = "lowercase")]
pub enum Fallback {
    Open,
    Denied,
}

/// One entry of `[[access.rules]]`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "RawRule")]
pub struct Rule {
    pub stream: Pattern,
    /// The actions that the rule is about; never empty.
    pub action: Vec<Action>,
    pub allow: Allow,
    /// For [`Allow::Token`]: never empty. Empty otherwise.
    pub tokens: Vec<Token>,
}

/// Whom a rule lets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", rename_all = "lowercase")]
pub enum Allow {
    Open,
    Denied,
    Token,
}

/// A token that a rule accepts.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Token {
    #[serde(rename = "sha256")]
    pub secret: Secret,
    /// Who holds it, for logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl Config {
    /// Whether anything is said about who may do this.
    pub fn covers(&self, action: Action) -> bool {
        self.fallback(action).is_some() || self.rules.iter().any(|rule| rule.action.contains(&action))
    }

    /// What holds for the action where no rule matches, if it is written out.
    pub fn fallback(&self, action: Action) -> Option<Fallback> {
        match action {
            Action::Publish => self.publish,
            Action::Play => self.play,
        }
    }

    /// Every secret of the section.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        self.rules.iter().flat_map(|rule| &rule.tokens).map(|token| &token.secret)
    }
}

/// A word that is not one of those expected.
#[derive(Debug, thiserror::Error)]
#[error("`{word}` is not known here; write {expected}")]
pub struct UnknownWord {
    word: String,
    expected: &'static str,
}

macro_rules! words {
    ($type:ident, $expected:literal, $($word:literal => $value:ident),+) => {
        impl FromStr for $type {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($word => Ok($type::$value),)+
                    _ => Err(UnknownWord { word: text.chars().take(40).collect(), expected: $expected }),
                }
            }
        }

        impl TryFrom<String> for $type {
            type Error = UnknownWord;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $($type::$value => $word,)+
                })
            }
        }
    };
}

words!(Fallback, "\"open\" or \"denied\"; rules in [[access.rules]] can ask for tokens", "open" => Open, "denied" => Denied);
words!(Allow, "\"open\", \"denied\" or \"token\"", "open" => Open, "denied" => Denied, "token" => Token);
words!(Action, "\"publish\" or \"play\"", "publish" => Publish, "play" => Play);

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    stream: Pattern,
    action: Option<Vec<Action>>,
    allow: Allow,
    #[serde(default)]
    tokens: Vec<Token>,
}

/// Why a rule makes no sense, though its parts do.
#[derive(Debug, thiserror::Error)]
enum InvalidRule {
    #[error("`action` is empty, so the rule would never be used; leave the key out to mean both publish and play")]
    NoAction,
    #[error("allow = \"token\" needs at least one entry in `tokens`; `wasmcast config token` makes one")]
    NoToken,
    #[error("`tokens` is given but allow = \"{0}\" does not look at tokens; write allow = \"token\"")]
    UnusedTokens(Allow),
    #[error("more than 1000 tokens in one rule; every one is compared at each request")]
    TooManyTokens,
}

impl TryFrom<RawRule> for Rule {
    type Error = InvalidRule;

    fn try_from(raw: RawRule) -> Result<Self, Self::Error> {
        let action = raw.action.unwrap_or_else(|| vec![Action::Publish, Action::Play]);
        if action.is_empty() {
            return Err(InvalidRule::NoAction);
        }
        match (raw.allow, raw.tokens.len()) {
            (Allow::Token, 0) => Err(InvalidRule::NoToken),
            (Allow::Open | Allow::Denied, 1..) => Err(InvalidRule::UnusedTokens(raw.allow)),
            (_, 1001..) => Err(InvalidRule::TooManyTokens),
            _ => Ok(Rule { stream: raw.stream, action, allow: raw.allow, tokens: raw.tokens }),
        }
    }
}

/// A token is `"sha256:HEX"`, `"file:PATH"`, `"env:NAME"`, or a table of one of these and a name.
impl<'de> serde::Deserialize<'de> for Token {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TokenVisitor)
    }
}

struct TokenVisitor;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RawToken {
    sha256: String,
    name: Option<String>,
}

impl<'de> serde::de::Visitor<'de> for TokenVisitor {
    type Value = Token;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"sha256:HEX\" or { sha256 = \"HEX\", name = \"alice\" }")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Token, E> {
        let secret = Secret::read(text, Form::DigestOnly).map_err(E::custom)?;
        Ok(Token { secret, name: None })
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Token, A::Error> {
        let raw: RawToken = serde::Deserialize::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
        let names_its_form = ["sha256:", "file:", "env:"].iter().any(|form| raw.sha256.starts_with(form));
        let text = if names_its_form { raw.sha256 } else { format!("sha256:{}", raw.sha256) };
        let secret = Secret::read(&text, Form::DigestOnly).map_err(serde::de::Error::custom)?;
        Ok(Token { secret, name: raw.name })
    }
}
