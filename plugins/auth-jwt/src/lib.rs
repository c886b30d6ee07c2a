//! Lets in who shows a JSON Web Token (RFC 7519) that grants what is asked for. See README.md.

mod base64url;
mod config;
mod jwks;
mod keys;
mod pattern;
mod rules;
mod token;
mod verified;

use config::{Config, Others};
use jwks::Jwks;
use keys::{Algorithm, Key};
use rules::{Refusal, Rules, not_valid};
use token::Token;
use verified::Signed;
use wasmcast_plugin::prelude::*;

struct Jwt {
    rules: Rules,
    others: Others,
    accepted: Vec<Algorithm>,
    fixed: Vec<Key>,
    jwks: Option<Jwks>,
}

impl Plugin for Jwt {
    type Config = Config;

    fn new(mut config: Config) -> Result<Self> {
        let (fixed, accepted) = (config.fixed()?, config.accepted()?);
        for key in &fixed {
            verified::is_sound(key).context("config: a key can not be used")?;
        }
        let refresh = seconds(config.refresh_s.max(10));
        let mut jwks = config.jwks.take().map(|url| Jwks::new(url, refresh));
        if let Some(jwks) = &mut jwks {
            jwks.refresh()?;
        }
        Ok(Jwt { others: config.others, rules: Rules::new(config), accepted, fixed, jwks })
    }
}

#[auth]
fn authorize(session: &Session, jwt: &mut Jwt) -> Result<Decision> {
    let action = session.action();
    let Some(token) = session.token().filter(|token| token::is_one(token)) else {
        // The API has credentials of its own: who only guards streams must not lock the operator out.
        let abstains = jwt.others == Others::Abstain || action == Action::Admin;
        return Ok(if abstains { abstain() } else { deny(401, "This stream needs a personal link.") });
    };
    jwt.judge(&token, action, &session.stream_name()).map(|answer| {
        answer.unwrap_or_else(|refusal| {
            info!("refused: {}", refusal.why; stream = session.stream_name());
            refusal.answer()
        })
    })
}

impl Jwt {
    /// The answer, or the refusal; a failure is the plugin's own.
    fn judge(&mut self, token: &str, action: Action, stream: &str) -> Result<Result<Decision, Refusal>> {
        let token = match Token::parse(token) {
            Ok(token) if self.accepted.contains(&token.algorithm) => token,
            Ok(token) => {
                return Ok(Err(not_valid(format!("its algorithm {} is not accepted", token.algorithm.name()))));
            }
            Err(why) => return Ok(Err(not_valid(why))),
        };
        Ok(match self.signed(&token)? {
            Signed::NoKey => Err(not_valid("no key fits it: see its `alg` and `kid`")),
            Signed::No => Err(not_valid("its signature does not match")),
            Signed::Yes => token
                .claims()
                .map_err(not_valid)
                .and_then(|claims| self.rules.judge(&claims, action, stream, clock::unix())),
        })
    }

    fn signed(&mut self, token: &Token<'_>) -> Result<Signed> {
        let signed = self.try_keys(token)?;
        match &mut self.jwks {
            Some(jwks) if signed == Signed::NoKey => jwks.look_again()?,
            _ => return Ok(signed),
        }
        self.try_keys(token)
    }

    fn try_keys(&self, token: &Token<'_>) -> Result<Signed> {
        let published = self.jwks.iter().flat_map(|jwks| &jwks.keys);
        verified::by(self.fixed.iter().chain(published), token)
    }
}

#[export]
impl Tick for Jwt {
    fn interval(&self) -> Duration {
        // More often than keys are fetched: another instance may have fetched them.
        self.jwks.as_ref().map_or(Duration::ZERO, |_| seconds(10))
    }

    fn tick(&mut self) -> Result<()> {
        self.jwks.as_mut().map_or(Ok(()), Jwks::refresh)
    }
}

#[export]
impl SelfTest for Jwt {
    fn self_test(&mut self) -> Result<()> {
        // RFC 8037, appendix A.
        let jwk = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        let text = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.\
            hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
        let key = Key::parse(&jwk.parse()?).map_err(Error::new)?;
        let mut token = Token::parse(text).map_err(Error::new)?;
        ensure!(verified::by([&key].into_iter(), &token)? == Signed::Yes, "the host refuses a good signature");
        token.signature[0] ^= 1;
        ensure!(verified::by([&key].into_iter(), &token)? == Signed::No, "the host takes a bad signature");
        Ok(())
    }
}
